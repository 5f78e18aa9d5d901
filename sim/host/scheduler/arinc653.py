"""Time partitioning: windows at fixed places of a major frame that repeats for ever (ARINC 653 part 1, section 2.3.1).

With doorbells that wait, when a partition executes is a function of time alone: whatever the others do, it cannot tell.
The switch to a partition is charged at the start of each window that follows another partition's.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping

from machines.participant import NEVER_NS, Slice
from sim.host.scheduler.policy import Demand
from sim.scenario.schedule import Window


class Arinc653:
    """Policy of windows in a major frame.

    Parameters:
        quantum_ns: distance of boundaries.
        major_frame_ns: period of the windows.
        windows: of all partitions; none overlaps another of its core, and those of a partition with several cores
            are alike on all of them.
        context_switch_ns: what it takes until another partition executes on a core; shorter than a quantum.
        preempting: a partition that is rung outside its windows has its cores from the next boundary on, until it is
            idle at a boundary, its window starts, or it has had them in this major frame for as long again as its
            windows are. It pays by whole quanta. Among several the one that was rung first goes first.
    """

    full = False

    def __init__(
        self,
        quantum_ns: int,
        major_frame_ns: int,
        windows: Iterable[Window],
        context_switch_ns: int = 0,
        preempting: bool = False,
    ) -> None:
        self._quantum_ns = quantum_ns
        self._major_frame_ns = major_frame_ns
        self._context_switch_ns = context_switch_ns
        self._preempting = preempting
        self._windows: dict[str, list[Window]] = defaultdict(list)
        lines: dict[int, list[Window]] = defaultdict(list)
        for window in sorted(windows, key=lambda window: window.offset_ns):
            self._windows[window.partition].append(window)
            lines[window.core].append(window)
        self._cores = {name: sorted({each.core for each in own}) for name, own in self._windows.items()}
        self._starts = {name: self._merged(name) for name in self._windows}
        self._switched = {
            (window.core, window.offset_ns)
            for line in lines.values()
            for before, window in zip((line[-1], *line), line, strict=False)
            if before.partition != window.partition
        }
        stretches = [stretch for own in self._starts.values() for stretch in own]
        self._edges = sorted({major_frame_ns, *(edge_ns for stretch in stretches for edge_ns in stretch)})
        self._decided_ns = -quantum_ns
        self._intruders: list[str] = []
        self._intruded_ns: dict[str, int] = defaultdict(int)
        self._frame = 0
        self._last_intruder: dict[int, str | None] = {}

    def _merged(self, name: str) -> list[tuple[int, int]]:
        """Return (offset_ns, end_ns) of a partition's windows on its first core, in order."""
        first = self._cores[name][0]
        return [(window.offset_ns, window.end_ns) for window in self._windows[name] if window.core == first]

    @property
    def lasts_ns(self) -> int:
        """The next start or end of a window; the last decision itself, if doorbells preempt."""
        if self._preempting:
            return self._decided_ns
        within_ns = self._decided_ns % self._major_frame_ns
        return self._decided_ns - within_ns + self._edges[bisect_right(self._edges, within_ns)]

    # -- decisions -------------------------------------------------------------------------------------------------

    def decide(self, now_ns: int, demands: Mapping[str, Demand]) -> dict[str, Slice]:
        """Let the owners of the windows execute, unless one that was rung has taken a core of theirs."""
        end_ns = now_ns + self._quantum_ns
        intruding = self._take_cores(now_ns, demands)
        slices: dict[str, Slice] = {}
        for name, demand in demands.items():
            if name not in intruding.values() and (demand.from_ns(now_ns) >= end_ns or not self._owns(name, now_ns)):
                continue
            cores = self._cores[name]
            if all(intruding.get(core, name) == name for core in cores):
                switching = any(self._switches(core, name, now_ns) for core in cores)
                slices[name] = Slice(now_ns + self._context_switch_ns * switching, end_ns)
                self._last_intruder.update(dict.fromkeys(cores, name if name in intruding.values() else None))
        self._decided_ns = now_ns
        return slices

    def next_ns(self, now_ns: int, demands: Mapping[str, Demand]) -> int:
        """Return the start of the first quantum in which anyone has something to do and a window to do it in."""
        return min((self._first(name, now_ns, demand) for name, demand in demands.items()), default=NEVER_NS)

    def account(self, name: str, now_ns: int, executed_ns: int) -> None:
        """Windows are what they are, whatever is executed in them."""

    def _first(self, name: str, now_ns: int, demand: Demand) -> int:
        """Return the first boundary at which a partition could execute."""
        if name not in self._cores or (demand.wake_ns == NEVER_NS and not demand.rung):
            return NEVER_NS
        if self._preempting and self._may_intrude(name, now_ns, demand):
            return now_ns
        from_ns = demand.from_ns(now_ns) // self._quantum_ns * self._quantum_ns
        frame_ns = from_ns // self._major_frame_ns * self._major_frame_ns
        next_frame_ns = frame_ns + self._major_frame_ns
        for offset_ns, end_ns in self._starts[name]:
            if from_ns < frame_ns + end_ns:
                return max(from_ns, frame_ns + offset_ns)
        renewed = self._preempting and demand.rung  # what is left of its ration is full again then
        return next_frame_ns if renewed else next_frame_ns + self._starts[name][0][0]

    def _owns(self, name: str, now_ns: int) -> bool:
        within_ns = now_ns % self._major_frame_ns
        return any(start_ns <= within_ns < end_ns for start_ns, end_ns in self._starts.get(name, ()))

    def _switches(self, core: int, name: str, now_ns: int) -> bool:
        """Tell whether a core comes to a partition at this boundary: by a window, by a doorbell, or back from one."""
        before = self._last_intruder.get(core)
        if before is not None or not self._owns(name, now_ns):
            return before != name
        return (core, now_ns % self._major_frame_ns) in self._switched

    # -- doorbells that preempt ------------------------------------------------------------------------------------

    def _take_cores(self, now_ns: int, demands: Mapping[str, Demand]) -> dict[int, str]:
        """Return the cores that partitions have outside their windows in this quantum, and charge them for it."""
        taken: dict[int, str] = {}
        if not self._preempting:
            return taken
        self._renew(now_ns)
        goes_on = now_ns == self._decided_ns + self._quantum_ns
        self._intruders = [name for name in self._intruders if goes_on and name in demands]
        for name, demand in demands.items():
            if not self._may_intrude(name, now_ns, demand):
                if name in self._intruders:
                    self._intruders.remove(name)
            elif name not in self._intruders:
                self._intruders.append(name)
        for name in self._intruders:
            if not self._owns(name, now_ns) and not any(core in taken for core in self._cores[name]):
                taken.update(dict.fromkeys(self._cores[name], name))
                self._intruded_ns[name] += self._quantum_ns
        return taken

    def _may_intrude(self, name: str, now_ns: int, demand: Demand) -> bool:
        """Tell whether a partition was rung, or is still busy with what it was rung for, and has some of its ration."""
        if name not in self._cores or self._owns(name, now_ns):
            return False
        goes_on = now_ns == self._decided_ns + self._quantum_ns
        asks = demand.rung or (goes_on and name in self._intruders and demand.wake_ns <= now_ns)
        ration_ns = sum(end - start for start, end in self._starts[name])
        spent_ns = self._intruded_ns[name] if now_ns // self._major_frame_ns == self._frame else 0
        return asks and spent_ns < ration_ns

    def _renew(self, now_ns: int) -> None:
        if now_ns // self._major_frame_ns != self._frame:
            self._frame = now_ns // self._major_frame_ns
            self._intruded_ns.clear()
