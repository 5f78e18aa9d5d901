"""What `sim run` says at its end, and junit.xml of a run with faults."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from sim.report.junit import junit
from sim.report.record import RunRecord
from sim.report.summary import summary

from .sample import HOSTILE, sample
from .schedule import sample_with_schedule

FOLDER = Path("runs/one")


def test_a_failed_expectation_says_when_and_where() -> None:
    lines = summary(sample_with_schedule(), FOLDER)
    assert lines[:4] == [
        "  FAILED  paths.sensor_to_control.missing == 0  (paths.sensor_to_control.missing is 1, expected == 0)",
        "          sample 50 of sensor, taken at 0.500000 s, never arrived; 1 in all",
        "          look at runs/one/trace.log:1234, or at 0.500000 s in trace.json",
        "          expected because: every sample steers",
    ]
    assert lines[4].startswith("  passed  partitions.control.cpu_share")
    assert lines[-2].startswith("failed: 2 virtual seconds in 6.2 s, digest 2b7e1516")
    assert lines[-1] == "report: runs/one/report.html"


def test_a_run_that_passed() -> None:
    record = sample_with_schedule()
    del record.expectations[0]
    assert summary(record, FOLDER)[-2].startswith("passed: ")


def test_partitions_that_did_not_end_well() -> None:
    record = sample_with_schedule()
    record.expectations.clear()
    record.partitions["planning"].states.pop()
    record.partitions["logging"].failed = "kernel panic"
    lines = summary(record, FOLDER)
    assert lines[0] == "  FAILED  partition planning: ended restarting  (see runs/one/logs/planning.log)"
    assert lines[1] == "  FAILED  partition logging: kernel panic  (see runs/one/logs/logging.log)"
    assert lines[2].startswith("failed: ")


def test_a_run_that_did_not_complete() -> None:
    record = RunRecord("none", outcome="failed", reason="front_camera: no such file")
    assert summary(record, FOLDER)[0] == "  FAILED  front_camera: no such file"


def test_a_guest_cannot_steer_the_terminal() -> None:
    record = sample(pictures=0, frames=30, hostile=True)
    record.expectations[0].passed, record.expectations[0].evidence = False, HOSTILE
    assert not any("\x1b" in line or "\x00" in line for line in summary(record, FOLDER))


def test_junit_says_when_and_where() -> None:
    root = ElementTree.fromstring(junit(sample_with_schedule()))
    failure = root.find(".//failure")
    assert failure is not None
    assert "evidence: sample 50 of sensor" in (failure.text or "")
    assert "where: at 0.500000 s, line 1234 of trace.log" in (failure.text or "")
    assert (failure.get("message") or "").endswith("never arrived; 1 in all")
    properties = {one.get("name"): one.get("value") for one in root.iter("property")}
    assert properties["digest"] == sample_with_schedule().digest and properties["seed"] == "7"


def test_junit_has_a_case_for_a_partition_that_is_unwell() -> None:
    record = sample_with_schedule()
    record.partitions["planning"].states.pop()
    root = ElementTree.fromstring(junit(record))
    case = next(case for case in root.iter("testcase") if case.get("name") == "partition planning is ready")
    failure = case.find("failure")
    assert failure is not None and failure.get("message") == "ended restarting"
    assert "0.840000 s failed its agent has not answered" in (failure.text or "")
    assert root.get("failures") == "2" and root.get("tests") == str(len(list(root.iter("testcase"))))
