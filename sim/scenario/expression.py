"""Expectations as text: ``path operator value``, such as ``channels.frames.latency_us.p99 <= 40ms``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from sim.scenario.units import DURATIONS, NUMBER, shown

Value: TypeAlias = "bool | float | str | None"

OPERATORS: tuple[str, ...] = (">=", "<=", "==", "!=", ">", "<")
"""Comparisons; order comparisons take numbers only."""

TIME_UNITS: tuple[str, ...] = ("ns", "us", "ms", "s")
"""Endings of the names of time fields (``_us``); figures are in this unit."""

_EXPRESSION = re.compile(r"\s*([A-Za-z_][\w.]*)\s*(>=|<=|==|!=|>|<)\s*(\S.*?)\s*")
_NUMBER = re.compile(rf"([-+]?{NUMBER}(?:[eE][-+]?[0-9]{{1,3}})?)\s*(\S*)")
_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None, "none": None}


@dataclass(frozen=True)
class Expression:
    """A comparison of one figure of the result with a value.

    Attributes:
        text: as written.
        path: keys from the root of the result.
        operator: one of `OPERATORS`.
        value: in the unit of the field: ``<= 40ms`` is 40000.0 for a field ``..._us``.
    """

    text: str
    path: tuple[str, ...]
    operator: str
    value: Value


def parse(text: str) -> Expression:
    """Read an expectation.

    Parameters:
        text: path, operator and value; a time takes a unit, a share may be a percentage, other values are numbers,
            true, false, null or a word.

    Raises:
        ValueError: it has another form; the message says what would be right.
    """
    match = _EXPRESSION.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{shown(text)} is no comparison; write figure, operator ({' '.join(OPERATORS)}) and value "
            "like channels.frames.dropped == 0"
        )
    name, operator, value = match.groups()
    path = tuple(name.split("."))
    if "" in path:
        raise ValueError(f"'{name}' has an empty part; write it like channels.frames.dropped")
    compared = _value(value, path)
    if operator not in ("==", "!=") and (isinstance(compared, (bool, str)) or compared is None):
        raise ValueError(f"'{operator}' compares numbers, not '{value}'; use == or !=, or a number")
    return Expression(text.strip(), path, operator, compared)


def time_unit(path: tuple[str, ...]) -> str | None:
    """Return the unit of a time field by the last part of `path` whose name ends in one; None for other fields."""
    for part in reversed(path):
        for unit in TIME_UNITS:
            if part.endswith(f"_{unit}"):
                return unit
    return None


def _value(text: str, path: tuple[str, ...]) -> Value:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    match = _NUMBER.fullmatch(text)
    if match is None:
        if re.fullmatch(r"[A-Za-z_]\w*", text):
            return text
        raise ValueError(f"'{text}' is no value; write a number, true, false, a word or quoted text")
    number, unit = Fraction(match[1]), match[2]
    field_unit = time_unit(path)
    if unit == "%":
        return float(number / 100)
    if field_unit is None:
        if unit:
            raise ValueError(f"'{'.'.join(path)}' has no unit; write {match[1]} instead of '{text}'")
        return float(number)
    if unit not in DURATIONS and (unit or number):
        wrong = f"unknown unit '{unit}'" if unit else f"{text} has no unit"
        raise ValueError(f"{wrong}, and '{'.'.join(path)}' is a time; write {match[1]}ms or {match[1]}us")
    return float(number * DURATIONS.get(unit, 1) / DURATIONS[field_unit])
