"""Execution time: time in which a partition had its core."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate

from sim.host.scheduler import make_policy
from sim.host.scheduler.policy import Demand
from sim.report.record import SliceRecord
from sim.scenario.model import Scenario


def clock_of(scenario: Scenario, partition: str, slices: Sequence[SliceRecord]) -> ExecutionClock:
    """Return the clock of a partition.

    Where windows alone say when it executes, they count also while it slept in them: what a guest waits for as it
    starts, the model, which has it awake, must take for execution.

    Parameters:
        scenario: that was run.
        partition: its name.
        slices: when it had its cores.
    """
    scheduler, quantum_ns = scenario.host.scheduler, scenario.time.quantum_ns
    guest = scenario.linux_guests.get(partition)
    duty = Fraction(1) if guest is None else guest.duty
    owners = {window.partition for window in scheduler.windows}
    if scheduler.policy != "arinc653" or scheduler.doorbell == "preempt" or partition not in owners:
        return ExecutionClock(slices, 0, quantum_ns, duty)
    policy, frame_ns, found = make_policy(scenario), scheduler.major_frame_ns, []
    assert frame_ns is not None, "checked with the scenario"
    for now_ns in range(0, frame_ns, quantum_ns):
        given = policy.decide(now_ns, {partition: Demand(now_ns)}).get(partition)
        if given is not None:
            found.append(SliceRecord(given.start_ns, given.stop_ns, 0))
    return ExecutionClock(found, frame_ns, quantum_ns, duty)


class ExecutionClock:
    """Counts the execution time of one partition.

    A machine that is faster than its partition executes the first part of each quantum, or of what a slice has of it,
    and then pauses (`sim.host.duty`). Its execution time is as if it went on all the time at the partition's speed.

    Parameters:
        slices: when it had its cores, of every core, ascending; none: it always has one of its own.
        period_ns: after which they repeat; 0: never.
        quantum_ns: distance of boundaries.
        duty: share of its time on its cores that its machine executes.
    """

    def __init__(
        self,
        slices: Sequence[SliceRecord] = (),
        period_ns: int = 0,
        quantum_ns: int = 1,
        duty: Fraction = Fraction(1),
    ) -> None:
        self._period_ns, self._quantum_ns, self._duty = period_ns, quantum_ns, duty
        own = [each for each in slices if each.core == slices[0].core]  # it has all its cores at once
        self._starts = [each.start_ns for each in own]
        self._lengths = [each.stop_ns - each.start_ns for each in own]
        self._before = [0, *accumulate(self._lengths)]

    def at(self, t_ns: int) -> int:
        """Return how long it has executed until a virtual time, in ns."""
        if not self._starts:
            return self._within(0, t_ns, t_ns + self._quantum_ns)
        whole = 0
        if self._period_ns:
            whole, t_ns = t_ns // self._period_ns * self._before[-1], t_ns % self._period_ns
        index = bisect_right(self._starts, t_ns) - 1
        if index < 0:
            return whole
        start_ns, length_ns = self._starts[index], self._lengths[index]
        return (
            whole + self._before[index] + self._within(start_ns, min(t_ns, start_ns + length_ns), start_ns + length_ns)
        )

    def _within(self, start_ns: int, t_ns: int, stop_ns: int) -> int:
        """Return how long it has executed in a slice until a time in it."""
        if self._duty == 1:
            return t_ns - start_ns
        piece_ns = max(start_ns, t_ns // self._quantum_ns * self._quantum_ns)
        left_ns = min(stop_ns, (piece_ns // self._quantum_ns + 1) * self._quantum_ns) - piece_ns
        return piece_ns - start_ns + min(left_ns, int((t_ns - piece_ns) / self._duty))

    def between(self, start_ns: int, stop_ns: int) -> int:
        """Return how long it executed between two virtual times, in ns."""
        return self.at(stop_ns) - self.at(start_ns)
