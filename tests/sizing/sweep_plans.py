"""Plans made by hand for the tests of sweeps, and a model that answers at once."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from sim.sizing.outcome import NodeOutcome, Outcome, PathOutcome, RingOutcome, Times
from sim.sizing.plan import Accelerator, Calls, Lane, Link, Node, Path, Plan, Ring, Sensor, Service, Sink

SECOND_NS = 1_000_000_000


def ring(name: str, source: str, target: str, payload: int = 1000, depth: int = 4) -> Ring:
    return Ring(name, name.partition("@")[0], source, target, payload, depth, "drop_oldest")


def calls(hold: int, *offsets: int) -> Calls:
    return Calls(np.array([hold, hold + 2], np.int64), np.array([offsets, offsets], np.int64).reshape(2, len(offsets)))


def camera(name: str, *outputs: str, rate: int = 30) -> Sensor:
    return Sensor(name, Fraction(SECOND_NS, rate), outputs, seed=7, camera=True)


def plan_of(
    rings: list[Ring], nodes: list[Node], devices: list[Sensor | Sink | Accelerator | Link], paths: Sequence[Path] = ()
) -> Plan:
    return Plan(
        "handmade", 1_000_000, SECOND_NS, {each.name: each for each in rings}, tuple(nodes), tuple(devices),
        {each.name: each for each in paths},
    )  # fmt: skip


def ivi() -> Plan:
    """A camera, a detector, a monitor and a head unit, with a recording behind a link."""
    return plan_of(
        [
            ring("frames", "camera", "perception", 921_600),
            ring("detections", "perception", "cockpit", 384, 8),
            ring("checked", "perception", "safety", 384),
            ring("status", "safety", "cockpit", 8),
            ring("samples@imu", "imu", "cabin.link", 24),
            ring("samples", "cabin.link", "cabin", 24),
            ring("motion", "cabin", "cockpit", 4),
            ring("picture", "cockpit", "display", 288_000),
        ],
        [
            Node("perception", (Service("detector", ("frames",), (), ("detections", "checked"), calls(9, 7, 8)),)),
            Node("safety", (Service("monitor", ("checked",), (), ("status",), calls(3, 2)),)),
            Node("cockpit", (Service("head", ("detections",), ("status", "motion"), ("picture",), calls(5, 4)),)),
            Node("cabin", (Service("motion", ("samples",), (), ("motion",), calls(2, 1), keeps=True),)),
        ],
        [
            camera("camera", "frames"),
            Sensor("imu", Fraction(SECOND_NS, 10), ("samples@imu",), waits=True),
            Link("cabin.link", (Lane("samples@imu", "samples", "received", 100),), 20_000, True),
            Sink("display", ("picture",)),
        ],
        [
            Path("camera_to_display", "camera", ("frames", "detections", "picture"), 50_000_000),
            Path("imu->cockpit", "imu", ("samples@imu", "samples", "motion")),
        ],
    )


def surround() -> Plan:
    """Two cameras whose detectors feed one fusion, one picture each to the display, a common accelerator."""
    return plan_of(
        [
            ring("frames_1", "camera_1", "left"),
            ring("frames_2", "camera_2", "right"),
            ring("found_1", "left", "fuse"),
            ring("found_2", "right", "fuse"),
            ring("raw_1", "camera_1", "tpu"),
            ring("raw_2", "camera_2", "tpu"),
            ring("scores", "tpu", "fuse"),
            ring("fused", "fuse", "display"),
        ],
        [
            Node("left", (Service("detector_1", ("frames_1",), (), ("found_1",), calls(9, 7)),)),
            Node("right", (Service("detector_2", ("frames_2",), (), ("found_2",), calls(9, 7)),)),
            Node("fuse", (Service("fusion", ("found_1", "found_2"), ("scores",), ("fused",), calls(100, 90)),)),
        ],
        [
            camera("camera_1", "frames_1", "raw_1"),
            camera("camera_2", "frames_2", "raw_2"),
            Accelerator("tpu", ("raw_1", "raw_2"), ("scores",), 1_000),
            Sink("display", ("fused",)),
        ],
        [
            Path("camera_1->display", "camera_1", ("frames_1", "found_1", "fused")),
            Path("camera_2->display", "camera_2", ("frames_2", "found_2", "fused")),
        ],
    )


def times(value: int, count: int = 10) -> Times:
    return Times(count, value, value, value, value, value, value) if count else Times(0, 0, 0, 0, 0, 0, 0)


def simulate(plan: Plan) -> Outcome:
    """Answer with figures that follow from the plan alone and differ from plan to plan; no simulation."""
    cost = sum(int(service.calls.hold_ns.sum()) for node in plan.nodes for service in node.services)
    rate = sum(int(SECOND_NS / device.interval_ns) for device in plan.devices if isinstance(device, Sensor))
    rings = {}
    for name, each in plan.rings.items():
        dropped = max(0, rate // 8 + len(name) - 3 * each.depth)
        held = min(each.depth, 1 + rate // 20)
        rings[name] = RingOutcome(
            100, 100 - dropped, dropped, dropped // 2, held, np.zeros(each.depth + 1, np.int64), times(5), times(9)
        )
    depth = sum(each.depth for each in plan.rings.values())
    paths = {
        name: PathOutcome(7, len(name), 1, times(1_000 * len(path.rings) + cost + 10 * depth + rate))
        for name, path in plan.paths.items()
    }
    nodes = {node.name: NodeOutcome(1_000 * cost, {each.name: 3 for each in node.services}) for node in plan.nodes}
    nodes |= {each.name: NodeOutcome(500, {}) for each in plan.devices if isinstance(each, (Accelerator, Link))}
    return Outcome(rings, paths, nodes, 1_000 + cost, plan.duration_ns, {})
