"""Comparing what an expectation says with the figure that the result has."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from sim.expectations.text import Text, find
from sim.scenario.expression import TEXT, Expression, parse, time_unit
from sim.scenario.problem import advice


class Outcome(NamedTuple):
    """What came of one expectation.

    Attributes:
        text: the expectation as written.
        passed: whether it holds.
        actual: the figure in the result, None if there is none; of a text the line that was found.
        reason: one sentence: what was compared, or why it could not be.
    """

    text: str
    passed: bool
    actual: Any
    reason: str


_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


def evaluate(
    checks: Iterable[str | Expression], result: Mapping[str, Any], texts: Mapping[str, Text] | None = None
) -> list[Outcome]:
    """Compare expectations with a result.

    Parameters:
        checks: expectations, as text or parsed.
        result: what result.json holds (docs/report.md).
        texts: by dotted path, what it does not hold: consoles and logs.

    Returns:
        One outcome for each, in order. A figure that is not in the result is a failure that says so.

    Raises:
        ValueError: a text is no expectation.
    """
    parsed = [parse(check) if isinstance(check, str) else check for check in checks]
    return [_outcome(expression, result, texts or {}) for expression in parsed]


def _outcome(expression: Expression, result: Mapping[str, Any], texts: Mapping[str, Text]) -> Outcome:
    if expression.figure in texts:
        return Outcome(expression.text, *_searched(expression, texts[expression.figure]))
    actual: Any = result
    for depth, part in enumerate(expression.path):
        if not isinstance(actual, Mapping) or part not in actual:
            where = ".".join(expression.path[:depth]) or "the result"
            known = actual.keys() if isinstance(actual, Mapping) else ()
            reason = f"{where} has no '{part}'; {advice(part, map(str, known), nothing='it is a single figure')}"
            return Outcome(expression.text, False, None, reason)
        actual = actual[part]
    if isinstance(actual, (Mapping, list, tuple)):
        return Outcome(expression.text, False, None, f"{expression.figure} is no single figure")
    return Outcome(expression.text, *_compared(expression, actual))


def _searched(expression: Expression, text: Text) -> tuple[bool, Any, str]:
    """Look into a text of many lines."""
    name, sought = expression.figure, _words(expression)
    if expression.operator not in TEXT:
        return False, None, f"{name} is text; use {', '.join(TEXT[:-1])} or {TEXT[-1]}"
    found = find(text, expression)
    if found.line is not None:
        return (
            expression.operator != "lacks",
            found.line.text,
            f"{name} has {sought} in line {found.line.number}: {found.line.text}",
        )
    if not found.whole:
        return False, None, f"{name} has no {sought} in its beginning, and is too long to be read whole"
    return expression.operator == "lacks", None, f"no line of {name} has {sought}"


def _compared(expression: Expression, actual: Any) -> tuple[bool, Any, str]:
    name, wanted, sign = expression.figure, expression.value, expression.operator
    if sign in TEXT:
        return _looked_into(expression, actual)
    if sign in ("==", "!="):
        passed = _equal(expression, actual) == (sign == "==")
    elif actual is None:
        return False, None, f"{name} has no value in this run"
    elif isinstance(actual, (bool, str)) or math.isnan(actual):
        return False, actual, f"{name} is {actual}, which is no number to compare"
    else:
        passed = _COMPARE[sign](actual, wanted)
    unit = "%" if expression.text.endswith("%") else time_unit(expression.path) or ""
    spread = "" if expression.tolerance is None else f" +- {_shown(expression.tolerance, unit)}"
    return passed, actual, f"{name} is {_shown(actual, unit)}, expected {sign} {_shown(wanted, unit)}{spread}"


def _equal(expression: Expression, actual: Any) -> bool:
    wanted, tolerance = expression.value, expression.tolerance
    if tolerance is None:
        return bool(actual == wanted) and isinstance(actual, bool) == isinstance(wanted, bool)
    if isinstance(actual, (bool, str)) or actual is None:
        return False
    assert isinstance(wanted, float)
    # A share such as 0.51 against 50% +- 1% must not fail for the last bit of a binary fraction.
    return bool(abs(actual - wanted) <= tolerance * (1 + 1e-12) + 1e-12 * abs(wanted))


def _looked_into(expression: Expression, actual: Any) -> tuple[bool, Any, str]:
    """Look into a figure that is text, or is none in this run."""
    name, sought = expression.figure, _words(expression)
    if actual is not None and not isinstance(actual, str):
        return False, actual, f"{name} is {_shown(actual, '')}, which is no text to look into"
    text, wanted = actual or "", str(expression.value)
    has = bool(re.search(wanted, text)) if expression.operator == "matches" else wanted in text
    lacks = expression.operator == "lacks"
    said = f"{name} is {_shown(actual, '')}, expected {'without' if lacks else 'with'} {sought}"
    return has != lacks, actual, said


def _words(expression: Expression) -> str:
    """Return what is looked for, as the scenario's author would quote it."""
    return f"/{expression.value}/" if expression.operator == "matches" else f'"{expression.value}"'


def _shown(value: Any, unit: str) -> str:
    """Return a value as people read it: numbers with their unit and without noise, the language's words for others.

    Parameters:
        value: of the result, or compared with it.
        unit: of a number; with a percent sign it is a share of 1.
    """
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if unit == "%" and isinstance(value, (int, float)):
        return f"{100 * value:.6g}%"
    if isinstance(value, float):
        return f"{value:.0f}{unit}" if value.is_integer() else f"{value:.6g}{unit}"
    return f"{value}{unit}"
