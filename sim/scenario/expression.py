"""Expectations as text: ``path operator value``, such as ``channels.frames.latency_us.p99 <= 40ms``.

``partitions.a.cpu_share == 50% +- 1%`` allows for a tolerance, ``partitions.a.console contains "Kernel panic"`` and
``... matches /panic|oops/i`` look into text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from sim.scenario.units import DURATIONS, NUMBER, RATES, shown

Value: TypeAlias = "bool | float | str | None"

ORDER: tuple[str, ...] = (">=", "<=", ">", "<")
"""Comparisons of numbers."""

EQUALITY: tuple[str, ...] = ("==", "!=")
"""Comparisons of anything; ``==`` takes a tolerance for numbers."""

TEXT: tuple[str, ...] = ("contains", "lacks", "matches")
"""Operators that look into text: it has the words, it has them not, a line of it has what a regular expression says."""

OPERATORS: tuple[str, ...] = (">=", "<=", "==", "!=", ">", "<", *TEXT)

TIME_UNITS: tuple[str, ...] = ("ns", "us", "ms", "s")
"""Endings of the names of time fields (``_us``); figures are in this unit."""

_EXPRESSION = re.compile(
    rf"\s*([A-Za-z_][\w.]*)(?:\s*(>=|<=|==|!=|>|<)\s*|\s+({'|'.join(TEXT)})\s+)(\S.*?)\s*", re.DOTALL
)
_NUMBER = re.compile(rf"([-+]?{NUMBER}(?:[eE][-+]?[0-9]{{1,3}})?)\s*(\S*)")
_TOLERANCE = re.compile(r"([^'\"].*?)\s*(?:\+-|\+/-|±)\s*(\S.*)")
_MOST = 10**300
_REGULAR = re.compile(r"/(.+)/(i?)", re.DOTALL)
_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None, "none": None}


@dataclass(frozen=True)
class Expression:
    """A comparison of one figure of the result with a value.

    Attributes:
        text: as written.
        path: keys from the root of the result.
        operator: one of `OPERATORS`.
        value: in the unit of the field: ``<= 40ms`` is 40000.0 for a field ``..._us``; of ``matches`` a regular
            expression.
        tolerance: how far off the value an equal number may be, in the unit of the field; None: not at all.
    """

    text: str
    path: tuple[str, ...]
    operator: str
    value: Value
    tolerance: float | None = None

    @property
    def figure(self) -> str:
        """The dotted path."""
        return ".".join(self.path)


def parse(text: str) -> Expression:
    """Read an expectation.

    Parameters:
        text: path, operator and value; a time takes a unit, a share may be a percentage, other values are numbers,
            true, false, null, a word or quoted text; a regular expression stands between slashes.

    Raises:
        ValueError: it has another form; the message says what would be right.
    """
    match = _EXPRESSION.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{shown(text)} is no comparison; write figure, operator ({' '.join(OPERATORS)}) and value "
            "like channels.frames.dropped == 0"
        )
    name, sign, word, value = match.groups()
    path = tuple(name.split("."))
    if "" in path:
        raise ValueError(f"'{name}' has an empty part; write it like channels.frames.dropped")
    if word:
        return Expression(text.strip(), path, word, _sought(word, value))
    spread = _TOLERANCE.fullmatch(value)
    if spread is not None:
        return Expression(text.strip(), path, sign, *_around(sign, spread[1], spread[2], path))
    compared = _value(value, path)
    if sign in ORDER and (isinstance(compared, (bool, str)) or compared is None):
        raise ValueError(f"'{sign}' compares numbers, not '{value}'; use == or !=, or a number")
    return Expression(text.strip(), path, sign, compared)


def time_unit(path: tuple[str, ...]) -> str | None:
    """Return the unit of a time field by the last part of `path` whose name ends in one; None for other fields."""
    for part in reversed(path):
        for unit in TIME_UNITS:
            if part.endswith(f"_{unit}"):
                return unit
    return None


def _sought(operator: str, text: str) -> str:
    """Return what ``contains``, ``lacks`` or ``matches`` looks for."""
    regular = _REGULAR.fullmatch(text)
    if operator != "matches":
        if regular is not None:
            raise ValueError(f"'{operator}' looks for words as they are; write matches {text}, or quote what is meant")
        if not _unquoted(text):
            raise ValueError(f"'{operator}' looks for nothing; write the words to look for")
        return _unquoted(text)
    if regular is None:
        raise ValueError(f"'matches' takes a regular expression between slashes; write /{_unquoted(text)}/, say")
    try:
        re.compile(regular[1])
    except re.error as error:
        raise ValueError(f"{shown(text)} is no regular expression, {error}; mend it, or use contains") from error
    return f"(?i:{regular[1]})" if regular[2] else regular[1]


def _unquoted(text: str) -> str:
    return text[1:-1] if _quoted(text) else text


def _quoted(text: str) -> bool:
    return len(text) >= 2 and text[0] == text[-1] and text[0] in "'\""


def _around(sign: str, middle: str, spread: str, path: tuple[str, ...]) -> tuple[float, float]:
    """Return a number and its tolerance."""
    if sign not in EQUALITY:
        raise ValueError(f"'{sign}' takes no tolerance; write == {middle} +- {spread}, or leave out '+- {spread}'")
    if middle.endswith("%") != spread.endswith("%"):
        raise ValueError(f"a tolerance of {spread} around {middle}; write both as percentages, or neither")
    value, tolerance = _value(middle, path), _value(spread, path)
    for text, number in ((middle, value), (spread, tolerance)):
        if isinstance(number, (bool, str)) or number is None:
            raise ValueError(f"'{text}' is no number; a tolerance is written like == 50% +- 1%")
    assert isinstance(value, float) and isinstance(tolerance, float)
    if tolerance < 0:
        raise ValueError(f"a tolerance of {spread}; it is not negative, leave out the sign")
    return value, tolerance


def _value(text: str, path: tuple[str, ...]) -> Value:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _quoted(text):
        return text[1:-1]
    match = _NUMBER.fullmatch(text)
    if match is None:
        if re.fullmatch(r"[A-Za-z_]\w*", text):
            return text
        raise ValueError(f"'{text}' is no value; write a number, true, false, a word or quoted text")
    number, unit = Fraction(match[1]), match[2]
    if abs(number) > _MOST:
        raise ValueError(f"{match[1]} is out of range; numbers go to 1e300")
    field_unit = time_unit(path)
    if unit == "%":
        return float(number / 100)
    if field_unit is None:
        if unit and not (unit in RATES and path[-1].endswith("_hz")):
            raise ValueError(f"'{'.'.join(path)}' has no unit; write {match[1]} instead of '{text}'")
        return float(number)
    if unit not in DURATIONS and (unit or number):
        wrong = f"unknown unit '{unit}'" if unit else f"{text} has no unit"
        raise ValueError(f"{wrong}, and '{'.'.join(path)}' is a time; write {match[1]}ms or {match[1]}us")
    return float(number * DURATIONS.get(unit, 1) / DURATIONS[field_unit])
