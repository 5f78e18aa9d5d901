"""A moment at which an expectation was seen to fail."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from sim.scenario.expression import Expression


class Evidence(NamedTuple):
    """What shows that an expectation does not hold.

    Attributes:
        text: one line.
        t_ns: when that was; None where it is of no one moment.
        kinds: kinds of the lines of trace.log that may tell it; none: any.
        facts: what such a line has to name.
    """

    text: str
    t_ns: int | None = None
    kinds: tuple[str, ...] = ()
    facts: frozenset[str] = frozenset()


def told(*facts: object) -> frozenset[str]:
    """Return facts as trace.log writes them."""
    return frozenset(map(str, facts))


def is_least_worst(expression: Expression, actual: Any) -> bool:
    """Tell whether a figure is too small, so that the least of the values is the worst, and not the largest."""
    if expression.operator in (">", ">="):
        return True
    number = isinstance(actual, (int, float)) and isinstance(expression.value, (int, float))
    return expression.operator == "==" and number and actual < expression.value


def limit_ns(expression: Expression) -> float | None:
    """Return the time in ns that an expectation on a figure in microseconds compares with."""
    value = expression.value
    return value * 1000 if isinstance(value, float) else None


def beyond(values: Iterable[int], expression: Expression, actual: Any) -> int:
    """Return how many times in ns lie on the wrong side of what an expectation allows."""
    limit = limit_ns(expression)
    if limit is None:
        return 0
    if is_least_worst(expression, actual):
        return sum(value < limit for value in values)
    return sum(value > limit for value in values)
