"""The plan of a scenario, and where its execution times come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from sim.host.legs import legs_of
from sim.host.scheduler.arinc653 import Arinc653
from sim.scenario import load
from sim.scenario.model import Scenario
from sim.sizing.errors import SizingError
from sim.sizing.plan import LONGEST_NS, Lane, Link, Sensor, Sink
from sim.sizing.reduction import left_out, plan_of
from sim.sizing.timing import Arrivals, NodeTiming, ServiceTiming, Timing
from sim.sizing.timing.source import timing_of

from .hand_made import scenario_in

ROOT = Path(__file__).parents[2]
FILE = Path("by_hand.yaml")


def timing(scenario: Scenario) -> Timing:
    """Return times such as a run of it would have measured."""
    over_link = "status@far" in {leg.name for leg in legs_of(scenario)}
    copy = "copy@front" if over_link else "copy"
    services: Mapping[str, ServiceTiming] = {
        "front.detect": ServiceTiming(("view", "boxes", copy), (90, 91), ((30, 10, 20), (31, -1, 21)), (9, 5), (), 6),
        "far.monitor": ServiceTiming(("status@far" if over_link else "status",), (40,), ((35,),), (2,)),
        "back.draw": ServiceTiming(("picture",), (70,), ((60,),), (7,), ((3,),), 8),
    }
    nodes = {"front": NodeTiming(5, 11), "back": NodeTiming(6)}
    return Timing(scenario.name, services, nodes, {"frames": 3}, {leg.name: Arrivals(0) for leg in legs_of(scenario)})


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    return scenario_in(tmp_path)


def test_rings_and_services(scenario: Scenario) -> None:
    plan = plan_of(scenario, timing(scenario))
    assert (plan.scenario, plan.quantum_ns, plan.duration_ns, plan.policy) == ("by_hand", 10**6, 10**8, None)
    assert list(plan.rings) == ["frames", "boxes", "view", "copy", "status", "picture"]
    frames, view = plan.rings["frames"], plan.rings["view"]
    assert (frames.source, frames.target, frames.payload_bytes, frames.open_ns) == ("rows", "front", 8, 3)
    assert (view.depth, view.overflow, view.open_ns) == (4, "drop_newest", 0)
    front, far, back = plan.nodes
    assert [node.name for node in plan.nodes] == ["front", "far", "back"]
    assert [(node.wake_ns, node.bell_ns) for node in plan.nodes] == [(5, 11), (0, 0), (6, 0)]
    (detect,), (monitor,), (draw,) = front.services, far.services, back.services
    assert detect.outputs == ("boxes", "copy", "view")
    assert detect.calls.hold_ns.tolist() == [90, 91]
    takes = [each.calls.take_ns for each in (detect, monitor, draw)]
    assert [None if each is None else each.tolist() for each in takes] == [[[4], [0]], [[2]], [[1, 3]]]
    assert detect.calls.offsets_ns.tolist() == [[10, 20, 30], [-1, 21, 31]], "columns follow the outputs"
    assert (draw.required, draw.sampled, draw.gap_ns) == (("boxes", "view"), ("status",), 8)
    assert (draw.keeps, monitor.keeps) == (False, True)


def test_devices(scenario: Scenario) -> None:
    rows, out = plan_of(scenario, timing(scenario)).devices
    assert rows == Sensor("rows", Fraction(10_000_000), ("frames",), count=50, waits=True)
    assert out == Sink("out", ("picture",))


def test_a_camera_takes_its_pictures_as_the_real_one(tmp_path: Path) -> None:
    from machines.native.camera import Camera

    text = (ROOT / "tests/e2e/relay.yaml").read_text().replace("../../", f"{ROOT}/")
    (tmp_path / "relay.yaml").write_text(text.replace("rate: 50fps", "rate: 29.97fps, jitter: 2ms, count: 9"))
    scenario = load(tmp_path / "relay.yaml")
    calls = (1,), ((1,),)
    services = {"first.relay": ServiceTiming(("middle",), *calls), "second.relay": ServiceTiming(("end",), *calls)}
    clock = plan_of(scenario, Timing("relay", services)).devices[0]
    assert isinstance(clock, Sensor)
    assert (clock.camera, clock.jitter_ns, clock.seed, clock.count) == (True, 2_000_000, scenario.seed, 9)
    real = Camera("clock", "plates", (160, 120), Fraction("29.97"))
    assert [int(index * clock.interval_ns) for index in range(100)] == [real.next_ns(index) for index in range(100)]


def test_a_channel_over_a_link_has_two_rings_and_a_lane(tmp_path: Path) -> None:
    scenario = scenario_in(tmp_path, machine="esp32s3")
    plan = plan_of(scenario, timing(scenario))
    assert plan.rings["copy@front"].target == plan.rings["copy"].source == "far@link"
    assert plan.nodes[0].services[0].outputs == ("boxes", "copy@front", "view")
    assert plan.nodes[1].services[0].required == ("copy",)
    link = plan.devices[-1]
    assert isinstance(link, Link)
    there, back = link.lanes
    assert (there.arriving, there.leaving, there.direction) == ("copy@front", "copy", "received")
    assert (back.arriving, back.leaving, back.direction) == ("status@far", "status", "sent")
    assert all(isinstance(lane, Lane) and lane.wire_ns > 0 for lane in link.lanes)
    assert plan.paths["whole"].rings == ("frames", "boxes", "picture")


def test_partitions_that_share_cores_are_scheduled_by_the_policy_of_runs() -> None:
    scenario = load(ROOT / "scenarios/partition_schedule.yaml")
    outs = {"control": "control_out", "vision": "vision_out", "logging": "logging_out"}
    services = {f"{name}.loop": ServiceTiming((ring,), (1,), ((1,),)) for name, ring in outs.items()}
    plan = plan_of(scenario, Timing(scenario.name, services))
    assert plan.policy is not None
    first, second = plan.policy(), plan.policy()
    assert isinstance(first, Arinc653)
    assert first is not second, "each run has its own"
    assert all(node.scheduled for node in plan.nodes)


def test_paths(scenario: Scenario) -> None:
    asked = [("rows", "back.draw.view"), ("rows", "front")]
    paths = plan_of(scenario, timing(scenario), asked).paths
    assert list(paths) == ["whole", "rows->back.draw.view", "rows->front"]
    assert (paths["whole"].rings, paths["whole"].deadline_ns) == (("frames", "boxes", "picture"), 20_000_000)
    assert (paths["rows->back.draw.view"].source, paths["rows->back.draw.view"].rings) == ("rows", ("frames", "view"))


@pytest.mark.parametrize(
    ("source", "target", "problem"),
    [
        ("row", "out", "'row' is no device that sends; did you mean 'rows'?"),
        ("out", "rows", "'out' is no device that sends"),
        ("rows", "outt", "no partition or device 'outt'; did you mean 'out'?"),
        ("rows", "back", "samples arrive there by 3 inputs; write back.draw.boxes or"),
        ("rows", "front.detect.nothing", "no samples go there; from 'rows' they arrive at back.draw.boxes or"),
        ("rows", "", "'' is no name of an end; write SENSOR->TARGET"),
    ],
)
def test_paths_that_are_none(scenario: Scenario, source: str, target: str, problem: str) -> None:
    with pytest.raises(SizingError) as refused:
        plan_of(scenario, timing(scenario), [(source, target)])
    assert problem in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_service_without_times_is_refused(scenario: Scenario) -> None:
    whole = timing(scenario)
    some = {name: each for name, each in whole.services.items() if name != "back.draw"}
    with pytest.raises(SizingError, match=r"no execution time of back\.draw"):
        plan_of(scenario, replace(whole, services=some))
    never = {**some, "back.draw": ServiceTiming(("picture",), (), ())}
    with pytest.raises(SizingError, match=r"back\.draw was never called"):
        plan_of(scenario, replace(whole, services=never))


def test_faults_are_left_out_and_told(tmp_path: Path) -> None:
    scenario = scenario_in(tmp_path, more="faults:\n  off: {kind: kill, target: back, at: 50ms}\n")
    assert left_out(scenario) == ("faults of the scenario are left out: off",)


# -- where times come from ---------------------------------------------------------------------------------------------


def never() -> Path:
    raise AssertionError("nothing had to be run")


def test_times_of_a_run_that_is_named(scenario: Scenario, tmp_path: Path) -> None:
    timing(scenario).write(tmp_path)
    found = timing_of(scenario, FILE, tmp_path, never)
    assert found == timing(scenario)
    assert found.origin == f"measured in {tmp_path}"


def test_without_a_run_the_scenario_is_run(scenario: Scenario, tmp_path: Path) -> None:
    def run() -> Path:
        timing(scenario).write(tmp_path)
        return tmp_path

    assert timing_of(scenario, FILE, None, run) == timing(scenario)


def test_a_run_of_another_scenario_is_refused(scenario: Scenario, tmp_path: Path) -> None:
    whole = timing(scenario)
    replace(whole, scenario="other").write(tmp_path)
    with pytest.raises(SizingError, match=r"is a run of another scenario, other, and by_hand.yaml is by_hand;"):
        timing_of(scenario, FILE, tmp_path, never)
    services = {"back.paint" if name == "back.draw" else name: each for name, each in whole.services.items()}
    replace(whole, services=services).write(tmp_path)
    with pytest.raises(SizingError, match=r"services: it lacks back\.draw; it has also back\.paint; run it anew"):
        timing_of(scenario, FILE, tmp_path, never)
    replace(whole, arrivals={**whole.arrivals, "more": Arrivals(1)}).write(tmp_path)
    with pytest.raises(SizingError, match="rings: it has also more; run it anew"):
        timing_of(scenario, FILE, tmp_path, never)
    services = {**whole.services, "back.draw": ServiceTiming((), (1,), ((),))}
    replace(whole, services=services).write(tmp_path)
    with pytest.raises(SizingError, match=r"outputs of back\.draw: it lacks picture"):
        timing_of(scenario, FILE, tmp_path, never)


TIMES = {"front.services.detect": "2ms", "far.services.monitor": "300us", "back.services.draw": "1ms"}


def declaring(tmp_path: Path, *names: str) -> Scenario:
    """Return the scenario with the declared times of some services."""
    scenario_in(tmp_path)
    return load(tmp_path / FILE, {f"partitions.{name}.time": TIMES[name] for name in names})


def test_declared_times_need_no_run(tmp_path: Path) -> None:
    scenario = declaring(tmp_path, *TIMES)
    found = timing_of(scenario, FILE, None, never)
    detect = ServiceTiming(("boxes", "copy", "view"), (2_000_000,), ((2_000_000,) * 3,), source="declared")
    assert found.services["front.detect"] == detect
    assert found.origin == "declared in by_hand.yaml"
    assert plan_of(scenario, found).nodes[1].services[0].calls.hold_ns.tolist() == [300_000]


def test_a_declared_time_may_be_longer_than_any_run(tmp_path: Path) -> None:
    scenario_in(tmp_path)
    overrides = {f"partitions.{name}.time": "999999999999s" for name in TIMES}
    scenario = load(tmp_path / FILE, overrides)
    plan = plan_of(scenario, timing_of(scenario, FILE, None, never))
    assert plan.nodes[1].services[0].calls.hold_ns.tolist() == [LONGEST_NS]


def test_a_declared_time_goes_before_a_measured_one_unless_a_run_is_named(tmp_path: Path) -> None:
    scenario = declaring(tmp_path, "back.services.draw")
    timing(scenario).write(tmp_path)
    made = timing_of(scenario, FILE, None, lambda: tmp_path)
    assert made.services["back.draw"].hold_ns == (1_000_000,)
    assert made.services["front.detect"].source == "measured"
    assert made.origin == f"measured in {tmp_path}, declared for back.draw"
    assert timing_of(scenario, FILE, tmp_path, never).services["back.draw"].hold_ns == (70,)


def test_a_declared_time_stands_for_what_was_never_called(tmp_path: Path) -> None:
    scenario = declaring(tmp_path, "back.services.draw")
    whole = timing(scenario)
    replace(whole, services={**whole.services, "back.draw": ServiceTiming(("picture",), (), ())}).write(tmp_path)
    assert timing_of(scenario, FILE, tmp_path, never).services["back.draw"].hold_ns == (1_000_000,)
