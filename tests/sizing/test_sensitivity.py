"""One change at a time: which changes are tried, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from sim.scenario import load
from sim.scenario.model import Scenario
from sim.sizing import model
from sim.sizing.plan import Accelerator, Calls, Node, Plan, Ring, Sensor, Service, Sink
from sim.sizing.reduction import plan_of
from sim.sizing.search import search
from sim.sizing.search.depths import Trials, limits_of, with_depths
from sim.sizing.search.horizon import growing, lasting
from sim.sizing.sensitivity import Change, breaks, changes, next_rate, sensitivities
from sim.sizing.target import Target, parse_target
from sim.sizing.target.requirement import Requirement
from sim.sizing.timing.source import timing_of
from tests.sizing import small_system
from tests.sizing.responses import MS, NO_DROPS, PATH, Answered, System, at_most


def never_run() -> Path:
    raise AssertionError("it declares its times")


@pytest.fixture
def small(tmp_path: Path) -> tuple[Scenario, Callable[[Scenario], Plan]]:
    file = small_system.write(tmp_path)
    scenario = load(file)
    timing = timing_of(scenario, file, None, never_run)
    return scenario, lambda other: plan_of(other, timing, [("rows", "out")])


def test_changes_that_make_sense(small: tuple[Scenario, Callable[[Scenario], Plan]]) -> None:
    scenario, plan_for = small
    plan = plan_for(scenario)
    found = {each.text: each for each in changes(scenario, plan, parse_target("drops=0", scenario), plan_for)}
    assert list(found) == [
        "all services 10 % slower",
        "front.detect 10 % slower",
        "back.draw 10 % slower",
        "half the windows of front",
        "half the windows of back",
        "rows at 240 Hz",
    ]
    slower = found["front.detect 10 % slower"].plan
    assert [list(node.services[0].calls.hold_ns) for node in slower.nodes] == [[2_200_000], [MS]]
    both = found["all services 10 % slower"].plan
    assert [list(node.services[0].calls.hold_ns) for node in both.nodes] == [[2_200_000], [1_100_000]]
    faster = next(each for each in found["rows at 240 Hz"].plan.devices if isinstance(each, Sensor))
    assert faster.interval_ns == Fraction(10**9, 240)


def test_half_the_windows_take_half_the_time(small: tuple[Scenario, Callable[[Scenario], Plan]]) -> None:
    scenario, plan_for = small
    plan = plan_for(scenario)
    less = next(
        each for each in changes(scenario, plan, parse_target("drops=0", scenario), plan_for) if "half" in each.text
    )
    assert less.plan.policy is not None and plan.policy is not None
    busy = [model.simulate(each).nodes["front"].busy_ns for each in (plan, less.plan)]
    assert busy[0] == pytest.approx(400 * MS, rel=0.05), "200 calls of 2 ms"
    assert busy[1] == pytest.approx(250 * MS, rel=0.05), "5 ms of every 20"


def camera_plan(hold_ns: int, job_ns: int) -> Plan:
    """Return a camera, a guest, an accelerator and a sink in a row."""
    rings = {
        "frames": Ring("frames", "frames", "camera", "guest", 1000, 2, "drop_oldest"),
        "views": Ring("views", "views", "guest", "npu", 100, 2, "drop_oldest"),
        "results": Ring("results", "results", "npu", "out", 10, 2, "drop_oldest"),
    }
    calls = Calls(np.array([hold_ns]), np.array([[hold_ns]]))
    return Plan(
        "row",
        MS,
        2000 * MS,
        rings,
        (Node("guest", (Service("see", ("frames",), (), ("views",), calls),)),),
        (
            Sensor("camera", Fraction(10**9, 30), ("frames",), camera=True),
            Accelerator("npu", ("views",), ("results",), job_ns),
            Sink("out", ("results",)),
        ),
    )


def changed(plan: Plan, target: Target) -> dict[str, Change]:
    scenario = load(Path(__file__).parents[2] / "scenarios" / "pingpong.yaml")  # without a policy: nothing to halve
    return {each.text: each for each in changes(scenario, plan, target, lambda other: plan)}


def test_one_more_camera_and_what_it_costs() -> None:
    plan, target = camera_plan(5 * MS, 4 * MS), Target("drops=0", (NO_DROPS,), (), {})
    found = changed(plan, target)
    assert list(found) == [
        "one more camera",
        "all services 10 % slower",
        "guest.see 10 % slower",
        "npu 10 % slower",
        "camera at 60 Hz",
    ]
    best = search(Trials(plan, target, model.simulate), limits_of(plan)).trial
    said = {each.change: each for each in sensitivities(list(found.values()), best, model.simulate)}
    assert said["npu 10 % slower"].breaks == "" and said["npu 10 % slower"].extra_bytes == 0
    more = said["one more camera"]
    assert more.extra_bytes is not None and more.extra_bytes > 0
    if more.breaks:
        assert more.depths != best.depths
    job = next(each for each in found["npu 10 % slower"].plan.devices if isinstance(each, Accelerator))
    assert job.job_ns == 4_400_000


def test_what_no_depth_can_mend_is_told() -> None:
    """At 30 pictures a second there are 33.3 ms for each: 32 ms are enough, 35.2 ms and 16.7 ms apart are not."""
    plan, target = camera_plan(32 * MS, 4 * MS), Target("drops=0", (NO_DROPS,), (), {})
    best = search(Trials(plan, target, model.simulate), limits_of(plan)).trial
    said = {each.change: each for each in sensitivities(list(changed(plan, target).values()), best, model.simulate)}
    for change in ("guest.see 10 % slower", "camera at 60 Hz"):
        assert said[change].extra_bytes is None and not said[change].depths
        assert said[change].breaks.endswith("all on frames")


def test_the_worst_part_of_a_target_is_what_breaks() -> None:
    def formula(depths: Mapping[str, int]) -> Answered:
        return Answered(dropped={"frames": 3, "states": 9}, age_ns=30 * MS)

    system = System({"frames": 1000, "states": 10}, formula)
    for requirements, words in (
        ((NO_DROPS, at_most(20)), "drops is 12, 9 of them on states"),
        ((at_most(1), NO_DROPS), f"p99({PATH}) is 30 ms"),
        ((Requirement("drops(frames)=0", "drops", "=", 0.0, channel="frames"),), "drops(frames) is 3"),
        ((at_most(40),), ""),
    ):
        target = system.target(*requirements)
        assert breaks(Trials(system.plan, target, system.simulate).at({}), target) == words


@pytest.mark.parametrize(
    ("rate", "level"), [(30, 60), (Fraction(30000, 1001), 60), (29, 30), (10, 15), (1000, 2000), (Fraction(1, 2), 1)]
)
def test_levels_of_rates(rate: Fraction, level: int) -> None:
    assert next_rate(Fraction(rate)) == level


# -- rings that only postpone being full -------------------------------------------------------------------------------


def test_a_plan_that_fills_up_is_simulated_until_it_is_full() -> None:
    plan = replace(camera_plan(40 * MS, 4 * MS), duration_ns=1000 * MS)
    limits = limits_of(plan)
    longer = lasting(plan, limits, model.simulate)
    assert longer.duration_ns > 10_000 * MS, "5 of 30 pictures a second are left over, and there is room for 64"
    assert model.simulate(with_depths(longer, limits)).rings["frames"].dropped
    short, twice = (model.simulate(with_depths(replace(plan, duration_ns=each * MS), limits)) for each in (1000, 2000))
    assert growing(with_depths(plan, limits), short, twice) == ("frames",)


def test_a_plan_that_keeps_up_is_not() -> None:
    plan = camera_plan(5 * MS, 4 * MS)
    assert lasting(plan, limits_of(plan), model.simulate) == plan
