"""Plans made by hand for the tests of sweeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np

from sim import scenario as language
from sim.scenario.model import Scenario
from sim.sizing import reduction
from sim.sizing.plan import Accelerator, Calls, Lane, Link, Node, Plan, Ring, Sensor, Service, Sink
from sim.sizing.plan import Path as DataPath
from sim.sizing.sweep.asking import Asked, Loader, ask
from sim.sizing.sweep.sweeping import Origin
from sim.sizing.timing.source import timing_of

SECOND_NS = 1_000_000_000


def ring(name: str, source: str, target: str, payload: int = 1000, depth: int = 4) -> Ring:
    return Ring(name, name.partition("@")[0], source, target, payload, depth, "drop_oldest")


def calls(hold: int, *offsets: int) -> Calls:
    return Calls(np.array([hold, hold + 2], np.int64), np.array([offsets, offsets], np.int64).reshape(2, len(offsets)))


def camera(name: str, *outputs: str, rate: int = 30) -> Sensor:
    return Sensor(name, Fraction(SECOND_NS, rate), outputs, seed=7, camera=True)


def plan_of(
    rings: list[Ring],
    nodes: list[Node],
    devices: list[Sensor | Sink | Accelerator | Link],
    paths: Sequence[DataPath] = (),
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
            DataPath("camera_to_display", "camera", ("frames", "detections", "picture"), 50_000_000),
            DataPath("imu->cockpit", "imu", ("samples@imu", "samples", "motion")),
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
            DataPath("camera_1->display", "camera_1", ("frames_1", "found_1", "fused")),
            DataPath("camera_2->display", "camera_2", ("frames_2", "found_2", "fused")),
        ],
    )


SCENARIO = Path(__file__).parents[2] / "scenarios" / "ivi_camera.yaml"
TIMES = {
    "partitions.perception.services.detector.time": "8ms",
    "partitions.safety.services.monitor.time": "70us",
    "partitions.cockpit.services.head_unit.time": "2ms",
    "partitions.cabin.services.motion.time": "1ms",
    "time.duration": "1s",
}
"""With these nothing needs to be run for execution times."""


def loaded() -> tuple[Scenario, Plan, Loader]:
    """Return the camera scenario with declared times, its plan, and what loads it with other values."""

    def load(values: Mapping[str, str]) -> Plan:
        scenario = language.load(SCENARIO, {**TIMES, **values})
        return reduction.plan_of(scenario, timing)

    scenario = language.load(SCENARIO, TIMES)
    timing = timing_of(scenario, SCENARIO, None, lambda: Path())
    return scenario, reduction.plan_of(scenario, timing), load


@cache
def asked(*grids: str, count: int | None = None, seed: int = 0) -> Asked:
    """Return a sweep of the camera scenario."""
    return ask(*loaded(), grids, count, seed)


ORIGIN = Origin("ivi_camera", str(SCENARIO), "declared", {"scenario text": "1"})
