"""Execution time: time in which a partition had its core."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from sim.report.record import SliceRecord


class ExecutionClock:
    """Counts the execution time of one partition.

    Parameters:
        slices: when it had its cores, of every core, ascending; none: it always has one of its own.
    """

    def __init__(self, slices: Sequence[SliceRecord] = ()) -> None:
        own = [each for each in slices if each.core == slices[0].core]  # it has all its cores at once
        self._starts = [each.start_ns for each in own]
        self._lengths = [each.stop_ns - each.start_ns for each in own]
        self._before = [0, *accumulate(self._lengths)]

    def at(self, t_ns: int) -> int:
        """Return how long it has executed until a virtual time, in ns."""
        if not self._starts:
            return t_ns
        index = bisect_right(self._starts, t_ns) - 1
        if index < 0:
            return 0
        return self._before[index] + min(t_ns - self._starts[index], self._lengths[index])

    def between(self, start_ns: int, stop_ns: int) -> int:
        """Return how long it executed between two virtual times, in ns."""
        return self.at(stop_ns) - self.at(start_ns)
