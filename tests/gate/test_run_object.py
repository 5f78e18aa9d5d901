"""A run as a test sees it: figures at hand, failures that explain themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sim.testing.launch import make_request
from sim.testing.run import SimRun

from .traces import MS, figures, stream, written

UNMET = {
    "text": "channels.frames.age_us.p99 <= 5ms", "passed": False, "actual": 7250.0, "why": "later is of no use",
    "reason": "channels.frames.age_us.p99 is 7250us, expected <= 5000us", "seen_us": 71000.0, "trace_line": 27,
    "evidence": "tensor 6 is the oldest",
}  # fmt: skip


def finished(folder: Path, *, update: bool = False, lines: list[str] | None = None, **changes: Any) -> SimRun:
    """Return a run whose report is in a new folder."""
    lines = stream(10) if lines is None else lines
    result = figures(lines, **changes)
    written(folder, lines, result)
    request = make_request(Path("edges.yaml"), {"seed": 3})
    return SimRun(request, result, folder, folder.parent, update)


def test_figures_are_at_hand(tmp_path: Path) -> None:
    run = finished(tmp_path / "run")
    assert run.passed and len(run.digest) == 64
    assert run.channel("frames").latency_us.p99 == run.channel("frames")["latency_us"]["p99"] == 30.0
    assert run.metric("detection").mean_iou == 0.9
    assert run.partition("vision").state == "ready"
    assert run.expectations[0].text == "doorbells > 3"


def test_a_wrong_name_is_told_with_the_right_ones(tmp_path: Path) -> None:
    run = finished(tmp_path / "run")
    with pytest.raises(KeyError, match=r"channels of edges.yaml have no 'frame'; there are frames"):
        run.channel("frame")
    with pytest.raises(AttributeError, match="no figure 'latency'; there are source, messages"):
        _ = run.channel("frames").latency


def test_paths_and_faults_are_at_hand(tmp_path: Path) -> None:
    run = finished(tmp_path / "run", paths={"sight": {"age_us": {"p99": 7.5}}}, faults={})
    assert run.path("sight").age_us.p99 == 7.5
    with pytest.raises(KeyError, match=r"faults of edges.yaml have no 'kill'; there are none"):
        run.fault("kill")


def test_what_a_guest_wrote_cannot_break_the_report_of_a_test(tmp_path: Path) -> None:
    partitions = {"vision": {"state": "failed", "failed": "\ud800\x1b[2J"}}
    story = finished(tmp_path / "run", passed=False, partitions=partitions).story()
    assert "\x1b" not in story
    assert story.encode("utf-8")


def test_an_unmet_expectation_is_a_difference(tmp_path: Path) -> None:
    run = finished(tmp_path / "run", passed=False, expectations=[UNMET])
    with pytest.raises(AssertionError) as told:
        run.assert_passed()
    assert str(told.value).splitlines()[1:] == [
        "- expected: channels.frames.age_us.p99 <= 5ms",
        "+ seen:     channels.frames.age_us.p99 is 7250us, expected <= 5000us",
        "  when:     71 ms, line 27 of trace.log",
        "            tensor 6 is the oldest",
        "  why:      later is of no use",
    ]


def test_a_failed_partition_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    partitions = {"vision": {"state": "failed", "failed": "focus: ZeroDivisionError"}}
    run = finished(tmp_path / "run", passed=False, partitions=partitions)
    (run.folder / "logs").mkdir()
    (run.folder / "logs" / "vision.log").write_text("".join(f"line {number}\n" for number in range(99)))
    story = run.story()
    assert "partition vision failed: focus: ZeroDivisionError" in story
    assert "    line 98" in story and "line 50" not in story
    assert "$ sim run edges.yaml --set seed=3" in story and f"artefacts: {run.folder}" in story


def test_the_repr_says_what_matters(tmp_path: Path) -> None:
    run = finished(tmp_path / "run", passed=False, expectations=[UNMET, figures([])["expectations"][0]])
    assert repr(run) == f"<run of edges.yaml: failed, 1 of 2 expectations hold, digest {run.digest[:12]}>"


def test_a_baseline_is_written_on_demand_and_then_compared_with(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="--sim-update-baselines writes it"):
        finished(tmp_path / "without").assert_matches_baseline("edges.baseline")
    finished(tmp_path / "first", update=True).assert_matches_baseline("edges.baseline")
    finished(tmp_path / "same").assert_matches_baseline("edges.baseline")
    late = [line.replace("taken frames 6 70020000", "taken frames 6 70026000") for line in stream(10)]
    with pytest.raises(AssertionError) as told:
        finished(tmp_path / "other", lines=late).assert_matches_baseline("edges.baseline")
    assert "event 27 differs, at 71 ms" in str(told.value)
    assert "taken at 70.02 ms in baseline, 70.026 ms in this run" in str(told.value)


def test_a_run_that_failed_makes_no_baseline(tmp_path: Path) -> None:
    run = finished(tmp_path / "run", update=True, passed=False, expectations=[UNMET], quantum_ns=MS)
    with pytest.raises(AssertionError, match=r"expected: channels\.frames"):
        run.assert_matches_baseline("edges.baseline")
    assert not (tmp_path / "edges.baseline").exists()
