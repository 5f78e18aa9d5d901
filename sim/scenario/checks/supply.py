"""Window arithmetic: how long work can take on cores that a partition has in fixed windows of a major frame.

The worst case of a static partition is found among the ends of its windows: A. K. Mok, X. Feng and D. Chen, Resource
partition for real-time systems, RTAS 2001, theorem 1; the inverse of the supply bound function of I. Shin and I. Lee,
Periodic resource model for compositional real-time guarantees, RTSS 2003, here of the windows themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sim.scenario.schedule import Window

_STEPS = 1_000
"""A recurrence that has not come to rest after so many steps is taken to have no end."""


@dataclass(frozen=True)
class Supply:
    """When a partition executes in every major frame.

    Attributes:
        frame_ns: the major frame.
        stretches: (start, stop) in ns from its start, ascending and disjoint; at least one.
        stolen_ns: most that other partitions can take away of them in one major frame, by doorbells that preempt.
    """

    frame_ns: int
    stretches: tuple[tuple[int, int], ...]
    stolen_ns: int = 0

    @property
    def total_ns(self) -> int:
        """Time in one major frame."""
        return sum(stop - start for start, stop in self.stretches)

    def response_ns(self, work_ns: int) -> int | None:
        """Return how long work can take at most, whenever it comes, if nothing else is left to do.

        Parameters:
            work_ns: time on its cores that it takes, from 1.

        Returns:
            The least t, in ns, such that at least `work_ns` and what others can steal meanwhile are supplied in any
            interval of length t; None if there is none. An interval of length t has a part in at most ceil(t / frame)
            + 1 major frames; with theft, t is the least fixed point, as in response-time analysis.
        """
        response_ns = self._undisturbed(work_ns)
        if not self.stolen_ns:
            return response_ns
        if self.stolen_ns >= self.total_ns:
            return None
        for _ in range(_STEPS):
            frames = -(-response_ns // self.frame_ns) + 1
            longer_ns = self._undisturbed(work_ns + frames * self.stolen_ns)
            if longer_ns == response_ns:
                return response_ns
            response_ns = longer_ns
        return None

    def _undisturbed(self, work_ns: int) -> int:
        return max(self._finish(index, work_ns) for index in range(len(self.stretches)))

    def _finish(self, index: int, work_ns: int) -> int:
        """Return how long work takes that comes just at the end of a stretch."""
        whole = (work_ns - 1) // self.total_ns
        rest_ns = work_ns - whole * self.total_ns
        from_ns = self.stretches[index][1]
        later = [(start + self.frame_ns, stop + self.frame_ns) for start, stop in self.stretches[: index + 1]]
        for start, stop in (*self.stretches[index + 1 :], *later):
            if rest_ns <= stop - start:
                break
            rest_ns -= stop - start
        return whole * self.frame_ns + start + rest_ns - from_ns


def supply_of(
    name: str, windows: Iterable[Window], frame_ns: int, quantum_ns: int, context_switch_ns: int, preempting: bool
) -> Supply:
    """Return the supply of a partition from sound windows, each of which is longer than a context switch.

    Parameters:
        name: of the partition; it has a window.
        windows: of all partitions.
        frame_ns: the major frame.
        quantum_ns: distance of boundaries.
        context_switch_ns: lost at the start of a window that follows another partition's on any of its cores.
        preempting: whether doorbells preempt. Then each partition that shares a core with this one takes at most the
            length of its own windows, in pieces of at least a quantum, each of which costs a switch back.
    """
    every = sorted(windows, key=lambda window: window.offset_ns)
    own = [window for window in every if window.partition == name]
    cores = {window.core for window in own}
    switched: set[int] = set()
    others: dict[str, int] = {}
    for core in sorted(cores):
        line = [window for window in every if window.core == core]
        switched |= {
            window.offset_ns
            for before, window in zip((line[-1], *line), line, strict=False)
            if window.partition == name != before.partition
        }
        others.update((each.partition, core) for each in line if each.partition != name)
    stretches = [
        (window.offset_ns + context_switch_ns * (window.offset_ns in switched), window.end_ns)
        for window in own
        if window.core == own[0].core
    ]
    rations = [_length(every, other, core) for other, core in others.items()]
    stolen_ns = sum(ration + -(-ration // quantum_ns) * context_switch_ns for ration in rations) * preempting
    return Supply(frame_ns, tuple(_joined(stretches)), stolen_ns)


def _length(windows: Iterable[Window], name: str, core: int) -> int:
    """Return the time that a partition has on a core by its windows."""
    return sum(window.length_ns for window in windows if (window.partition, window.core) == (name, core))


def _joined(stretches: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join stretches of which one starts where another ends."""
    joined: list[tuple[int, int]] = []
    for start, stop in stretches:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
    return joined
