"""Window arithmetic: how long work can take on cores that a partition has in fixed windows of a major frame.

The worst case of a static partition is found among the ends of its windows: A. K. Mok, X. Feng and D. Chen, Resource
partition for real-time systems, RTAS 2001, theorem 1; the inverse of the supply bound function of I. Shin and I. Lee,
Periodic resource model for compositional real-time guarantees, RTSS 2003, here of the windows themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from sim.scenario.schedule import Window

_STEPS = 1_000
"""A recurrence that has not come to rest after so many steps is taken to have no end."""


@dataclass(frozen=True)
class Supply:
    """When a partition executes in every major frame.

    A machine that executes a share of its time only (`duty`, see `sim.host.duty`) pauses at the end of each quantum.
    Work comes at the worst moment when it begins to do so in the last quantum of a stretch: n quanta earlier, and the
    work ends at least n quanta earlier.

    Attributes:
        frame_ns: the major frame.
        stretches: (start, stop) in ns from its start, ascending and disjoint; at least one. They stop at boundaries,
            and start less than a quantum after one.
        quantum_ns: distance of boundaries.
        stolen_ns: most that other partitions can take away of them in one major frame, by doorbells that preempt.
        duty: share of a quantum that its machine executes, above 0; rounded down, and 1 ns more now and then.
    """

    frame_ns: int
    stretches: tuple[tuple[int, int], ...]
    quantum_ns: int
    stolen_ns: int = 0
    duty: Fraction = Fraction(1)

    def response_ns(self, work_ns: int) -> int | None:
        """Return how long work can take at most, whenever it comes, if nothing else is left to do.

        Parameters:
            work_ns: time on its cores that it takes, from 1.

        Returns:
            The least t, in ns, such that at least `work_ns` and what others can steal meanwhile are supplied in any
            interval of length t; None if there is none. An interval of length t has a part in at most ceil(t / frame)
            + 1 major frames; with theft, t is the least fixed point, as in response-time analysis.
        """
        executing_ns, stolen_ns = ceil(work_ns * self.duty), ceil(self.stolen_ns * self.duty)
        total_ns = sum(self._executes(start, stop) for start, stop in self.stretches)
        if total_ns <= stolen_ns:
            return None
        response_ns = self._undisturbed(executing_ns, total_ns)
        for _ in range(_STEPS if stolen_ns else 0):
            frames = -(-response_ns // self.frame_ns) + 1
            longer_ns = self._undisturbed(executing_ns + frames * stolen_ns, total_ns)
            if longer_ns == response_ns:
                return response_ns
            response_ns = longer_ns
        return None if stolen_ns else response_ns

    def _undisturbed(self, executing_ns: int, total_ns: int) -> int:
        return max(self._finish(index, executing_ns, total_ns) for index in range(len(self.stretches)))

    def _finish(self, index: int, executing_ns: int, total_ns: int) -> int:
        """Return how long work takes that comes when the machine has executed what it can of a stretch."""
        whole = (executing_ns - 1) // total_ns
        rest_ns = executing_ns - whole * total_ns
        begun, end = self.stretches[index]
        last_ns = min(self.quantum_ns, end - begun)
        from_ns = end - last_ns + int(last_ns * self.duty)
        later = [(start + self.frame_ns, stop + self.frame_ns) for start, stop in self.stretches[: index + 1]]
        for start, stop in (*self.stretches[index + 1 :], *later):
            supplied_ns = self._executes(start, stop)
            if rest_ns <= supplied_ns:
                break
            rest_ns -= supplied_ns
        return whole * self.frame_ns + start + self._takes(start, rest_ns) - from_ns

    def _first_ns(self, start: int) -> int:
        """Return how long the quantum goes on in which a stretch starts."""
        return self.quantum_ns - start % self.quantum_ns

    def _executes(self, start: int, stop: int) -> int:
        """Return for how long the machine executes in a stretch at least."""
        first_ns = self._first_ns(start)
        quanta = (stop - start - first_ns) // self.quantum_ns
        return int(first_ns * self.duty) + quanta * int(self.quantum_ns * self.duty)

    def _takes(self, start: int, executing_ns: int) -> int:
        """Return how long it takes in a stretch until the machine has executed for so long."""
        first_ns = self._first_ns(start)
        rest_ns = executing_ns - int(first_ns * self.duty)
        if rest_ns <= 0:
            return executing_ns
        each_ns = int(self.quantum_ns * self.duty)
        quanta = (rest_ns - 1) // each_ns
        return first_ns + quanta * self.quantum_ns + rest_ns - quanta * each_ns


def supply_of(
    name: str,
    windows: Iterable[Window],
    frame_ns: int,
    quantum_ns: int,
    context_switch_ns: int,
    preempting: bool,
    duty: Fraction = Fraction(1),
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
        duty: share of its time that its machine executes.
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
    return Supply(frame_ns, tuple(_joined(stretches)), quantum_ns, stolen_ns, duty)


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
