"""Whether the result of a run is what its scenario expects."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from sim.scenario.expression import Expression, parse, time_unit
from sim.scenario.problem import advice

__all__ = ["Expression", "Outcome", "evaluate", "parse"]


class Outcome(NamedTuple):
    """What came of one expectation.

    Attributes:
        text: the expectation as written.
        passed: whether it holds.
        actual: the figure in the result, None if there is none.
        reason: one sentence: what was compared, or why it could not be.
    """

    text: str
    passed: bool
    actual: Any
    reason: str


_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}


def evaluate(checks: Iterable[str | Expression], result: Mapping[str, Any]) -> list[Outcome]:
    """Compare expectations with a result.

    Parameters:
        checks: expectations, as text or parsed.
        result: what result.json holds (docs/report.md).

    Returns:
        One outcome for each, in order. A figure that is not in the result is a failure that says so.

    Raises:
        ValueError: a text is no expectation.
    """
    parsed = [parse(check) if isinstance(check, str) else check for check in checks]
    return [_outcome(expression, result) for expression in parsed]


def _outcome(expression: Expression, result: Mapping[str, Any]) -> Outcome:
    actual: Any = result
    for depth, part in enumerate(expression.path):
        if not isinstance(actual, Mapping) or part not in actual:
            where = ".".join(expression.path[:depth]) or "the result"
            known = actual.keys() if isinstance(actual, Mapping) else ()
            reason = f"{where} has no '{part}'; {advice(part, map(str, known), nothing='it is a single figure')}"
            return Outcome(expression.text, False, None, reason)
        actual = actual[part]
    if isinstance(actual, (Mapping, list, tuple)):
        return Outcome(expression.text, False, None, f"{'.'.join(expression.path)} is no single figure")
    return Outcome(expression.text, *_compared(expression, actual))


def _compared(expression: Expression, actual: Any) -> tuple[bool, Any, str]:
    name, wanted = ".".join(expression.path), expression.value
    if expression.operator in ("==", "!="):
        equal = actual == wanted and isinstance(actual, bool) == isinstance(wanted, bool)
        passed = equal == (expression.operator == "==")
    elif actual is None:
        return False, None, f"{name} has no value in this run"
    elif isinstance(actual, (bool, str)) or math.isnan(actual):
        return False, actual, f"{name} is {actual}, which is no number to compare"
    else:
        passed = _COMPARE[expression.operator](actual, wanted)
    unit = time_unit(expression.path) or ""
    return passed, actual, f"{name} is {_shown(actual, unit)}, expected {expression.operator} {_shown(wanted, unit)}"


def _shown(value: Any, unit: str) -> str:
    """Return a value as people read it: numbers with their unit and without noise, the language's words for others."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, float):
        return f"{value:.0f}{unit}" if value.is_integer() else f"{value:.6g}{unit}"
    return f"{value}{unit}"
