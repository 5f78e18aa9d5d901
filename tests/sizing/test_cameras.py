"""Plans with another number of cameras."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.sizing.cameras import count_cameras, vary, with_cameras
from sim.sizing.errors import SizingError
from sim.sizing.plan import Accelerator, Calls, Lane, Link, Node, Path, Plan, Sensor, Service, Sink

from .sweep_plans import SECOND_NS, calls, camera, ivi, plan_of, ring, surround


def services(plan: Plan) -> dict[str, Service]:
    return {f"{node.name}.{each.name}": each for node in plan.nodes for each in node.services}


def devices(plan: Plan) -> dict[str, object]:
    return {device.name: device for device in plan.devices}


def check_sound(plan: Plan) -> None:
    """Every ring has one producer and one consumer, and nothing names a ring that is not there."""
    made: list[str] = []
    taken: list[str] = []
    for service in services(plan).values():
        made += service.outputs
        taken += service.required + service.sampled
        assert service.calls.offsets_ns.shape == (len(service.calls.hold_ns), len(service.outputs))
    for device in plan.devices:
        if isinstance(device, Link):
            made += [lane.leaving for lane in device.lanes]
            taken += [lane.arriving for lane in device.lanes]
        else:
            made += getattr(device, "outputs", ())
            taken += getattr(device, "inputs", ())
    assert sorted(made) == sorted(plan.rings) == sorted(taken)
    assert all(name == each.name for name, each in plan.rings.items())
    assert len(devices(plan)) == len(plan.devices)
    for path in plan.paths.values():
        assert set(path.rings) <= set(plan.rings) and path.source in devices(plan)


def test_the_same_number_changes_nothing() -> None:
    plan = ivi()
    assert with_cameras(plan, 1) is plan


def test_one_more_camera_repeats_what_it_alone_feeds() -> None:
    plan = with_cameras(ivi(), 2)
    check_sound(plan)
    assert list(services(plan)) == [
        "perception.detector", "perception.detector_2", "safety.monitor", "safety.monitor_2",
        "cockpit.head", "cockpit.head_2", "cabin.motion",
    ]  # fmt: skip
    assert list(plan.rings)[8:] == ["frames_2", "detections_2", "checked_2", "picture_2", "status_2"]
    detector = services(plan)["perception.detector_2"]
    assert (detector.required, detector.outputs) == (("frames_2",), ("detections_2", "checked_2"))
    head = services(plan)["cockpit.head_2"]
    assert (head.required, head.sampled, head.outputs) == (("detections_2",), ("status_2",), ("picture_2",))
    assert services(plan)["cockpit.head"].sampled == ("status", "motion")
    assert devices(plan)["display"] == Sink("display", ("picture", "picture_2"))
    assert [device.name for device in plan.devices][:2] == ["camera", "camera_2"]
    copy = devices(plan)["camera_2"]
    assert isinstance(copy, Sensor) and copy.seed == 8 and copy.outputs == ("frames_2",) and copy.camera
    assert plan.rings["frames_2"].source == "camera_2" and plan.rings["frames_2"].channel == "frames"
    assert plan.paths["camera_to_display_2"] == Path(
        "camera_to_display_2", "camera_2", ("frames_2", "detections_2", "picture_2"), 50_000_000
    )
    assert "imu->cockpit_2" not in plan.paths


def test_a_shared_service_takes_one_more_input_and_more_time() -> None:
    base = surround()
    plan = with_cameras(base, 3)
    check_sound(plan)
    fusion = services(plan)["fuse.fusion"]
    assert fusion.required == ("found_1", "found_2", "found_3")
    assert fusion.calls.hold_ns.tolist() == [150, 153] and fusion.calls.offsets_ns.tolist() == [[135], [135]]
    assert devices(plan)["tpu"] == Accelerator("tpu", ("raw_1", "raw_2", "raw_3"), ("scores",), 1_000)
    assert plan.paths["camera_3->display"].rings == ("frames_3", "found_3", "fused")
    assert services(plan)["right.detector_3"].calls is services(base)["right.detector_2"].calls
    assert services(with_cameras(base, 12))["fuse.fusion"].calls.hold_ns.tolist() == [600, 612]


def test_fewer_cameras_take_along_what_only_they_feed() -> None:
    plan = with_cameras(surround(), 1)
    check_sound(plan)
    assert sorted(plan.rings) == ["found_1", "frames_1", "fused", "raw_1", "scores"]
    assert [node.name for node in plan.nodes] == ["left", "fuse"]
    assert services(plan)["fuse.fusion"].calls.hold_ns.tolist() == [50, 51]
    assert list(plan.paths) == ["camera_1->display"]


def test_services_that_lose_all_inputs_go_with_everything_behind_them() -> None:
    base = plan_of(
        [
            ring("a", "one", "node"), ring("b", "two", "node"), ring("c", "node", "node"), ring("d", "node", "screen"),
            ring("clock", "tick", "node"), ring("e", "node", "chip"), ring("f", "chip", "node"),
        ],
        [
            Node("node", (
                Service("first", ("a",), (), (), calls(1)),
                Service("second", ("b",), ("clock",), ("c", "e"), calls(1, 1, 1)),
                Service("third", ("c",), (), ("d",), calls(1, 1)),
                Service("fourth", (), ("f",), (), calls(1)),
            )),
        ],
        [
            camera("one", "a"), camera("two", "b"), Sensor("tick", Fraction(1000), ("clock",)),
            Accelerator("chip", ("e",), ("f",), 5), Sink("screen", ("d",)),
        ],
    )  # fmt: skip
    plan = with_cameras(base, 1)
    check_sound(plan)
    assert list(plan.rings) == ["a"] and list(services(plan)) == ["node.first"] and list(devices(plan)) == ["one"]


def test_a_link_gets_a_further_lane() -> None:
    base = plan_of(
        [ring("frames@camera", "camera", "wire"), ring("frames", "wire", "board"), ring("out", "board", "screen")],
        [Node("board", (Service("look", ("frames",), (), ("out",), calls(5, 4)),))],
        [
            camera("camera", "frames@camera"),
            Link("wire", (Lane("frames@camera", "frames", "received", 9),), 1, False),
            Sink("screen", ("out",)),
        ],
    )
    plan = with_cameras(base, 2)
    check_sound(plan)
    link = devices(plan)["wire"]
    assert isinstance(link, Link)
    assert link.lanes[1] == Lane("frames_2@camera", "frames_2", "received", 9)
    assert with_cameras(plan, 1) == base


def test_a_required_input_from_elsewhere_is_sent_to_the_copy_as_well() -> None:
    base = plan_of(
        [
            ring("frames", "camera", "node"), ring("pose@imu", "imu", "wire"), ring("pose", "wire", "node"),
            ring("map", "other", "node"), ring("ticks", "imu", "other"),
        ],
        [
            Node("other", (Service("mapper", ("ticks",), (), ("map",), calls(8, 6)),)),
            Node("node", (Service("place", ("frames", "pose", "map"), (), (), calls(5)),)),
        ],
        [
            camera("camera", "frames"), Sensor("imu", Fraction(1000), ("pose@imu", "ticks")),
            Link("wire", (Lane("pose@imu", "pose", "received", 9),), 1, True),
        ],
    )  # fmt: skip
    plan = with_cameras(base, 3)
    check_sound(plan)
    assert services(plan)["node.place_3"].required == ("frames_3", "pose_3", "map_3")
    assert services(plan)["other.mapper"].outputs == ("map", "map_2", "map_3")
    assert services(plan)["other.mapper"].calls.offsets_ns.tolist() == [[6, 6, 6], [6, 6, 6]]
    imu = devices(plan)["imu"]
    assert isinstance(imu, Sensor) and imu.outputs == ("pose@imu", "ticks", "pose_2@imu", "pose_3@imu")


def test_copies_know_their_originals() -> None:
    variant = vary(ivi(), 3)
    assert variant.rings["frames_3"] == "frames" and variant.paths["camera_to_display_3"] == "camera_to_display"
    assert vary(surround(), 3).rings["frames_3"] == "frames_2"


def test_names_that_are_taken_are_passed_over() -> None:
    base = ivi()
    taken = replace(base.rings["motion"], name="frames_2")
    plan = replace(
        base,
        rings={**{name: each for name, each in base.rings.items() if name != "motion"}, "frames_2": taken},
        nodes=tuple(
            replace(node, services=tuple(
                replace(
                    each,
                    sampled=tuple("frames_2" if name == "motion" else name for name in each.sampled),
                    outputs=tuple("frames_2" if name == "motion" else name for name in each.outputs),
                )
                for each in node.services
            ))
            for node in base.nodes
        ),
        paths={},
    )  # fmt: skip
    grown = with_cameras(plan, 2)
    check_sound(grown)
    assert devices(grown)["camera_2"].outputs == ("frames_3",)  # type: ignore[attr-defined]


def splitting() -> Plan:
    """An image processor that makes a view of each picture and one of all; two views go to detectors of their own."""
    return plan_of(
        [
            *(ring(f"frames_{n}", f"eye_{n}", "isp", 90) for n in range(3)),
            *(ring(f"views_{n}", "isp", "chip" if n == 0 else f"node{n}", 9) for n in range(3)),
            ring("mosaic", "isp", "screen"), ring("found_1", "node1", "screen"), ring("found_2", "node2", "screen"),
            ring("scores", "chip", "screen"),
        ],
        [
            Node("isp", (Service(
                "split", ("frames_0", "frames_1", "frames_2"), (), ("views_0", "views_1", "mosaic", "views_2"),
                calls(30, 10, 20, 29, 30),
            ),)),
            Node("node1", (Service("look", ("views_1",), (), ("found_1",), calls(5, 4)),)),
            Node("node2", (Service("look", ("views_2",), (), ("found_2",), calls(5, 4)),)),
        ],
        [
            *(camera(f"eye_{n}", f"frames_{n}") for n in range(3)),
            Accelerator("chip", ("views_0",), ("scores",), 7),
            Sink("screen", ("mosaic", "found_1", "found_2", "scores")),
        ],
    )  # fmt: skip


def test_what_a_shared_service_makes_of_each_input_is_copied() -> None:
    plan = with_cameras(splitting(), 4)
    check_sound(plan)
    split = services(plan)["isp.split"]
    assert split.required[3:] == ("frames_3",) and split.outputs[4:] == ("views_3",)
    assert split.calls.offsets_ns[0].tolist() == [13, 27, 39, 40, 40] and split.calls.hold_ns[0] == 40
    look = services(plan)["node2.look_2"]
    assert look.required == ("views_3",) and look.outputs == ("found_3",)
    assert devices(plan)["screen"] == Sink("screen", ("mosaic", "found_1", "found_2", "scores", "found_3"))


def test_what_a_shared_service_makes_of_each_input_goes() -> None:
    plan = with_cameras(splitting(), 2)
    check_sound(plan)
    assert services(plan)["isp.split"].outputs == ("views_0", "views_1", "mosaic")
    assert [node.name for node in plan.nodes] == ["isp", "node1"] and "found_2" not in plan.rings
    check_sound(with_cameras(splitting(), 1))


@pytest.mark.parametrize("n", [0, -1, 257])
def test_numbers_out_of_range_are_refused(n: int) -> None:
    with pytest.raises(SizingError, match=f"{n} is out of range; from 1 to 256"):
        with_cameras(ivi(), n)


def test_a_plan_without_cameras_says_so() -> None:
    plan = ivi()
    blind = replace(plan, devices=tuple(replace(d, camera=False) if isinstance(d, Sensor) else d for d in plan.devices))
    with pytest.raises(SizingError, match="no device of kind camera"):
        with_cameras(blind, 2)


@st.composite
def systems(draw: st.DrawFn) -> Plan:
    """Plans of cameras, services that take what is there in any way, and one sink."""
    rings, nodes, sensors = [], [], []
    free: list[str] = []
    for number in range(draw(st.integers(1, 4))):
        names = [f"frames_{number}_{k}" for k in range(draw(st.integers(1, 2)))]
        rings += [ring(name, f"eye{number}", "?") for name in names]
        free += names
        sensors.append(camera(f"eye{number}", *names))
    for number in range(draw(st.integers(0, 5))):
        chosen = draw(st.lists(st.sampled_from(free), max_size=3, unique=True)) if free else []
        free = [name for name in free if name not in chosen]
        cut = draw(st.integers(0, len(chosen)))
        outputs = tuple(f"made{number}{chr(97 + k)}" for k in range(draw(st.integers(0, 2))))
        rings += [ring(name, f"node{number}", "?") for name in outputs]
        free += outputs
        service = Service("work", tuple(chosen[:cut]), tuple(chosen[cut:]), outputs, calls(10, *[5] * len(outputs)))
        nodes.append(Node(f"node{number}", (service,)))
    return plan_of(rings, nodes, [*sensors, *([Sink("screen", tuple(free))] if free else [])])


@given(systems(), st.integers(1, 7))
def test_any_variant_is_a_sound_plan_and_always_the_same(plan: Plan, n: int) -> None:
    check_sound(plan)
    variant = with_cameras(plan, n)
    check_sound(variant)
    assert count_cameras(variant) == n
    again = with_cameras(plan, n)
    assert list(again.rings) == list(variant.rings) and again.devices == variant.devices


@given(systems(), st.integers(0, 4))
def test_cameras_that_were_added_go_without_a_trace(plan: Plan, more: int) -> None:
    """A copy's rings and services are fed by it alone, and what was shared is as before, but for further outputs."""
    n = count_cameras(plan)
    back = with_cameras(with_cameras(plan, n + more), n)
    assert set(back.rings) == set(plan.rings)
    for name, service in services(plan).items():
        kept = services(back)[name]
        assert set(kept.required) == set(service.required) and set(kept.sampled) == set(service.sampled)
        assert np.abs(kept.calls.hold_ns - service.calls.hold_ns).max() <= 1


def test_offsets_of_nothing_stay_so() -> None:
    base = surround()
    silent = Calls(np.array([100]), np.array([[-1]]))
    nodes = tuple(
        replace(node, services=(replace(node.services[0], calls=silent),)) if node.name == "fuse" else node
        for node in base.nodes
    )
    plan = with_cameras(replace(base, nodes=nodes), 4)
    assert services(plan)["fuse.fusion"].calls.offsets_ns.tolist() == [[-1]]
    assert services(plan)["fuse.fusion"].calls.hold_ns.tolist() == [200]


def test_the_copy_runs_at_the_rate_of_its_original() -> None:
    copy = devices(with_cameras(ivi(), 2))["camera_2"]
    assert isinstance(copy, Sensor) and copy.interval_ns == Fraction(SECOND_NS, 30)
