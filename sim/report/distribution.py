"""What many values are summed up to: percentiles that are always one of the values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from typing_extensions import TypedDict


def percentile(values: Iterable[int], percent: int) -> int | None:
    """Return the nearest-rank percentile: the smallest value that at least `percent` % of the values do not exceed.

    With the n values in ascending order it is number ceil(percent * n / 100), counted from one (Hyndman & Fan 1996,
    definition 1). It is always one of the values, so integers stay exact; 100 gives the largest.

    Parameters:
        values: any integers, in any order.
        percent: 1 to 100.

    Returns:
        The value, or None when there are none.

    Raises:
        ValueError: `percent` is out of range.
    """
    if not 1 <= percent <= 100:
        raise ValueError(f"percent must be 1 to 100, not {percent}")
    ordered = sorted(values)
    return ordered[-(-percent * len(ordered) // 100) - 1] if ordered else None


class Distribution(TypedDict):
    """Nearest-rank percentiles in microseconds; None when there is no value."""

    p50: float | None
    p99: float | None
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
    p50, p99, most = (percentile(values, percent) for percent in (50, 99, 100))
    return {"p50": p50, "p99": p99, "max": most}


def distribution_us(values_ns: Sequence[int]) -> Distribution:
    """Return percentiles of nanosecond values in microseconds.

    Parameters:
        values_ns: durations in virtual ns.

    Returns:
        The nearest-rank p50 and p99 and the maximum; each is the float nearest to the exact value.
    """
    found = counts(values_ns)
    p50, p99, most = found["p50"], found["p99"], found["max"]
    return {
        "p50": None if p50 is None else p50 / 1000,
        "p99": None if p99 is None else p99 / 1000,
        "max": None if most is None else most / 1000,
    }
