"""Axes as people write them, and the points that they make."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.sizing.errors import SizingError
from sim.sizing.sweep import points
from sim.sizing.sweep.axes import Axis, Form, parse_axes, shown
from sim.sizing.sweep.knobs import DEPTH, FACTOR, KNOBS, OVERFLOW, RATE, TEXT

FORMS = {"cameras": KNOBS["cameras"].form, "depth": DEPTH, "fps": RATE, "factor": FACTOR, "text": TEXT, "how": OVERFLOW}
SPEED = KNOBS["partitions.*.speed"].form


def form_of(name: str) -> Form:
    return FORMS[name]


def values(text: str, sampled: bool = False) -> list[int | float | str]:
    return [shown(value) for value in parse_axes([text], form_of, sampled)[0].values]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("cameras=1..4", [1, 2, 3, 4]),
        ("cameras=1..9..3", [1, 4, 7]),
        ("cameras= 1 , 3..4 ,8", [1, 3, 4, 8]),
        ("cameras=5..5", [5]),
        ("depth=2,4,8", [2, 4, 8]),
        ("depth=2..16", [2, 4, 8, 16]),
        ("depth=3..9", [4, 8]),
        ("fps=15,30fps,60 Hz", [15, 30, 60]),
        ("fps=15..60..15 fps", [15, 30, 45, 60]),
        ("fps=29.97,30", [29.97, 30]),
        ("factor=0.8..1.2..0.2", [0.8, 1, 1.2]),
        ("factor=90%..110%..10%", [0.9, 1, 1.1]),
        ("factor=90..110..10%", [0.9, 1, 1.1]),
        ("text=1ms,2ms", ["1ms", "2ms"]),
        ("text=1..3 ms", ["1ms", "2ms", "3ms"]),
        ("text=uint8[4,4],uint8[8,8]", ["uint8[4,4]", "uint8[8,8]"]),
        ("text=../a.py:F,../b.py:F", ["../a.py:F", "../b.py:F"]),
        ("text=7,8", [7, 8]),
        ("how=block,drop_oldest", ["block", "drop_oldest"]),
    ],
)
def test_values(text: str, wanted: list[object]) -> None:
    assert values(text) == wanted


def test_values_are_exact() -> None:
    (axis,) = parse_axes(["fps=30000/1001"], form_of, False)
    assert axis.values == (Fraction(30000, 1001),)
    (axis,) = parse_axes(["factor=0.1..0.7..0.1"], form_of, False)
    assert axis.values == tuple(Fraction(n, 10) for n in range(1, 8))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("depth=", "no values; write --grid depth=2,4,8"),
        ("depth", "is no axis"),
        ("=2", "is no axis"),
        ("depth=5..1", "is empty; write the smaller number first"),
        ("depth=3", "3 is no power of two; 2 or 4"),
        ("depth=1", "1 is out of range; a power of two from 2 to 32768"),
        ("depth=3..3", "has no power of two"),
        ("depth=2..8..2", "has a step"),
        ("depth=2,,4", "a value is missing"),
        ("depth=2,2", "2 comes twice"),
        ("depth=2..8,4", "4 comes twice"),
        ("depth=-2", "'-2' is no depth"),
        ("depth=²", "is no depth"),
        ("cameras=0", "0 is out of range; from 1 to 256"),
        ("cameras=1.5", "'1.5' is no number of cameras"),
        ("fps=0", "never takes a sample"),
        ("fps=15Hz..30fps", "several units"),
        ("fps=15kHz", "unknown unit 'kHz'"),
        ("factor=0.8..1.2", "needs a step"),
        ("factor=1..2..0", "a step of 0"),
        ("factor=0", "out of range; from 0.001 to 1000"),
        ("factor=1/0", "is no factor"),
        ("factor=nan", "is no factor"),
        ("factor=1e999999999", "is no factor"),
        ("cameras=1..200000", "at most 100,000"),
        ("how=sometimes", "is no way to overflow"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(text: str, message: str) -> None:
    with pytest.raises(SizingError) as caught:
        values(text)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_an_axis_comes_once_and_there_is_one_at_least() -> None:
    with pytest.raises(SizingError, match="depth comes twice; name all its values at once"):
        parse_axes(["depth=2", "depth=4"], form_of, False)
    with pytest.raises(SizingError, match="no axis; write"):
        parse_axes([], form_of, False)


@given(st.text(max_size=30))
def test_any_text_is_an_axis_or_one_line(text: str) -> None:
    for name in FORMS:
        try:
            (axis,) = parse_axes([f"{name}={text}"], form_of, True)
        except SizingError:
            continue
        assert axis.name == name and (axis.values or axis.ends)


@given(st.integers(1, 200), st.integers(0, 50), st.integers(1, 9))
def test_ranges_are_pythons_with_the_last_value(first: int, more: int, step: int) -> None:
    wanted = list(range(first, first + more + 1, step))
    assert values(f"text={first}..{first + more}..{step}") == wanted


@given(st.lists(st.fractions(1, 120, max_denominator=1001), min_size=1, max_size=5, unique=True))
def test_what_is_shown_exactly_is_read_again(rates: list[Fraction]) -> None:
    (axis,) = parse_axes(["fps=" + ",".join(map(str, rates))], form_of, False)
    assert axis.values == tuple(rates)


def test_the_last_axis_of_a_grid_changes_fastest() -> None:
    axes = parse_axes(["cameras=1..2", "depth=2,4"], form_of, False)
    assert [tuple(map(shown, point)) for point in points.grid(axes)] == [(1, 2), (1, 4), (2, 2), (2, 4)]


def test_a_grid_that_is_too_large_is_refused() -> None:
    axes = parse_axes(["cameras=1..256", "fps=1..5000"], form_of, False)
    with pytest.raises(SizingError, match=r"1,280,000 points.*--sample"):
        points.grid(axes)


def axes_of_sample() -> tuple[Axis, ...]:
    return parse_axes(["cameras=1..4", "depth=2,8,32", "factor=0.75..1.25"], form_of, True)


def test_a_range_between_fractions_is_open_in_a_sample() -> None:
    axes = axes_of_sample()
    assert axes[2].values == () and axes[2].ends == (Fraction(3, 4), Fraction(5, 4))
    (stepped,) = parse_axes(["factor=1..3"], form_of, True)
    assert stepped.ends is None and len(stepped.values) == 3


def test_each_part_of_each_axis_has_one_point() -> None:
    found = points.sample(axes_of_sample(), 24, 5)
    cameras, depths, factors = (list(column) for column in zip(*found, strict=True))
    assert all(cameras.count(Fraction(n)) == 6 for n in (1, 2, 3, 4))
    assert all(depths.count(Fraction(n)) == 8 for n in (2, 8, 32))
    places = sorted(int((factor - Fraction(3, 4)) * 48) for factor in factors if isinstance(factor, Fraction))
    assert places == list(range(24))


def test_a_seed_gives_the_same_points_and_another_others() -> None:
    axes = axes_of_sample()
    assert points.sample(axes, 50, 1) == points.sample(axes, 50, 1)
    assert points.sample(axes, 50, 1) != points.sample(axes, 50, 2)


@pytest.mark.parametrize("count", [0, -1, 1_000_001])
def test_a_sample_has_a_size(count: int) -> None:
    with pytest.raises(SizingError, match="out of range; from 1 to 1,000,000"):
        points.sample(axes_of_sample(), count, 1)
