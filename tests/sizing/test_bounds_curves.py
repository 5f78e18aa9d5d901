"""Curves against brute force: the definitions of Le Boudec and Thiran, tried at every instant."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.sizing.bounds.curves import (
    NEVER_NS,
    UNLIMITED,
    Curve,
    Unbounded,
    busy_period,
    convolution,
    deconvolution,
    delayed,
    held_back,
    horizontal_deviation,
    summed,
    vertical_deviation,
)

LENGTHS = range(25)
PATIENT = settings(deadline=None, max_examples=60)

gaps = st.lists(st.integers(0, 9), min_size=1, max_size=5).filter(any)
"""Times between tensors that come in a cycle for ever."""


def trace(between: Sequence[int], tensors: int, first: int = 0) -> list[int]:
    """When tensors come that follow each other with these gaps."""
    at = [0]
    for number in range(tensors - 1):
        at.append(at[-1] + between[(first + number) % len(between)])
    return at


def curve_of(between: Sequence[int]) -> Curve:
    """The least arrival curve of such a stream, whatever of it one looks at."""
    cycle = sum(between)

    def span(tensors: int) -> int:
        cycles, rest = divmod(tensors - 1, len(between))
        return cycles * cycle + min(trace(between, rest + 1, first)[-1] for first in range(len(between)))

    return Curve(span, len(between) / cycle)


def most_in(between: Sequence[int], length: int) -> int:
    """Most tensors of such a stream in a closed interval, by looking at all that begin with one."""
    many = length * len(between) + len(between) + 1  # one gap of a cycle is at least 1
    return max(sum(at <= length for at in trace(between, many, first)) for first in range(len(between)))


def half_open(curve: Curve, length: int) -> int:
    """Most tensors in a half-open interval: the arrival curve as the book has it, 0 at 0."""
    return curve.count(length - 1) if length else 0


@PATIENT
@given(gaps)
def test_the_count_is_the_most_in_any_interval(between: list[int]) -> None:
    curve = curve_of(between)
    assert [curve.count(length) for length in LENGTHS] == [most_in(between, length) for length in LENGTHS]


@PATIENT
@given(gaps, gaps)
def test_convolution_is_the_least_sum_over_all_splits(one: list[int], other: list[int]) -> None:
    first, second = curve_of(one), curve_of(other)
    together = convolution(first, second)
    for length in LENGTHS:
        splits = (half_open(first, at) + half_open(second, length + 1 - at) for at in range(length + 2))
        assert together.count(length) == min(splits)


@PATIENT
@given(gaps, st.integers(1, 9), st.integers(0, 20))
def test_deconvolution_is_the_greatest_difference_over_all_shifts(between: list[int], each: int, latency: int) -> None:
    curve = curve_of(between)
    if curve.rate * each >= 1:
        return

    def served(tensors: int) -> int:
        return latency + each * tensors

    leaving = deconvolution(curve, served, busy_period(curve, served))
    gone = [sum(served(tensors) < at for tensors in range(1, 200)) for at in range(150)]
    for length in LENGTHS:
        shifts = (curve.count(length + at) - before for at, before in enumerate(gone))
        assert leaving.count(length) == max(shifts)


@PATIENT
@given(gaps, st.integers(1, 9), st.integers(0, 20))
def test_deviations_are_the_worst_of_all_times(between: list[int], each: int, latency: int) -> None:
    curve = curve_of(between)
    if curve.rate * each >= 1:
        with pytest.raises(Unbounded):
            busy_period(curve, lambda tensors: latency + 1 + each * tensors)
        return

    def served(tensors: int) -> int:
        return latency + each * tensors

    busy = busy_period(curve, served)
    many = range(1, 400)
    ends = [served(tensors) for tensors in range(1, 2000)]
    assert horizontal_deviation(curve, served, busy) == max(served(n) - curve.span(n) for n in many)
    levels = (curve.count(at) - bisect_left(ends, at) for at in range(100))
    assert vertical_deviation(curve, served) == max(levels)


@PATIENT
@given(gaps, gaps)
def test_a_sum_counts_the_tensors_of_all(one: list[int], other: list[int]) -> None:
    first, second = curve_of(one), curve_of(other)
    together = summed([first, second])
    assert [together.count(length) for length in LENGTHS] == [
        first.count(length) + second.count(length) for length in LENGTHS
    ]


@PATIENT
@given(gaps, st.integers(0, 20), st.lists(st.integers(0, 20), min_size=30, max_size=30))
def test_tensors_keep_to_their_curve_after_a_delay_that_varies(
    between: list[int], jitter: int, delays: list[int]
) -> None:
    after = delayed(curve_of(between), jitter)
    came: list[int] = []
    for at, delay in zip(trace(between, 30), delays, strict=True):
        came.append(max(at + min(delay, jitter), came[-1] if came else 0))  # none overtakes another
    for first in range(30):
        for last in range(first, 30):
            assert came[last] - came[first] >= after.span(last - first + 1)


@PATIENT
@given(gaps, st.integers(0, 5))
def test_what_was_held_back_comes_on_top(between: list[int], held: int) -> None:
    curve = curve_of(between)
    after = held_back(curve, held)
    assert [after.count(length) for length in LENGTHS] == [curve.count(length) + held for length in LENGTHS]


def test_a_leaky_bucket_before_a_rate_latency_server() -> None:
    """Le Boudec and Thiran, section 1.4.2: burst b and rate r before rate R after latency T: b/R + T, b + r T."""
    burst, between, each, latency = 5, 10, 4, 30
    bucket = Curve(lambda n: max(0, (n - burst) * between), 1 / between)

    def served(tensors: int) -> int:
        return latency + each * tensors

    busy = busy_period(bucket, served)
    assert horizontal_deviation(bucket, served, busy) == burst * each + latency
    # at the end of the latency 5 + 3 are there, and after 34 the first is gone as the next has not come yet
    assert vertical_deviation(bucket, served) == burst + latency // between


def test_a_stream_that_ends_has_no_more_than_its_tensors() -> None:
    few = Curve(lambda n: 10 * (n - 1), 0.1, most=3)
    assert (few.count(5), few.count(20), few.count(10**12)) == (1, 3, 3)
    assert few.span(4) == NEVER_NS
    assert horizontal_deviation(few, lambda n: 100 * n, busy_period(few, lambda n: 100 * n)) == 280


def test_what_comes_at_any_rate_cannot_be_counted() -> None:
    with pytest.raises(Unbounded, match="any rate"):
        UNLIMITED.count(0)
    with pytest.raises(Unbounded, match="any rate"):
        busy_period(UNLIMITED, lambda n: n)


def test_more_than_any_ring_holds_is_not_counted() -> None:
    """A wire may have a latency of hours; its tensors in flight are not worth the time and memory to count them."""
    curve = Curve(lambda tensors: tensors - 1, 1.0)
    assert curve.count(100_000) == 100_001
    with pytest.raises(Unbounded, match="more than 131,072 tensors may be under way"):
        curve.count(10**13)
