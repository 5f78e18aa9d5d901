"""The axes of a sweep as people write them: `cameras=1..12`, `depth=2,4,8`, `fps=15,30,60`.

A list has its values between commas, and any of them may be a range: `FIRST..LAST` in steps of one, or
`FIRST..LAST..STEP`; the last value is part of it where a step meets it. A range of depths goes through the powers of
two. Units stand behind a value, or behind the last number of a range for all of it: `15..60..15 fps`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sim.scenario.units import NUMBER
from sim.sizing.errors import SizingError

Value = int | Fraction | str
"""A value of an axis, exact; text where it is put into the scenario as it is."""

MAX_VALUES = 100_000
"""Most values of one axis: far more than can be told apart on any picture."""

_RANGE = re.compile(rf"({NUMBER})\s*(\D*?)\.\.({NUMBER})\s*(\D*?)(?:\.\.({NUMBER})\s*(\D*?))?")
_EXAMPLE = "write --grid depth=2,4,8 or --grid cameras=1..12"


@dataclass(frozen=True, slots=True)
class Form:
    """How values of an axis are written.

    Attributes:
        parse: returns the value of a text; raises ValueError that says in one line what would be right.
        unit: of the numbers that the table shows.
        between: makes a value of any number in a range, so that a sample need not keep to steps; None: it must.
        powers: a range goes through the powers of two.
    """

    parse: Callable[[str], Value]
    unit: str = ""
    between: Callable[[Fraction], Value] | None = None
    powers: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis.

    Attributes:
        name: of what is varied.
        values: in the order asked for; empty where a sample takes any value of a range.
        ends: of that range; None elsewhere.
        form: how its values are written.
    """

    name: str
    values: tuple[Value, ...]
    form: Form
    ends: tuple[Fraction, Fraction] | None = None

    @property
    def extremes(self) -> tuple[Value, ...]:
        """All values, or the ends of the range: what must be in order for all points to be."""
        return self.ends or self.values


def parse_axes(texts: Sequence[str], form_of: Callable[[str], Form], sampled: bool) -> tuple[Axis, ...]:
    """Return the axes of a sweep.

    Parameters:
        texts: each `NAME=VALUES`.
        form_of: returns the form of an axis; raises SizingError where there is no such axis.
        sampled: they are for a sample, which may take any value of a range whose ends are no whole numbers.

    Raises:
        SizingError: one is no axis, has no values or a wrong one, or comes twice.
    """
    axes: dict[str, Axis] = {}
    for text in texts:
        name, equals, written = (part.strip() for part in text.partition("="))
        if not equals or not name:
            raise SizingError(f"--grid {text}: is no axis; {_EXAMPLE}")
        if name in axes:
            raise SizingError(f"--grid {text}: {name} comes twice; name all its values at once")
        try:
            axes[name] = _axis(name, written, form_of(name), sampled)
        except ValueError as error:
            raise SizingError(f"--grid {text}: {error}") from None
    if not axes:
        raise SizingError(f"no axis; {_EXAMPLE}")
    return tuple(axes.values())


def shown(value: Value) -> int | float | str:
    """Return a value as a table shows it."""
    if isinstance(value, Fraction):
        return int(value) if value.denominator == 1 else float(value)
    return value


def _axis(name: str, written: str, form: Form, sampled: bool) -> Axis:
    items = [item.strip() for item in _split(written)]
    if items == [""]:
        raise ValueError(f"no values; {_EXAMPLE}")
    if "" in items:
        raise ValueError("a value is missing between commas; leave the comma out")
    if sampled and len(items) == 1 and form.between is not None:
        ends = _open_range(items[0], form)
        if ends is not None:
            return Axis(name, (), form, ends)
    values: list[Value] = []
    for item in items:
        values += _expanded(item, form)
        if len(values) > MAX_VALUES:
            raise ValueError(f"more than {MAX_VALUES:,} values; take a larger step")
    if len(set(values)) < len(values):
        twice = next(value for place, value in enumerate(values) if value in values[:place])
        raise ValueError(f"{shown(twice)} comes twice; name each value once")
    return Axis(name, tuple(values), form)


def _split(text: str) -> Iterator[str]:
    """Yield what stands between commas, but for those in brackets: `uint8[4,4],uint8[8,8]` are two values."""
    depth = start = 0
    for place, letter in enumerate(text):
        depth += (letter in "[{(") - (letter in "]})")
        if letter == "," and depth <= 0:
            yield text[start:place]
            start = place + 1
    yield text[start:]


def _matched(item: str) -> tuple[tuple[Fraction, Fraction, Fraction | None], str] | None:
    """Return the numbers of a range and its unit; None where it is none."""
    match = _RANGE.fullmatch(item)
    if match is None:
        return None
    units = {unit.strip() for unit in match.group(2, 4, 6) if unit and unit.strip()}
    if len(units) > 1:
        raise ValueError(f"{item} has several units; write one, behind the last number")
    first, last, step = (Fraction(number) if number else None for number in match.group(1, 3, 5))
    assert first is not None and last is not None, "the pattern has both"
    if last < first:
        raise ValueError(f"{item} is empty; write the smaller number first")
    return (first, last, step), units.pop() if units else ""


def _number(value: Fraction, unit: str, form: Form) -> Value:
    """Return the value of a number with its unit, read as if it had been written."""
    text = str(value) if value.denominator == 1 else f"{float(value):.12f}".rstrip("0")
    return form.parse(f"{text}{unit}")


def _open_range(item: str, form: Form) -> tuple[Fraction, Fraction] | None:
    """Return the ends of a range that is not cut into steps; None where it is."""
    found = _matched(item)
    if found is None or found[0][2] is not None:
        return None
    ends = [_number(end, found[1], form) for end in found[0][:2]]
    if all(isinstance(end, Fraction) for end in ends) and any(Fraction(end).denominator != 1 for end in ends):
        return Fraction(ends[0]), Fraction(ends[1])
    return None


def _expanded(item: str, form: Form) -> list[Value]:
    found = _matched(item)
    if found is None:
        return [form.parse(item)]
    (first, last, step), unit = found
    if form.powers:
        if step is not None:
            raise ValueError(f"{item} has a step; this range goes through the powers of two, leave it out")
        values = [Fraction(1 << bit) for bit in range(1, 64) if first <= 1 << bit <= last]
        if not values:
            raise ValueError(f"{item} has no power of two; write 2..64, say")
        return [_number(value, unit, form) for value in values]
    if step is None and (first.denominator != 1 or last.denominator != 1):
        raise ValueError(f"{item} needs a step; write {item.rstrip(unit)}..0.1{unit}, say")
    if step == 0:
        raise ValueError(f"{item} has a step of 0; write one above it")
    step = step or Fraction(1)
    count = int((last - first) / step) + 1
    if count > MAX_VALUES:
        raise ValueError(f"{item} has {count:,} values, at most {MAX_VALUES:,} can be; take a larger step")
    return [_number(first + number * step, unit, form) for number in range(count)]
