"""Judging a run: every expectation of its scenario with what was seen, when, and where in the trace to look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sim.expectations.comparison import Outcome, evaluate
from sim.expectations.evidence import evidence
from sim.expectations.places import line_ns, place
from sim.expectations.text import Text, texts
from sim.report.record import ExpectationRecord, RunRecord
from sim.report.result import result
from sim.scenario.expression import Expression, parse

if TYPE_CHECKING:
    from sim.scenario.model import Scenario


def judge(scenario: Scenario, record: RunRecord, trace: Sequence[str] = ()) -> list[ExpectationRecord]:
    """Hold a finished run against what its scenario expects.

    Parameters:
        scenario: one that was loaded, so that its expectations are sound.
        record: the run; its expectations do not matter.
        trace: lines of trace.log, ascending in time.

    Returns:
        One for each expectation, in order.
    """
    if not scenario.expectations:
        return []
    readable = texts(record)
    expressions = [parse(expectation.check) for expectation in scenario.expectations]
    outcomes = evaluate(expressions, result(record), readable)
    return [
        _judged(record, expression, outcome, expectation.why or "", readable, trace)
        for expression, outcome, expectation in zip(expressions, outcomes, scenario.expectations, strict=True)
    ]


def _judged(
    record: RunRecord,
    expression: Expression,
    outcome: Outcome,
    why: str,
    readable: Mapping[str, Text],
    trace: Sequence[str],
) -> ExpectationRecord:
    judged = ExpectationRecord(
        outcome.text, outcome.passed, outcome.actual, outcome.reason, why, figure=expression.figure
    )
    found = None if outcome.passed else evidence(record, expression, outcome.actual, readable)
    if found is not None:
        judged.evidence, judged.seen_ns = found.text, found.t_ns
        judged.trace_line = place(trace, found)
        if judged.seen_ns is None and judged.trace_line is not None:
            judged.seen_ns = line_ns(trace[judged.trace_line - 1])
    return judged
