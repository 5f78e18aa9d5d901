"""The search finds what is there, whichever way figures go with the depth, and says what can be had where it is not."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.sizing.search import Found, TargetOutOfReach, search
from sim.sizing.search.depths import Trials, cost, depths_of, limits_of, with_depths
from sim.sizing.target import Target
from sim.sizing.target.requirement import Requirement
from tests.sizing.responses import MS, NO_DROPS, PATH, Answered, System, at_most

BIG, MIDDLE, SMALL = 1 << 20, 1 << 16, 1 << 12
ROW = {"frames": BIG, "lists": MIDDLE, "states": SMALL}


def found_in(system: System, *requirements: Requirement, limits: Mapping[str, int] | None = None) -> Found:
    target = system.target(*requirements)
    return search(Trials(system.plan, target, system.simulate), limits or limits_of(system.plan))


def complaint(system: System, *requirements: Requirement, limits: Mapping[str, int] | None = None) -> str:
    with pytest.raises(TargetOutOfReach) as caught:
        found_in(system, *requirements, limits=limits)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def needing(needs: Mapping[str, int]) -> System:
    """Return a system that drops what does not fit into so many slots."""

    def formula(depths: Mapping[str, int]) -> Answered:
        return Answered(dropped={name: 10 * max(0, needs[name] - depth) for name, depth in depths.items()}, held=needs)

    return System(ROW, formula)


def test_each_channel_gets_what_it_needs() -> None:
    found = found_in(needing({"frames": 5, "lists": 3, "states": 1}), NO_DROPS)
    assert found.trial.depths == {"frames": 8, "lists": 4, "states": 2}
    assert found.trial.met and found.least


def test_a_system_that_never_waits_takes_two_simulations() -> None:
    system = needing({"frames": 2, "lists": 1, "states": 1})
    found = found_in(system, NO_DROPS)
    assert found.trial.depths == dict.fromkeys(ROW, 2)
    assert found.simulations == system.asked == 2


def test_fewer_drops_may_be_allowed() -> None:
    allowed = Requirement("drops<=20", "drops", "<=", 20.0)
    found = found_in(needing({"frames": 6, "lists": 1, "states": 1}), allowed)
    assert found.trial.depths["frames"] == 4
    assert found.trial.verdicts[0].value == 20


def bloated(depths: Mapping[str, int]) -> Answered:
    """Answer as a ring that is always full: what waits in it is the older the deeper it is, and less of it is lost."""
    depth = depths["frames"]
    return Answered(dropped={"frames": 64 // depth}, held={"frames": 64}, age_ns=10 * MS * depth, missing=64 // depth)


def test_a_shallower_ring_may_be_needed() -> None:
    missing = Requirement(f"missing({PATH})<=20", "missing", "<=", 20.0, path=PATH)
    assert found_in(System(ROW, bloated), at_most(50), missing).trial.depths["frames"] == 4
    assert found_in(System(ROW, bloated), at_most(90)).trial.depths["frames"] == 2
    assert found_in(System(ROW, bloated), missing).trial.depths["frames"] == 4


def exchanging(depths: Mapping[str, int]) -> Answered:
    """Answer as a system whose big ring can be shallow if a small one behind it is deep."""
    needed = {2: 8, 4: 4}.get(depths["frames"], 2)
    short = max(0, needed - depths["states"])
    return Answered(dropped={"states": short}, held={"frames": 5, "states": 2}, stalls={"frames": depths["frames"] < 8})


def test_a_small_ring_may_go_up_for_a_big_one() -> None:
    found = found_in(System(ROW, exchanging), NO_DROPS)
    assert found.trial.depths == {"frames": 2, "lists": 2, "states": 8}
    system = System(ROW, exchanging)
    by_moves_alone = search(
        Trials(system.plan, system.target(NO_DROPS), system.simulate), limits_of(system.plan), events=0
    )
    assert by_moves_alone.trial.depths == found.trial.depths


def test_memory_is_a_requirement_like_any_other() -> None:
    def formula(depths: Mapping[str, int]) -> Answered:
        return Answered(stalls={"frames": 9 - depths["frames"] if depths["frames"] < 8 else 0}, held={"frames": 8})

    system = System(ROW, formula)
    least = with_depths(system.plan, dict.fromkeys(ROW, 2)).memory_bytes
    memory = Requirement("memory<=x", "memory", "<=", float(least))
    assert found_in(system, memory).trial.depths == dict.fromkeys(ROW, 2)
    little = Requirement("memory<1M", "memory", "<", float(1 << 20))
    assert complaint(system, little) == "memory is 4.27 MiB at best, at any depth; ask for <= 4368K"


def test_more_memory_than_is_needed_can_be_asked_for() -> None:
    """Deeper rings take it, even where none was ever full; what is asked exactly has a nearest, too."""
    system = System(ROW, lambda depths: Answered())
    least = with_depths(system.plan, dict.fromkeys(ROW, 2)).memory_bytes
    more = Requirement("memory>x", "memory", ">", float(2 * least))
    assert found_in(system, more).trial.plan.memory_bytes > 2 * least
    exactly = Requirement("memory=x", "memory", "=", least + 1.0)
    assert complaint(system, exactly).endswith(f"that were tried; ask for = {least >> 10}K")


def test_who_asks_for_too_much_is_told_the_greatest_there_is() -> None:
    slow = System(ROW, lambda depths: Answered(age_ns=14 * MS))
    late = Requirement(f"p99({PATH})>1s", "p99", ">", 1e9, path=PATH)
    assert complaint(slow, late) == f"p99({PATH}) is 14 ms at best, at any depth; ask for >= 14000us"


def test_the_best_that_can_be_had_is_told() -> None:
    assert complaint(System(ROW, bloated), at_most(15)) == (
        f"p99({PATH}) is 20 ms at best, at any depth; 'after_frames' does not keep up with 'frames' even at depth 64: "
        "make it faster, or what sends to it slower"
    )
    slow = System(ROW, lambda depths: Answered(age_ns=14 * MS))
    assert complaint(slow, at_most(10)) == (
        f"p99({PATH}) is 14 ms at best, at any depth; ask for <= 14.1ms, or make the services and windows on the way "
        "of 'frames' and 'lists' and 'states' shorter"
    )


def test_requirements_that_exclude_each_other() -> None:
    missing = Requirement(f"missing({PATH})<=8", "missing", "<=", 8.0, path=PATH)
    together = f"p99({PATH})<50ms cannot be had together with missing({PATH})<=8"
    best = f"p99({PATH}) is 80 ms at best then, at any depth; "
    assert complaint(System(ROW, bloated), at_most(50), missing).startswith(f"{together}: {best}")


def test_nothing_that_arrives_meets_no_time() -> None:
    silent = System(ROW, lambda depths: Answered(arrived=0))
    assert complaint(silent, at_most(10)) == (
        f"p99({PATH}) is not known, as nothing arrives, at any depth; run longer, or look whether anything is sent"
    )


def test_few_simulations_are_no_proof() -> None:
    def formula(depths: Mapping[str, int]) -> Answered:
        return Answered(stalls=dict.fromkeys(ROW, 1), held=dict.fromkeys(ROW, 64), age_ns=MS * sum(depths.values()))

    system = System(ROW, formula)
    with pytest.raises(TargetOutOfReach, match=r"is 6 ms at best, of \d+ settings of depths that were tried; "):
        search(Trials(system.plan, system.target(at_most(5)), system.simulate), limits_of(system.plan), events=0)
    found = search(Trials(system.plan, system.target(at_most(15)), system.simulate), limits_of(system.plan), events=0)
    assert found.trial.depths == dict.fromkeys(ROW, 2)


def test_a_channel_over_a_link_has_one_depth() -> None:
    system = needing({"frames": 1, "lists": 1, "states": 1})
    rings = dict(system.plan.rings)
    rings["lists@far"] = rings.pop("lists").__class__("lists@far", "lists", "a", "b", MIDDLE, 4, "block")
    plan = system.plan.__class__("row", MS, MS, rings, (), ())
    assert depths_of(plan) == {"frames": 4, "states": 4, "lists": 4}
    assert [ring.depth for ring in with_depths(plan, {"lists": 16}).rings.values()] == [4, 4, 16]


def test_limits_follow_bounds_and_the_largest_region() -> None:
    system = System({"huge": 100 << 20, "frames": BIG, "states": SMALL}, lambda depths: Answered())
    assert limits_of(system.plan, {"states": 1000, "frames": None}) == {"huge": 2, "frames": 64, "states": 1024}


tables = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9)), min_size=27, max_size=27)


@given(table=tables, most=st.integers(0, 3), ms=st.integers(1, 9))
@settings(max_examples=150, deadline=None)
def test_the_cheapest_setting_is_found_in_any_system(table: list[tuple[int, int]], most: int, ms: int) -> None:
    """Drops and ages are drawn for each setting, so that they go up and down with the depth as they like."""
    names = ("frames", "lists", "states")
    said = dict(zip(itertools.product((2, 4, 8), repeat=3), table, strict=True))

    def formula(depths: Mapping[str, int]) -> Answered:
        missing, age = said[tuple(depths[name] for name in names)]
        return Answered(stalls=dict.fromkeys(names, 1), held=dict.fromkeys(names, 8), missing=missing, age_ns=age * MS)

    system = System(ROW, formula)
    few = Requirement("few", "missing", "<=", float(most), path=PATH)
    young = Requirement("young", "p99", "<=", float(ms * MS), path=PATH)
    meeting = [
        plan
        for key, (missing, age) in said.items()
        if missing <= most and age <= ms
        for plan in [with_depths(system.plan, dict(zip(names, key, strict=True)))]
    ]
    limits = dict.fromkeys(names, 8)
    if meeting:
        found = found_in(system, few, young, limits=limits)
        assert cost(found.trial.plan) == min(map(cost, meeting))
        assert found.least
    else:
        assert "at any depth" in complaint(system, few, young, limits=limits)
    assert system.asked <= 27, "no setting is simulated twice"


@given(needs=st.fixed_dictionaries({name: st.integers(1, 64) for name in ROW}))
@settings(max_examples=60, deadline=None)
def test_what_is_not_simulated_is_what_would_have_come_of_it(needs: dict[str, int]) -> None:
    system = needing(needs)
    target: Target = system.target(NO_DROPS)
    trials = Trials(system.plan, target, system.simulate)
    for depths in itertools.product((2, 8, 64), repeat=3):
        wanted = dict(zip(ROW, depths, strict=True))
        known = trials.at(wanted).outcome
        plain = needing(needs).simulate(with_depths(system.plan, wanted))
        for name in ROW:
            assert known.rings[name].dropped == plain.rings[name].dropped
            assert known.rings[name].occupancy_max == plain.rings[name].occupancy_max
