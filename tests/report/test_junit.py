"""junit.xml as a CI server reads it."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from sim.report.junit import junit
from sim.report.record import RunRecord

from .sample import HOSTILE, sample


def parsed(record: RunRecord) -> ElementTree.Element:
    return ElementTree.fromstring(junit(record))


def test_one_case_for_the_run_and_one_per_expectation() -> None:
    record = sample(pictures=0)
    root = parsed(record)
    cases = root.findall("./testsuite/testcase")
    assert [case.get("name") for case in cases] == ["the run completed", *(one.text for one in record.expectations)]
    broken = [case for case in cases if case.find("failure") is not None]
    assert [case.get("name") for case in broken] == [one.text for one in record.expectations if not one.passed]
    failure = broken[0].find("failure")
    assert failure is not None and "seen: 2" in (failure.text or "") and "no frame may be lost" in (failure.text or "")
    assert "revoked" in (failure.get("message") or "")


def test_totals_are_those_of_the_cases() -> None:
    root = parsed(sample(pictures=0))
    for totals in (root, root.find("testsuite")):
        assert totals is not None
        assert int(totals.get("tests", "")) == len(root.findall(".//testcase"))
        assert int(totals.get("failures", "")) == len(root.findall(".//failure")) == 1
        assert int(totals.get("errors", "")) == len(root.findall(".//error")) == 0


@pytest.mark.parametrize("outcome", ["interrupted", "failed"])
def test_a_run_that_did_not_complete_is_an_error(outcome: str) -> None:
    record = sample(pictures=0, frames=30)
    record.outcome, record.reason = outcome, "guest perception stopped answering"  # type: ignore[assignment]
    record.partitions["perception"].failed = "no heartbeat"
    error = parsed(record).find("./testsuite/testcase/error")
    assert error is not None and "stopped answering" in (error.get("message") or "")
    assert "perception: no heartbeat" in (error.text or "")


def test_guests_cannot_break_the_file() -> None:
    record = sample(pictures=0, frames=30, hostile=True)
    record.outcome, record.reason = "failed", HOSTILE
    record.expectations[0].passed, record.expectations[0].reason = False, HOSTILE
    record.environment[HOSTILE] = "\ud800"
    root = parsed(record)
    failure, error = root.find(".//failure"), root.find(".//error")
    assert failure is not None and error is not None
    assert "</script><script>alert('x')" in (failure.get("message") or "")
    assert "\x1b" not in ElementTree.tostring(root, encoding="unicode")
    assert len(root.findall(".//testcase")) == 1 + len(record.expectations) + len(record.unwell)
