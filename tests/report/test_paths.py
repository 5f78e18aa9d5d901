"""Paths: which samples arrived at the end, how old, and which never did."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.report.paths import conclude_paths
from sim.report.record import ChannelRecord, MessageRecord, RunRecord
from sim.report.result import result
from sim.scenario import load
from sim.scenario.model import Scenario
from sim.scenario.paths import ways
from sim.scenario.ports import Endpoint

from .sample import MS

SERVICES = Path(__file__).parents[1] / "scenario" / "services"
SCENARIO = f"""
name: followed
time: {{duration: 1s}}
partitions:
  perception:
    machine: linux-x86_64
    memory: 256M
    speed: 1000 MIPS
    services:
      detector: {{run: {SERVICES}/detector.py:Detector, settings: {{model: {SERVICES}/model.tflite}}}}
  cockpit:
    machine: linux-x86_64
    memory: 256M
    speed: 1000 MIPS
    services:
      head_unit: {{run: {SERVICES}/detector.py:draw}}
devices:
  camera: {{kind: camera, source: plates, size: 640x480, rate: 30fps}}
  display: {{kind: display}}
channels:
  frames: {{from: camera, to: perception.detector.frame, tensor: "uint8[480,640,3]"}}
  detections: {{from: perception.detector.detections, to: cockpit.head_unit.detections, tensor: "float32[16,6]"}}
  preview: {{from: perception.detector.preview, to: cockpit.head_unit.preview, tensor: "uint8[120,160,3]"}}
  picture: {{from: cockpit.head_unit, to: display, tensor: "uint8[240,400,3]"}}
paths:
  view: {{from: camera, to: display, deadline: 20ms}}
  frames: {{from: camera.frame, to: perception}}
"""


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    path = tmp_path_factory.mktemp("paths") / "followed.yaml"
    path.write_text(SCENARIO)
    return load(path)


def channel(messages: list[MessageRecord]) -> ChannelRecord:
    return ChannelRecord("a", "b", "uint8", (1,), 4, "block", 0, messages)


def record_of(arrivals: list[tuple[int, int, int]], sent: int = 10) -> RunRecord:
    """Return a run in which a camera took a picture every 10 ms.

    Parameters:
        arrivals: at the display: t_ms, and number and t_ms of the sample as the head unit told them.
        sent: how many pictures.
    """
    frames = [MessageRecord(n, 10 * n * MS, (10 * n + 1) * MS, None, 10 * n * MS, n) for n in range(sent)]
    shown = [MessageRecord(i, t * MS, t * MS, None, at * MS, n) for i, (t, n, at) in enumerate(arrivals)]
    record = RunRecord("followed", virtual_time_ns=1000 * MS)
    record.channels = {"frames": channel(frames), "picture": channel(shown)}
    return record


def test_age_at_the_end_and_what_never_arrived(scenario: Scenario) -> None:
    record = record_of([(15, 0, 0), (45, 3, 30), (52, 4, 40)])
    conclude_paths(scenario, record)
    view = record.paths["view"]
    assert view.channels == ("frames", "detections", "picture")
    assert view.arrivals == [(15 * MS, 15 * MS, 0), (45 * MS, 15 * MS, 3), (52 * MS, 12 * MS, 4)]
    assert view.missing == [(1, 10 * MS), (2, 20 * MS)]
    figures = result(record)["paths"]["view"]
    assert (figures["delivered"], figures["missing"], figures["late"]) == (3, 2, 0)
    assert (figures["age_us"]["max"], figures["interval_us"]["max"]) == (15_000.0, 30_000.0)


def test_arrivals_after_the_deadline_are_late(scenario: Scenario) -> None:
    record = record_of([(20, 0, 0), (31, 1, 10)])
    conclude_paths(scenario, record)
    assert result(record)["paths"]["view"]["late"] == 1
    assert result(record)["paths"]["frames"]["late"] is None
    assert result(record)["paths"]["frames"]["age_us"]["max"] == 1000.0


def test_samples_that_a_guest_made_up_do_not_count(scenario: Scenario) -> None:
    record = record_of([(15, 0, 0), (16, 1, 11), (17, 9_999_999_999, 3), (5, 1, 10)])
    conclude_paths(scenario, record)
    assert [number for _, _, number in record.paths["view"].arrivals] == [0]
    assert record.paths["view"].missing == []


def test_a_sample_that_a_full_ring_refused_is_missing(scenario: Scenario) -> None:
    record = record_of([(15, 0, 0), (45, 3, 30)])
    refused = record.channels["frames"].messages[1]
    refused.origin_ns = refused.origin_sequence = None
    conclude_paths(scenario, record)
    assert record.paths["view"].missing == [(1, 0), (2, 20 * MS)]


def test_nothing_arrived(scenario: Scenario) -> None:
    record = record_of([], sent=0)
    conclude_paths(scenario, record)
    assert result(record)["paths"]["view"]["age_us"]["max"] is None
    assert record.paths["view"].missing == []


def test_only_optional_inputs_may_each_pass_an_origin_on() -> None:
    def end(text: str) -> Endpoint:
        return Endpoint(*text.split(".")) if text.count(".") == 2 else Endpoint(text, None, "sample")

    wires = {"a": ("imu", "one.hub.left"), "b": ("gps", "one.hub.right"), "c": ("one.hub.out", "log")}
    channels = {name: (end(source), end(target)) for name, (source, target) in wires.items()}
    for sensor, first in (("imu", "a"), ("gps", "b")):
        assert ways(channels, lambda *_: ("left", "right"), Endpoint(sensor), Endpoint("log")) == [(first, "c")]
    assert ways(channels, lambda *_: ("left",), Endpoint("gps"), Endpoint("log")) == []


def test_a_cycle_ends() -> None:
    loop = {
        "a": (Endpoint("one", "x", "out"), Endpoint("one", "y", "in")),
        "b": (Endpoint("one", "y", "out"), Endpoint("one", "x", "in")),
    }
    assert ways(loop, lambda *_: ("in",), Endpoint("camera"), Endpoint("one")) == []
