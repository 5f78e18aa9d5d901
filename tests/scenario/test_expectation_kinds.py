"""Expectations that do not fit what they compare, and paths that cannot be, are told before the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.scenario import ScenarioErrors, load

SERVICES = Path(__file__).parent / "services" / "detector.py"
MODEL = Path(__file__).parent / "services" / "model.tflite"
SCENARIO = f"""
name: kinds
time: {{duration: 1s}}
partitions:
  perception:
    machine: linux-x86_64
    memory: 256M
    speed: 1000 MIPS
    services:
      detector: {{run: {SERVICES}:Detector, settings: {{model: {MODEL}}}}}
  cockpit:
    machine: linux-x86_64
    memory: 256M
    speed: 1000 MIPS
    services:
      head_unit: {{run: {SERVICES}:draw}}
devices:
  camera: {{kind: camera, source: plates, size: 640x480, rate: 30fps}}
  display: {{kind: display}}
channels:
  frames: {{from: camera, to: perception.detector.frame, tensor: "uint8[480,640,3]"}}
  detections: {{from: perception.detector.detections, to: cockpit.head_unit.detections, tensor: "float32[16,6]"}}
  preview: {{from: perception.detector.preview, to: cockpit.head_unit.preview, tensor: "uint8[120,160,3]"}}
  picture: {{from: cockpit.head_unit, to: display, tensor: "uint8[240,400,3]"}}
PATHS
expectations: [CHECK]
"""


def told(folder: Path, check: str = "doorbells > 0", paths: str = "{from: camera, to: display}") -> list[str]:
    path = folder / "kinds.yaml"
    quoted = '"' + check.replace("\\", "\\\\").replace('"', '\\"') + '"'
    path.write_text(SCENARIO.replace("CHECK", quoted).replace("PATHS", f"paths: {{view: {paths}}}"))
    try:
        load(path)
    except ScenarioErrors as errors:
        return [problem.message for problem in errors.problems]
    return []


@pytest.mark.parametrize(
    "check",
    [
        "channels.frames.rate_hz == 30Hz +- 0.5",
        "channels.frames.latency_us.p99_9 <= 2ms",
        "channels.frames.interval_us.max <= 70ms",
        "channels.frames.gaps == 0",
        "paths.view.age_us.max <= 100ms",
        "paths.view.missing == 0",
        "paths.view.late == 0",
        "partitions.cockpit.state == ready",
        "partitions.cockpit.state != failed",
        "partitions.cockpit.restarts <= 1",
        "partitions.cockpit.cpu_share >= 49%",
        "partitions.cockpit.failed == null",
        "partitions.cockpit.failed contains watchdog",
        'partitions.cockpit.console contains "Kernel panic"',
        "partitions.cockpit.console lacks Oops",
        "partitions.cockpit.log matches /model .*tflite/i",
        "schedule.policy == arinc653",
        "outcome == completed",
    ],
)
def test_sound_expectations(tmp_path: Path, check: str) -> None:
    assert told(tmp_path, check) == []


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ("partitions.cockpit.state == redy", "'partitions.cockpit.state' is never 'redy'; did you mean 'ready'?"),
        ("partitions.cockpit.state >= 1", "'partitions.cockpit.state' is text, which has no order; use == or !="),
        ("partitions.cockpit.state == 1", "'partitions.cockpit.state' is text, not 1; write a word or quoted text"),
        ("partitions.cockpit.state == true", "'partitions.cockpit.state' is text, not true"),
        ("channels.frames.dropped == none_at_all", "'channels.frames.dropped' is a number, not 'none_at_all'"),
        ("channels.frames.dropped contains 1", "is a number, and 'contains' looks into text; use >= <= == != > <"),
        ("channels.frames.shape == 1", "'channels.frames.shape' is a list"),
        ("passed == 1", "'passed' is true or false; write passed == true"),
        ("partitions.cockpit.console == ready", "'partitions.cockpit.console' is text of many lines; use contains"),
        ("partitions.cockpit.console == null", "'partitions.cockpit.console' is text of many lines"),
        ("partitions.cockpit.konsole contains x", "unknown 'konsole' in 'partitions.cockpit'; did you mean 'console'?"),
        ("paths.vew.age_us.max <= 1ms", "unknown 'vew' in 'paths'; did you mean 'view'?"),
        ("faults.crash.outcome == recovered", "the scenario has no faults; 'faults.crash.outcome' has no value"),
        ("schedule.polcy == dedicated", "unknown 'polcy' in 'schedule'; did you mean 'policy'?"),
        ("schedule.windows == 1", "'schedule.windows' is a list"),
    ],
)
def test_expectations_that_do_not_fit(tmp_path: Path, check: str, message: str) -> None:
    (line,) = told(tmp_path, check)
    assert message in line


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("{from: camra, to: display}", "'camra' is no device that takes samples; did you mean 'camera'?"),
        ("{from: display, to: cockpit}", "'display' is no device that takes samples; only camera is known"),
        ("{from: perception, to: display}", "'perception' is no device that takes samples"),
        ("{from: camera, to: dsplay}", "unknown partition or device 'dsplay'; did you mean 'display'?"),
        ("{from: camera, to: display.frame}", "no channels carry samples of 'camera' to 'display.frame'; they"),
        ("{from: camera, to: camera}", "no channels carry samples of 'camera' to 'camera'"),
        (
            "{from: camera, to: cockpit}",
            "samples of 'camera' arrive at 'cockpit' by 2 inputs; "
            "write cockpit.head_unit.detections or cockpit.head_unit.preview",
        ),
        ("{from: camera, to: display, deadline: 5}", "5 has no unit"),
        ("{to: display}", "missing"),
    ],
)
def test_paths_that_cannot_be(tmp_path: Path, path: str, message: str) -> None:
    (line,) = told(tmp_path, paths=path)
    assert message in line


@pytest.mark.parametrize("target", ["display", "display.picture", "perception", "cockpit.head_unit.preview"])
def test_paths_that_can(tmp_path: Path, target: str) -> None:
    assert told(tmp_path, paths=f"{{from: camera.frame, to: {target}, deadline: 50ms}}") == []
