"""What many values are summed up to: percentiles that are always one of the values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from typing_extensions import TypedDict

P99_9 = Fraction(999, 10)


def percentile(values: Iterable[int], percent: int | Fraction) -> int | None:
    """Return the nearest-rank percentile: the smallest value that at least `percent` % of the values do not exceed.

    With the n values in ascending order it is number ceil(percent * n / 100), counted from one (Hyndman & Fan 1996,
    definition 1). It is always one of the values, so integers stay exact; 100 gives the largest.

    Parameters:
        values: any integers, in any order.
        percent: above 0, up to 100.

    Returns:
        The value, or None when there are none.

    Raises:
        ValueError: `percent` is out of range.
    """
    if not 0 < percent <= 100:
        raise ValueError(f"percent must be above 0 and at most 100, not {percent}")
    return _ranked(sorted(values), percent)


class Distribution(TypedDict):
    """Least value, nearest-rank percentiles and maximum in microseconds; None when there is no value."""

    min: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    p99_9: float | None
    max: float | None


class Counts(TypedDict):
    """Nearest-rank percentiles of a count; None when there is no value."""

    p50: int | None
    p99: int | None
    max: int | None


def counts(values: Sequence[int]) -> Counts:
    """Return the nearest-rank p50 and p99 and the maximum of whole numbers.

    Parameters:
        values: any integers.
    """
    ordered = sorted(values)
    return {"p50": _ranked(ordered, 50), "p99": _ranked(ordered, 99), "max": _ranked(ordered, 100)}


def distribution_us(values_ns: Iterable[int]) -> Distribution:
    """Return percentiles of nanosecond values in microseconds.

    Parameters:
        values_ns: durations in virtual ns.

    Returns:
        The least value, the nearest-rank p50, p95, p99 and p99.9, and the maximum; each is the float nearest to the
        exact value.
    """
    ordered = sorted(values_ns)

    def us(percent: int | Fraction) -> float | None:
        value = _ranked(ordered, percent)
        return None if value is None else value / 1000

    return {
        "min": ordered[0] / 1000 if ordered else None,
        "p50": us(50),
        "p95": us(95),
        "p99": us(99),
        "p99_9": us(P99_9),
        "max": us(100),
    }


def _ranked(ordered: Sequence[int], percent: int | Fraction) -> int | None:
    return ordered[int(-(-percent * len(ordered) // 100)) - 1] if ordered else None
