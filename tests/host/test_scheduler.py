"""Scheduling policies, decision by decision."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from machines.participant import NEVER_NS, Slice
from sim.host.scheduler import POLICIES, Demand, Lasting, Policy, configured_share, cores_of, make_policy
from sim.host.scheduler.arinc653 import Arinc653
from sim.host.scheduler.dedicated import Dedicated
from sim.host.scheduler.fixed_priority import FixedPriority
from sim.scenario import load
from sim.scenario.schedule import Scheduler, Server

from .scheduler_world import Job, Load, run, run_lasting, window

MS = 1_000_000
US = 1_000
BUSY, IDLE = Demand(0), Demand(NEVER_NS)
SCENARIO = Path(__file__).parents[2] / "scenarios" / "partition_schedule.yaml"


def given(policy: Policy, ms: int, **demands: Demand) -> dict[str, tuple[int, int]]:
    """Return what a policy gives in a quantum of 1 ms, (start, stop) in us from its start."""
    now_ns = ms * MS
    slices = policy.decide(now_ns, demands)
    return {name: ((each.start_ns - now_ns) // US, (each.stop_ns - now_ns) // US) for name, each in slices.items()}


def busy_for_ever() -> Load:
    return Load([Job(0, 10_000 * MS)])


# -- dedicated ---------------------------------------------------------------------------------------------------------


def test_dedicated_lets_everyone_execute() -> None:
    policy = Dedicated(MS)
    assert policy.full
    demands = {"a": BUSY, "b": Demand(5 * MS + 3), "c": IDLE, "d": Demand(9 * MS)}
    assert policy.decide(5 * MS, demands) == {"a": Slice(5 * MS, 6 * MS), "b": Slice(5 * MS, 6 * MS)}
    assert policy.next_ns(5 * MS, {"b": Demand(7 * MS + 3), "c": IDLE}) == 7 * MS
    assert policy.next_ns(5 * MS, {"c": IDLE}) == NEVER_NS


# -- arinc653 ----------------------------------------------------------------------------------------------------------


def windows(switch_ns: int = 0, preempting: bool = False) -> Arinc653:
    """Return a major frame of 10 ms: a has 0-4 ms, b 4-8 ms, nobody 8-10 ms, all on core 0."""
    own = [window("a", 0, 0, 4 * MS), window("b", 0, 4 * MS, 4 * MS)]
    return Arinc653(MS, 10 * MS, own, switch_ns, preempting)


def test_only_the_owner_of_a_window_executes() -> None:
    policy = windows()
    owners = [[*given(policy, ms, a=BUSY, b=BUSY)] for ms in range(12)]
    assert owners == [["a"]] * 4 + [["b"]] * 4 + [[]] * 2 + [["a"]] * 2


def test_a_switch_is_charged_at_the_start_of_a_window_whether_or_not_the_other_was_busy() -> None:
    for other in (BUSY, IDLE):
        policy = windows(20 * US)
        starts = [given(policy, ms, a=BUSY, b=other).get("a", (None,))[0] for ms in range(12)]
        assert starts == [20, 0, 0, 0, None, None, None, None, None, None, 20, 0]


def test_windows_of_one_partition_need_no_switch() -> None:
    policy = Arinc653(MS, 4 * MS, [window("a", 0, 0, MS), window("a", 0, 2 * MS, MS)], 20 * US)
    assert [given(policy, ms, a=BUSY) for ms in (0, 2, 4)] == [{"a": (0, 1000)}] * 3


def test_a_timer_within_the_window_is_in_time_and_a_doorbell_waits() -> None:
    policy = windows()
    assert given(policy, 2, a=Demand(2 * MS + 700 * US)) == {"a": (0, 1000)}
    assert not given(policy, 2, a=Demand(3 * MS))
    rung = Demand(NEVER_NS, rung=True)
    assert not given(policy, 5, a=rung)
    assert policy.next_ns(5 * MS, {"a": rung}) == 10 * MS
    assert given(policy, 10, a=rung) == {"a": (0, 1000)}


@pytest.mark.parametrize(
    ("demand", "next_ms"),
    [
        (BUSY, 10), (Demand(9 * MS), 10), (Demand(11 * MS + 5), 11), (Demand(13 * MS + MS - 1), 13),
        (Demand(14 * MS), 20), (Demand(2_003 * MS), 2_003),
    ],
)  # fmt: skip
def test_next_window(demand: Demand, next_ms: int) -> None:
    assert windows().next_ns(5 * MS, {"a": demand}) == next_ms * MS


def test_nobody_has_anything_to_do() -> None:
    assert windows().next_ns(5 * MS, {"a": IDLE, "b": IDLE, "stranger": BUSY}) == NEVER_NS


def test_a_partition_on_two_cores_has_both_at_once() -> None:
    own = [window("s", core, 0, 2 * MS) for core in (0, 1)] + [window("a", 1, 2 * MS, 2 * MS)]
    policy = Arinc653(MS, 4 * MS, own, 20 * US)
    assert given(policy, 0, s=BUSY, a=BUSY) == {"s": (20, 1000)}, "one of its cores comes from a"
    assert given(policy, 2, s=BUSY, a=BUSY) == {"a": (20, 1000)}


def test_a_rung_partition_preempts_and_gives_back() -> None:
    policy = windows(20 * US, preempting=True)
    assert given(policy, 0, a=BUSY, b=IDLE) == {"a": (20, 1000)}
    assert given(policy, 1, a=BUSY, b=Demand(NEVER_NS, rung=True)) == {"b": (20, 1000)}
    assert given(policy, 2, a=BUSY, b=Demand(2 * MS)) == {"b": (0, 1000)}, "not idle yet"
    assert given(policy, 3, a=BUSY, b=IDLE) == {"a": (20, 1000)}
    assert given(policy, 8, a=BUSY, b=Demand(8 * MS)) == {}, "busy again, but nobody rang"


def test_a_rung_partition_has_a_ration_in_each_major_frame() -> None:
    policy = windows(preempting=True)
    rung = Demand(NEVER_NS, rung=True)
    owners = [[*given(policy, ms, a=rung, b=BUSY)] for ms in (4, 5, 6, 7, 8, 9)]
    assert owners == [["a"]] * 4 + [[], []], "4 ms, as long as its window is"
    assert policy.next_ns(9 * MS, {"a": rung}) == 10 * MS
    assert [*given(policy, 14, a=rung, b=BUSY)] == ["a"], "the next major frame"


def test_who_is_rung_first_preempts_first() -> None:
    own = [window(name, 0, index * MS, MS) for index, name in enumerate("abc")]
    policy = Arinc653(MS, 6 * MS, own, preempting=True)
    rung = Demand(NEVER_NS, rung=True)
    assert [*given(policy, 3, a=IDLE, b=IDLE, c=rung)] == ["c"]
    assert [*given(policy, 4, a=rung, b=IDLE, c=IDLE)] == ["a"]
    assert [*given(policy, 9, a=IDLE, b=rung, c=IDLE)] == ["b"]
    assert [*given(policy, 10, a=rung, b=IDLE, c=rung)] == ["a"], "both at once: in the order of the scenario"
    assert [*given(policy, 11, a=rung, b=IDLE, c=rung)] == ["c"]


def test_an_intrusion_has_ended_when_nobody_asked_at_a_boundary() -> None:
    """The executive leaves out boundaries at which nobody could execute: whoever intruded before was idle there."""
    own = [window(name, 0, index * 2 * MS, 2 * MS) for index, name in enumerate("abc")]
    policy = Arinc653(MS, 6 * MS, own, preempting=True)
    rung = Demand(NEVER_NS, rung=True)
    assert [*given(policy, 0, a=IDLE, b=IDLE, c=rung)] == ["c"]
    assert policy.next_ns(2 * MS, {"a": IDLE, "b": IDLE, "c": Demand(2 * MS)}) == 4 * MS, "a timer is no doorbell"
    assert [*given(policy, 3, a=IDLE, b=IDLE, c=Demand(3 * MS))] == []
    policy = Arinc653(MS, 6 * MS, own, preempting=True)
    assert [*given(policy, 0, a=IDLE, b=IDLE, c=rung)] == ["c"]
    assert [*given(policy, 2, a=rung, b=IDLE, c=rung)] == ["a"], "c does not go first for having been there before"


# -- fixed_priority ----------------------------------------------------------------------------------------------------


def test_the_greater_priority_goes_first() -> None:
    policy = FixedPriority(MS, [Server("low", (0,), 1), Server("high", (0,), 2), Server("apart", (1,), 0)])
    assert given(policy, 0, low=BUSY, high=IDLE, apart=BUSY) == {"low": (0, 1000), "apart": (0, 1000)}
    assert given(policy, 1, low=BUSY, high=BUSY, apart=IDLE) == {"high": (0, 1000)}
    assert given(policy, 2, low=BUSY, high=Demand(NEVER_NS, rung=True), apart=IDLE) == {"high": (0, 1000)}


def test_a_timer_within_a_quantum_waits_for_the_boundary_if_the_core_is_busy() -> None:
    policy = FixedPriority(MS, [Server("low", (0,), 1), Server("high", (0,), 2)])
    soon = Demand(300 * US)
    assert given(policy, 0, low=BUSY, high=soon) == {"low": (0, 1000)}
    assert given(policy, 1, low=BUSY, high=soon) == {"high": (0, 1000)}
    assert given(policy, 2, low=IDLE, high=Demand(2_300 * US)) == {"high": (0, 1000)}


def test_a_budget_ends_within_a_quantum_and_the_rest_goes_to_the_next() -> None:
    servers = [Server("low", (0,), 1), Server("high", (0,), 2, 1_300 * US, 4 * MS)]
    policy = FixedPriority(MS, servers, 20 * US)
    quanta = [given(policy, ms, low=BUSY, high=BUSY) for ms in range(6)]
    assert quanta == [
        {"high": (0, 1000)},
        {"high": (0, 300), "low": (320, 1000)},
        {"low": (0, 1000)},
        {"low": (0, 1000)},
        {"high": (20, 1000)},
        {"high": (0, 320), "low": (340, 1000)},
    ]


def test_alone_it_pays_for_what_it_executes() -> None:
    policy = FixedPriority(MS, [Server("a", (0,), 1, 500 * US, 4 * MS)])
    assert given(policy, 0, a=BUSY) == {"a": (0, 500)}
    policy.account("a", MS, 123 * US)
    assert given(policy, 1, a=BUSY) == {"a": (0, 377)}
    policy.account("a", 2 * MS, 377 * US)
    assert not given(policy, 2, a=BUSY)
    assert policy.next_ns(2 * MS, {"a": BUSY}) == 4 * MS
    assert policy.next_ns(2 * MS, {"a": Demand(9_500 * US)}) == 9 * MS
    assert given(policy, 4, a=BUSY) == {"a": (0, 500)}


def test_whoever_keeps_another_waiting_pays_for_its_whole_slice() -> None:
    policy = FixedPriority(MS, [Server("low", (0,), 1), Server("high", (0,), 2, 1_500 * US, 10 * MS)])
    assert given(policy, 0, low=BUSY, high=BUSY) == {"high": (0, 1000)}
    policy.account("high", MS, 1)
    assert given(policy, 1, low=BUSY, high=BUSY) == {"high": (0, 500), "low": (500, 1000)}
    policy.account("high", 2 * MS, 1)
    assert given(policy, 2, low=BUSY, high=BUSY) == {"low": (0, 1000)}


def test_what_is_left_of_a_budget_is_lost() -> None:
    policy = FixedPriority(MS, [Server("a", (0,), 1, 2 * MS, 4 * MS)])
    assert given(policy, 8, a=BUSY) == {"a": (0, 1000)}
    policy.account("a", 9 * MS, MS)
    executed = [given(policy, ms, a=BUSY) for ms in (12,)]
    policy.account("a", 13 * MS, MS)
    executed += [given(policy, 13, a=BUSY)]
    policy.account("a", 14 * MS, MS)
    executed += [given(policy, 14, a=BUSY)]
    assert executed == [{"a": (0, 1000)}, {"a": (0, 1000)}, {}]


def test_a_partition_on_two_cores_waits_until_both_are_free() -> None:
    servers = [Server("s", (0, 1), 2), Server("high", (1,), 3, 300 * US, 2 * MS), Server("low", (0,), 1)]
    policy = FixedPriority(MS, servers)
    assert given(policy, 0, s=BUSY, high=BUSY, low=BUSY) == {"high": (0, 300), "s": (300, 1000)}
    assert given(policy, 1, s=IDLE, high=BUSY, low=BUSY) == {"low": (0, 1000)}
    servers[1] = Server("high", (1,), 3)
    assert given(FixedPriority(MS, servers), 0, s=BUSY, high=BUSY, low=BUSY) == {"high": (0, 1000), "low": (0, 1000)}


@pytest.mark.parametrize("switch_ns", [0, 7, 20 * US])
def test_always_busy_partitions_get_exactly_their_budgets_and_no_time_is_lost(switch_ns: int) -> None:
    servers = [
        Server("a", (0,), 3, 2_345_678, 10 * MS), Server("b", (0,), 2, 3_000_001, 20 * MS), Server("c", (0,), 1),
    ]  # fmt: skip
    loads = {name: busy_for_ever() for name in "abc"}
    slices = run(FixedPriority(MS, servers, switch_ns), loads, MS, 200 * MS)
    executed = {name: sum(stop - start for start, stop in load.executed) for name, load in loads.items()}
    assert (executed["a"], executed["b"]) == (20 * 2_345_678, 10 * 3_000_001)
    order = sorted((each.start_ns, name) for name, own in slices.items() for each in own)
    switches = sum(first != second for (_, first), (_, second) in pairwise(order))
    assert sum(executed.values()) == 200 * MS - switches * switch_ns


def test_always_busy_partitions_get_exactly_their_windows() -> None:
    loads = {"a": busy_for_ever(), "b": busy_for_ever()}
    run(windows(20 * US), loads, MS, 100 * MS)
    for name, offset_ns in (("a", 0), ("b", 4 * MS)):
        frames = [(start // (10 * MS), start % (10 * MS), stop % (10 * MS)) for start, stop in loads[name].executed]
        for frame in range(10):
            stretches = [(start, stop) for index, start, stop in frames if index == frame]
            assert (stretches[0][0], stretches[-1][1]) == (offset_ns + 20 * US, offset_ns + 4 * MS)
            assert sum(stop - start for start, stop in stretches) == 4 * MS - 20 * US


# -- decisions that last -----------------------------------------------------------------------------------------------


def lasts_us(policy: Lasting, ms: int, **demands: Demand) -> int:
    policy.decide(ms * MS, demands)
    return policy.lasts_ns // US


def test_a_decision_lasts_until_a_budget_runs_out_or_is_full_again() -> None:
    servers = [Server("low", (0,), 1), Server("high", (0,), 2, 2_300 * US, 10 * MS), Server("apart", (1,), 0)]
    assert lasts_us(FixedPriority(MS, servers), 1, low=BUSY) == NEVER_NS // US
    assert lasts_us(FixedPriority(MS, servers), 1, low=BUSY, high=BUSY) == 3_000
    assert lasts_us(FixedPriority(MS, servers), 9, low=BUSY, high=BUSY) == 10_000
    policy = FixedPriority(MS, servers)
    assert [lasts_us(policy, ms, low=BUSY, high=BUSY) for ms in (0, 1, 2, 3)] == [2_000, 2_000, 2_000, 10_000]
    assert lasts_us(policy, 4, low=BUSY, high=Demand(4_300 * US)) == 4_000, "it waits for the next boundary"


def test_who_keeps_another_waiting_pays_for_all_quanta_of_a_decision() -> None:
    policy = FixedPriority(MS, [Server("low", (0,), 1), Server("high", (0,), 2, 3_500 * US, 10 * MS)])
    assert lasts_us(policy, 0, low=BUSY, high=BUSY) == 3_000
    policy.account("high", 3 * MS, 1)
    assert given(policy, 3, low=BUSY, high=BUSY) == {"high": (0, 500), "low": (500, 1000)}


def test_a_decision_lasts_until_a_window_starts_or_ends() -> None:
    policy = windows()
    assert [lasts_us(policy, ms, a=BUSY, b=IDLE) for ms in (0, 3, 4, 8, 9, 17)] == [
        4_000, 4_000, 8_000, 10_000, 10_000, 18_000
    ]  # fmt: skip
    assert lasts_us(windows(preempting=True), 5, a=BUSY, b=IDLE) == 5_000


@pytest.mark.parametrize(
    ("policy", "quanta", "decisions"), [(FixedPriority(MS, [Server("a", (0,), 1)]), 100, 1), (windows(), 40, 10)]
)
def test_a_busy_partition_needs_few_decisions(policy: Lasting, quanta: int, decisions: int) -> None:
    slices, went_on = run_lasting(policy, {"a": busy_for_ever()}, MS, 100 * MS)
    assert (len(slices["a"]), went_on) == (quanta, quanta - decisions)


# -- of a scenario -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "kind", "shares"),
    [
        ("arinc653", Arinc653, {"control": (3, 10), "vision": (13, 20), "logging": (1, 2)}),
        ("fixed_priority", FixedPriority, {"control": (3, 10), "vision": (13, 20), "logging": (1, 2)}),
    ],
)
def test_policy_of_a_scenario(policy: str, kind: type, shares: dict[str, tuple[int, int]]) -> None:
    scenario = load(SCENARIO, {"host.scheduler.policy": policy})
    made = make_policy(scenario)
    assert isinstance(made, kind) and not made.full
    assert {name: configured_share(scenario, name) for name in shares} == {k: Fraction(*v) for k, v in shares.items()}
    assert [cores_of(scenario, name) for name in shares] == [(0,), (0,), (1,)]


def test_dedicated_cores_of_a_scenario() -> None:
    scenario = load(SCENARIO, {"host.scheduler.policy": "dedicated", "host.cores": "3"})
    assert make_policy(scenario).full
    assert [cores_of(scenario, name) for name in scenario.partitions] == [(0,), (1,), (2,)]
    assert configured_share(scenario, "control") == 1


def test_microcontrollers_are_not_scheduled() -> None:
    scenario = load(SCENARIO.with_name("ivi_camera.yaml"))
    assert cores_of(scenario, "safety") == () and configured_share(scenario, "safety") is None
    assert cores_of(scenario, "cockpit") == (1,)


def test_every_policy_of_the_language_is_there() -> None:
    schema = Scheduler.model_json_schema()
    assert set(schema["properties"]["policy"]["enum"]) == set(POLICIES)
