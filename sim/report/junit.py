"""junit.xml: a test case for the run itself, one for each expectation and one for each partition that is unwell.

Layout: the JUnit schema that Jenkins publishes (github.com/jenkinsci/xunit-plugin, junit-10.xsd).
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from sim.report.record import ExpectationRecord, RunRecord
from sim.report.result import plain
from sim.report.summary import where
from sim.report.svg import clean


def junit(record: RunRecord) -> bytes:
    """Return junit.xml.

    A run that did not complete is an error of the case "the run completed"; its expectations still stand with what they
    saw until then.

    Parameters:
        record: the run.

    Returns:
        UTF-8 with an XML declaration.
    """
    unwell = record.unwell
    broken = sum(not expectation.passed for expectation in record.expectations) + len(unwell)
    totals = {
        "name": clean(record.scenario),
        "tests": str(1 + len(record.expectations) + len(unwell)),
        "failures": str(broken),
        "errors": str(int(record.outcome != "completed")),
        "skipped": "0",
        "time": f"{record.wall_s:.3f}",
    }
    suites = Element("testsuites", {key: one for key, one in totals.items() if key != "skipped"})
    suite = SubElement(suites, "testsuite", totals)
    properties = SubElement(suite, "properties")
    about = {"digest": record.digest, "seed": record.seed, "quantum_ns": record.quantum_ns}
    for name, value in {**about, "virtual_time_ns": record.virtual_time_ns, **record.environment}.items():
        SubElement(properties, "property", name=clean(name), value=clean(plain(value)))
    _completed(suite, record)
    for expectation in record.expectations:
        _expectation(suite, record.scenario, expectation)
    for name in unwell:
        _unwell(suite, record, name)
    indent(suites)
    document: bytes = tostring(suites, encoding="utf-8", xml_declaration=True)
    return document


def _completed(suite: Element, record: RunRecord) -> None:
    case = _case(suite, record.scenario, "the run completed", record.wall_s)
    if record.outcome != "completed":
        reached = f"after {record.virtual_time_ns / 1e9:g} s of {record.duration_ns / 1e9:g} s of virtual time"
        message = f"{record.outcome} {reached}: {record.reason or 'no reason known'}"
        failed = [f"{name}: {one.failed}" for name, one in record.partitions.items() if one.failed]
        error = SubElement(case, "error", type=record.outcome, message=clean(message))
        error.text = clean("\n".join([message, *failed]))


def _expectation(suite: Element, scenario: str, expectation: ExpectationRecord) -> None:
    case = _case(suite, scenario, expectation.text, 0.0)
    if not expectation.passed:
        lines = [f"expected: {expectation.text}", f"seen: {plain(expectation.actual)}"]
        lines += [f"reason: {expectation.reason}"] if expectation.reason else []
        lines += [f"evidence: {expectation.evidence}"] if expectation.evidence else []
        lines += [f"where: {where(expectation)}"] if where(expectation) else []
        lines += [f"why it is expected: {expectation.why}"] if expectation.why else []
        message = expectation.reason or f"expected {expectation.text}, saw {plain(expectation.actual)}"
        message += f"; {expectation.evidence}" if expectation.evidence else ""
        SubElement(case, "failure", type="expectation", message=clean(message)).text = clean("\n".join(lines))


def _unwell(suite: Element, record: RunRecord, name: str) -> None:
    """Add a partition that did not end well, of which no expectation speaks."""
    partition = record.partitions[name]
    case = _case(suite, record.scenario, f"partition {name} is ready", 0.0)
    message = partition.failed or f"ended {partition.state}"
    story = [f"{one.t_ns / 1e9:.6f} s {one.state} {one.reason}".rstrip() for one in partition.states]
    SubElement(case, "failure", type="partition", message=clean(message)).text = clean("\n".join([message, *story]))


def _case(suite: Element, scenario: str, name: str, seconds: float) -> Element:
    return SubElement(suite, "testcase", classname=clean(scenario), name=clean(name), time=f"{seconds:.3f}")
