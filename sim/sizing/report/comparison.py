"""Prediction against emulation: a table of rings and one of paths, with a cell for each figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sim.sizing.answer import Compared
from sim.sizing.report.size_words import amount

TOLERANCE = 0.05
"""Relative error up to which a prediction counts as right."""
TITLES = {"occupancy_max": "held at most", "latency.p99": "latency p99", "age.p99": "age p99", "age.max": "oldest"}
TIMES = {"age", "latency", "interval", "duration"}


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure: as predicted, as emulated and the error in words; whether it is within what is promised."""

    predicted: str
    emulated: str
    error: str
    within: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """A table: what its rows are, titles of its columns, and cells by the row's name; None where there is none."""

    kind: str
    titles: tuple[str, ...]
    rows: dict[str, list[Cell | None]]


def comparisons(compared: Sequence[Compared]) -> list[Comparison]:
    """Return tables of figures named `KIND.NAME.FIGURE`, one for each kind, in the order given."""
    kinds: dict[str, dict[str, dict[str, Cell]]] = {}
    for one in compared:
        kind, name, figure = split(one.figure)
        kinds.setdefault(kind, {}).setdefault(name, {})[figure] = cell(one)
    tables = []
    for kind, rows in kinds.items():
        figures = list(dict.fromkeys(figure for row in rows.values() for figure in row))
        titles = tuple(TITLES.get(figure, figure.replace("_", " ").replace(".", " ")) for figure in figures)
        cells = {name: [row.get(figure) for figure in figures] for name, row in rows.items()}
        tables.append(Comparison({"channels": "ring", "paths": "path"}.get(kind, kind), titles, cells))
    return tables


def split(figure: str) -> tuple[str, str, str]:
    """Return kind, name and figure of a dotted name; what has fewer parts is a figure of nothing in particular."""
    kind, _, rest = figure.partition(".")
    name, _, last = rest.partition(".")
    return (kind, name, last) if last else ("figure", figure, "value")


def cell(one: Compared) -> Cell:
    """Return a figure in words. Slots in use may differ by one, everything else by `TOLERANCE`."""
    _, _, figure = split(one.figure)
    unit = "ns" if TIMES & set(figure.split(".")) else ""
    by_one = figure == "occupancy_max" and abs(one.predicted - one.emulated) <= 1
    error = f"{100 * one.error:.1f}\N{NO-BREAK SPACE}%" if math.isfinite(one.error) else "infinitely"
    within = by_one or one.error <= TOLERANCE
    return Cell(amount(one.predicted, unit), amount(one.emulated, unit), error if one.error else "", within)


def compared_in_words(compared: Sequence[Compared]) -> str:
    """Return how many predictions are within what is promised, and the one that is farthest off."""
    if not compared:
        return ""
    within = sum(cell(one).within for one in compared)
    worst = max((one for one in compared if not cell(one).within), key=lambda one: one.error, default=None)
    text = f"{within} of {len(compared)} figures are within 5\N{NO-BREAK SPACE}%, slots in use within one"
    return f"{text}." if worst is None else f"{text}; farthest off is {worst.figure}."
