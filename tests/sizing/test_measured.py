"""Times that a real run measures, against its trace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sim.scenario import load
from sim.sizing.model import simulate
from sim.sizing.reduction import plan_of
from sim.sizing.timing import FILE, Timing
from sim.sizing.timing.source import timing_of
from tests.e2e.simulator import IVI, run

pytestmark = [pytest.mark.guest, pytest.mark.slow]


def returned(trace: Path, channel: str) -> list[tuple[int, int]]:
    """Return when the tensors of a channel were taken and given back, by the trace."""
    lines = [line.split() for line in trace.read_text().splitlines()]
    return [(int(line[4]), int(line[5])) for line in lines if line[1:3] == ["returned", channel]]


def sent(trace: Path, channel: str) -> list[int]:
    """Return when the tensors of a channel were published, by the trace."""
    lines = [line.split() for line in trace.read_text().splitlines()]
    return [int(line[4]) for line in lines if line[1:3] == ["tensor", channel]]


def test_a_run_measures_its_services_and_the_model_finds_the_same(tmp_path: Path) -> None:
    done = run(tmp_path / "ivi", IVI, "2s")
    assert (done.folder / FILE).exists(), done.err
    scenario = load(IVI, {"time.duration": "2s"})

    def never() -> Path:
        raise AssertionError("there is a run")

    timing = timing_of(scenario, IVI, done.folder, never)
    trace = done.folder / "trace.log"
    frames = returned(trace, "frames")
    detector = timing.services["perception.detector"]
    assert detector.hold_ns == tuple(back - taken for taken, back in frames)
    assert len(frames) > 50
    detections = sent(trace, "detections")[: len(frames)]
    offsets = [at - taken for (taken, _), at in zip(frames, detections, strict=True)]
    assert [each[detector.outputs.index("detections")] for each in detector.offsets_ns] == offsets
    assert timing.services["cabin.motion"].counted == len(returned(trace, "samples"))
    assert timing.services["safety.monitor"].wake_ns[0] > 0
    assert timing.opened_ns["frames"] == sent(trace, "frames")[0]
    outcome = simulate(plan_of(scenario, timing))
    figures = json.loads((done.folder / "result.json").read_text())["channels"]
    for name, ring in outcome.rings.items():
        assert ring.occupancy_max == figures[name]["occupancy_max"], name
        assert abs(ring.delivered - figures[name]["delivered"]) <= 1, name
    again = run(tmp_path / "again", IVI, "2s")
    assert (again.folder / FILE).read_bytes() == (done.folder / FILE).read_bytes()
    assert Timing.from_json((again.folder / FILE).read_text()).scenario == "ivi_camera"
