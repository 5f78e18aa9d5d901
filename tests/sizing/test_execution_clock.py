"""Execution time of partitions that have windows."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sim.report.record import SliceRecord
from sim.scenario import load
from sim.sizing.timing.execution import ExecutionClock, clock_of

SCHEDULE = Path("scenarios/partition_schedule.yaml")
US, MS = 1_000, 1_000_000
PERIOD = ExecutionClock([SliceRecord(2, 5, 0), SliceRecord(7, 9, 0)], 10)


@given(st.integers(0, 60), st.integers(0, 60))
def test_windows_repeat(begin: int, end: int) -> None:
    begin, end = sorted((begin, end))
    assert PERIOD.between(begin, end) == sum(t % 10 in (2, 3, 4, 7, 8) for t in range(begin, end))


def test_a_window_counts_though_the_partition_slept_in_it() -> None:
    """A guest that waits for something as it starts gives its core back; the model has it execute all the same."""
    slept = [SliceRecord(20 * US, 1 * MS, 0)]
    clock = clock_of(load(SCHEDULE), "control", slept)
    assert clock.between(0, 20 * MS) == 6 * MS - 2 * 20 * US, "two windows of 3 ms, each after a switch"
    assert clock.between(20 * MS, 220 * MS) == 10 * (6 * MS - 2 * 20 * US)


def test_budgets_are_counted_by_what_was_executed() -> None:
    slices = [SliceRecord(20 * US, 1 * MS, 0)]
    clock = clock_of(load(SCHEDULE, {"host.scheduler.policy": "fixed_priority"}), "control", slices)
    assert clock.between(0, 20 * MS) == 1 * MS - 20 * US
    assert clock_of(load("scenarios/ivi_camera.yaml"), "cockpit", []).between(3, 10) == 7


def test_a_machine_that_pauses_executes_the_first_part_of_each_quantum() -> None:
    clock = ExecutionClock((), 0, MS, Fraction(3, 5))
    times = [clock.at(t * US) for t in (0, 300, 600, 900, 1_000, 1_300)]
    assert times == [0, 500 * US, 1 * MS, 1 * MS, 1 * MS, 1_500 * US], "as if it went on at its own speed"


def test_it_executes_the_first_part_of_what_a_slice_has_of_a_quantum() -> None:
    slices = [SliceRecord(200 * US, 1_500 * US, 0), SliceRecord(3 * MS, 4 * MS, 0)]
    clock = ExecutionClock(slices, 0, MS, Fraction(1, 2))
    times = [clock.at(t * US) for t in (100, 200, 300, 600, 900, 1_000, 1_100, 1_250, 1_400, 2_000, 3_250)]
    expected = (0, 0, 200, 800, 800, 800, 1_000, 1_300, 1_300, 1_300, 1_800)
    assert times == [t * US for t in expected]
