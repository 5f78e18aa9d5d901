"""Loads made to be as bad as can be: what the analysis promises holds, and is hardly more than what happens."""

from __future__ import annotations

from fractions import Fraction

import pytest

from sim.host.scheduler.arinc653 import Arinc653
from sim.host.scheduler.fixed_priority import FixedPriority
from sim.scenario.checks.response import Analysis
from sim.scenario.checks.supply import supply_of
from sim.scenario.schedule import Server, Window

from .scheduler_world import Job, Load, run, window

QUANTUM_NS = 10
FOR_EVER = 100_000


def responses(servers: list[Server], switch_ns: int = 0, **jobs: list[Job]) -> tuple[int, int]:
    """Return the response of the last job of "low", and its bound."""
    loads = {name: Load(each) for name, each in jobs.items()}
    run(FixedPriority(QUANTUM_NS, servers, switch_ns), loads, QUANTUM_NS, 10_000)
    (low,) = (each for each in servers if each.partition == "low")
    bound_ns = Analysis(servers, QUANTUM_NS, switch_ns).response_ns(low, jobs["low"][-1].work_ns)
    assert bound_ns is not None
    return jobs["low"][-1].response_ns, bound_ns


def test_two_budgets_one_right_after_the_other() -> None:
    """The greater priority uses its budget at the end of a period and at the start of the next."""
    servers = [Server("high", (0,), 2, 50, 100), Server("low", (0,), 1)]
    response_ns, bound_ns = responses(servers, high=[Job(50, FOR_EVER)], low=[Job(50, 10)])
    assert (response_ns, bound_ns) == (110, 110 + QUANTUM_NS)


def test_a_budget_used_up_at_once() -> None:
    """Work comes just when the budget is gone, and needs one and a half more."""
    servers = [Server("high", (0,), 2, 20, 100), Server("low", (0,), 1, 30, 100)]
    response_ns, bound_ns = responses(servers, high=[Job(80, FOR_EVER)], low=[Job(0, 30), Job(0, 45)])
    assert (response_ns, bound_ns) == (70 + 100 + 20 + 15, 70 + 100 + 20 + 15 + QUANTUM_NS)


def test_a_timer_just_after_a_boundary() -> None:
    """A core that somebody else has is waited for up to a quantum, whatever the priorities."""
    servers = [Server("low", (0,), 2), Server("other", (0,), 1)]
    response_ns, bound_ns = responses(servers, other=[Job(0, FOR_EVER)], low=[Job(51, 3)])
    assert (response_ns, bound_ns) == (QUANTUM_NS - 1 + 3, QUANTUM_NS + 3)


def test_work_that_comes_in_a_pause_waits_like_work_that_comes_when_another_has_the_core() -> None:
    """A machine that is twice too fast has done 5 ns of a quantum, for which it pays whole: its budget is gone."""
    servers = [Server("low", (0,), 2, 10, 100), Server("other", (0,), 1)]
    loads = {"low": Load([Job(0, 5), Job(0, 10)], Fraction(1, 2)), "other": Load([Job(0, FOR_EVER)])}
    run(FixedPriority(QUANTUM_NS, servers), loads, QUANTUM_NS, 1_000)
    job = loads["low"].jobs[-1]
    assert (job.came_ns, job.response_ns) == (5, 200)
    assert (
        Analysis(servers, QUANTUM_NS, 0).response_ns(servers[0], 20 - 2, Fraction(1, 2)) == 100 + 90 + 10 + QUANTUM_NS
    )


def test_a_switch_to_the_greater_priority_and_back_in_every_quantum() -> None:
    servers = [Server("high", (0,), 2, 1, 10), Server("low", (0,), 1)]
    response_ns, bound_ns = responses(servers, switch_ns=3, high=[Job(0, FOR_EVER)], low=[Job(10, 30)])
    assert response_ns == 90, "3 ns of each quantum are left for it"
    assert response_ns <= bound_ns <= response_ns + 3 * QUANTUM_NS


def test_somebody_who_waits_for_a_second_core_keeps_the_first_one() -> None:
    servers = [Server("high", (1,), 3, 5, 20), Server("both", (0, 1), 2, 5, 20), Server("low", (0,), 1)]
    response_ns, bound_ns = responses(servers, high=[Job(0, FOR_EVER)], both=[Job(0, FOR_EVER)], low=[Job(20, 100)])
    assert response_ns == 200
    assert response_ns <= bound_ns <= response_ns + 2 * QUANTUM_NS + 20


def test_a_greater_priority_that_blinks_costs_no_more_than_its_budget() -> None:
    """It executes 1 ns of every quantum and is idle for the rest, which nobody else can use."""
    servers = [Server("high", (0,), 2, 50, 100), Server("low", (0,), 1)]
    blinking = [Job(0, 1), *(Job(9, 1) for _ in range(800))]
    response_ns, bound_ns = responses(servers, high=blinking, low=[Job(0, 500)])
    assert response_ns == 1000 and response_ns <= bound_ns


def test_no_bound_below_a_priority_without_a_budget() -> None:
    servers = [Server("high", (0,), 2), Server("low", (0,), 1, 10, 100), Server("apart", (1,), 0, 10, 100)]
    analysis = Analysis(servers, QUANTUM_NS, 0)
    assert [analysis.response_ns(each, 1) for each in servers] == [QUANTUM_NS + 1, None, QUANTUM_NS + 90 + 1]


def test_no_bound_where_budgets_and_switches_fill_the_core() -> None:
    servers = [Server("high", (0,), 2, 90, 100), Server("low", (0,), 1, 10, 100)]
    assert Analysis(servers, QUANTUM_NS, 0).busy_ns(servers[1], 10, replenished=True) == 100
    assert Analysis(servers, QUANTUM_NS, 1).busy_ns(servers[1], 10, replenished=True) is None


def test_equal_and_harmonic_periods_have_no_jitter_from_the_start_of_a_period() -> None:
    servers = [Server("high", (0,), 2, 10, 50), Server("low", (0,), 1, 50, 100), Server("odd", (0,), 3, 5, 70)]
    aligned, low = Analysis(servers[:2], QUANTUM_NS, 0), servers[1]
    assert aligned.busy_ns(low, 50, replenished=True) == 50 + 2 * 10
    assert aligned.busy_ns(low, 50, replenished=False) == 50 + 3 * 10
    assert Analysis(servers, QUANTUM_NS, 0).busy_ns(low, 50, replenished=True) == 50 + 2 * 10 + 2 * 5


# -- windows -----------------------------------------------------------------------------------------------------------

ALL = Fraction(1)
FRAME_NS = 50
WINDOWS = [window("a", 0, 0, 40), window("b", 0, 40, 10)]


def windowed(
    windows: list[Window], frame_ns: int, switch_ns: int, preempting: bool, share: Fraction = ALL, **jobs: list[Job]
) -> tuple[int, int]:
    """Return the response of the last job of "a", whose machine executes a share of its time, and its bound."""
    loads = {name: Load(each, share if name == "a" else ALL) for name, each in jobs.items()}
    run(Arinc653(QUANTUM_NS, frame_ns, windows, switch_ns, preempting), loads, QUANTUM_NS, 10_000)
    supply = supply_of("a", windows, frame_ns, QUANTUM_NS, switch_ns, preempting, share)
    bound_ns = supply.response_ns(int(jobs["a"][-1].work_ns / share))
    assert bound_ns is not None
    return jobs["a"][-1].response_ns, bound_ns


@pytest.mark.parametrize("work_ns", [1, 36, 37, 38, 74, 75, 1000])
def test_work_that_comes_at_the_end_of_a_window(work_ns: int) -> None:
    busy = [Job(0, FOR_EVER)]
    response_ns, bound_ns = windowed(WINDOWS, FRAME_NS, 3, False, a=[Job(40, work_ns)], b=busy)
    assert response_ns == bound_ns


@pytest.mark.parametrize("work_ns", [1, 5, 6, 20, 21, 1000])
def test_work_that_comes_as_a_machine_that_is_too_fast_begins_to_pause(work_ns: int) -> None:
    """It executes half of each quantum: the last one of the window until 35 ns."""
    busy = [Job(0, FOR_EVER)]
    response_ns, bound_ns = windowed(WINDOWS, FRAME_NS, 0, False, Fraction(1, 2), a=[Job(35, work_ns)], b=busy)
    assert response_ns == bound_ns


def test_the_longest_gap_counts_and_windows_that_touch_are_one() -> None:
    windows = [window("a", 0, 0, 10), window("a", 0, 10, 10), window("b", 0, 20, 10), window("a", 0, 60, 10)]
    supply = supply_of("a", windows, 100, QUANTUM_NS, 2, False)
    assert supply.stretches == ((0, 20), (62, 70)), "the switch from b is charged to the next window of a"
    assert [supply.response_ns(work) for work in (1, 8, 9, 28, 29)] == [43, 50, 81, 100, 143]


def test_doorbells_that_steal_from_two_major_frames() -> None:
    """b is rung at 20 ns and at 50 ns: work of a that takes 11 ns is hit by both."""
    rung = [Job(20, 10, rings=True), Job(20, 10, rings=True)]
    response_ns, bound_ns = windowed(WINDOWS, FRAME_NS, 0, True, a=[Job(20, 11)], b=rung)
    assert response_ns == 41
    assert response_ns <= bound_ns <= 51


def test_doorbells_cost_switches_back() -> None:
    windows = [window("a", 0, 0, 80), window("b", 0, 80, 20)]
    rung = [Job(10, 1, rings=True), Job(9, 1, rings=True)]
    response_ns, bound_ns = windowed(windows, 100, 3, True, a=[Job(10, 70 - 2 * 10 - 2 * 3 + 1)], b=rung)
    assert response_ns == 70 + 20 + 3 + 1, "it does not fit into this window any more"
    assert response_ns <= bound_ns
    assert supply_of("a", windows, 100, QUANTUM_NS, 3, True).stolen_ns == 20 + 2 * 3


def test_no_bound_where_doorbells_can_steal_everything() -> None:
    windows = [window("a", 0, 0, 10), window("b", 0, 10, 10)]
    assert supply_of("a", windows, 20, QUANTUM_NS, 0, True).response_ns(1) is None
    assert supply_of("a", windows, 20, QUANTUM_NS, 0, False).response_ns(1) == 11
