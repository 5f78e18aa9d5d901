"""A sweep as the pictures see it: every axis cut into few levels, and the three figures that are weighed."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.report import svg
from sim.sizing.sweep.result import SweepResult, SweptAxis

MOST_LEVELS = 24
"""Values of an axis that are shown one by one; where there are more, ranges of them are."""
POINTS = 8
"""Points of a load on average, below which a front of each load tells nothing."""
RANGES = 8
"""Into how many equal ranges an axis is cut that has more."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis.

    Attributes:
        name: of it.
        load: it is what the system must bear.
        exact: its levels are values, not ranges of values.
        names: of its levels, ascending or in the order asked for: a value, or a range of values.
        codes: intp[points]; level of each point.
        shown: of each point, its own value in words.
    """

    name: str
    load: bool
    exact: bool
    names: tuple[str, ...]
    codes: NDArray[np.intp]
    shown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of every point; less is better.

    Attributes:
        key: its column.
        title: in words.
        values: float64[points]; NaN where a point has none.
        show: a value in words.
    """

    key: str
    title: str
    values: NDArray[np.float64]
    show: Callable[[float], str]

    def words(self, value: float) -> str:
        """Return a value in words, a dash for none."""
        return self.show(value) if np.isfinite(value) else "–"


@dataclass(frozen=True, slots=True)
class View:
    """A sweep, ready to be drawn.

    Attributes:
        axes: in the order asked for, without those that have one level only.
        dropped, p99, memory: the figures.
        front: bool[points]; as good as any.
        front_of_load: bool[points]; as good as any with the same levels on the axes of load.
    """

    axes: tuple[Axis, ...]
    dropped: Measure
    p99: Measure
    memory: Measure
    front: NDArray[np.bool_]
    front_of_load: NDArray[np.bool_]

    @property
    def measures(self) -> tuple[Measure, Measure, Measure]:
        """In the order in which they are shown."""
        return self.dropped, self.p99, self.memory

    @property
    def loads(self) -> tuple[Axis, ...]:
        """Axes of load."""
        return tuple(axis for axis in self.axes if axis.load)

    @property
    def weighed_by_load(self) -> bool:
        """Whether points of one load are weighed against each other: not where next to no load has several points."""
        if all(axis.exact for axis in self.loads):
            return bool(self.loads)
        return len(self.front) >= POINTS * len(self.by_load())

    @property
    def best(self) -> NDArray[np.bool_]:
        """bool[points]: on the front of their load, where points are weighed by load; else on that of all points."""
        return self.front_of_load if self.weighed_by_load else self.front

    @property
    def settings(self) -> tuple[Axis, ...]:
        """The others: what an architect may choose."""
        return tuple(axis for axis in self.axes if not axis.load)

    def words(self, point: int, axes: tuple[Axis, ...] | None = None) -> str:
        """Return a point's values in words: `cameras 3, depth 4`."""
        return ", ".join(f"{axis.name} {axis.shown[point]}" for axis in (self.axes if axes is None else axes))

    def by_load(self) -> dict[tuple[str, ...], NDArray[np.intp]]:
        """Return the points of every combination of levels of the axes of load that has any, in order."""
        found: dict[tuple[str, ...], NDArray[np.intp]] = {}
        for codes in itertools.product(*(range(len(axis.names)) for axis in self.loads)):
            mask = np.ones(len(self.front), bool)
            for axis, code in zip(self.loads, codes, strict=True):
                mask &= axis.codes == code
            if mask.any():
                found[tuple(axis.names[code] for axis, code in zip(self.loads, codes, strict=True))] = np.flatnonzero(
                    mask
                )
        return found


def view(result: SweepResult) -> View:
    """Return a sweep's view."""
    axes = tuple(_axis(axis, result.column(axis.name)) for axis in result.axes)
    seen = View(
        tuple(axis for axis in axes if len(axis.names) > 1),
        Measure("dropped", "dropped", result.column("dropped"), lambda value: svg.count(round(value))),
        Measure("age_p99_ns", "p99 of the age", result.column("age_p99_ns"), svg.duration),
        Measure("memory_bytes", "shared memory", result.column("memory_bytes"), svg.size),
        result.pareto,
        result.pareto_of_load,
    )
    return seen if all(axis.exact for axis in seen.loads) else replace(seen, front_of_load=_front_of_ranges(seen))


def front_of(objectives: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which points no other point is as good as in every objective and better in one.

    Parameters:
        objectives: float64[points, objectives]; less is better.
    """
    kept = np.zeros(len(objectives), bool)
    left = np.lexsort(objectives.T[::-1])  # a point comes after all that dominate it
    while len(left):
        best = objectives[left[0]]
        dominated = (objectives[left] >= best).all(1) & (objectives[left] > best).any(1)
        kept[left[(objectives[left] == best).all(1)]] = True
        left = left[~dominated & ~(objectives[left] == best).all(1)]
    return kept


def _front_of_ranges(seen: View) -> NDArray[np.bool_]:
    """Return the front of each load where a load is a range of values."""
    objectives = np.stack([measure.values for measure in seen.measures], 1)
    objectives = np.where(np.isfinite(objectives), objectives, np.inf)
    kept = np.zeros(len(objectives), bool)
    for points in seen.by_load().values():
        kept[points] = front_of(objectives[points])
    return kept


def worded(value: Any, unit: str) -> str:
    """Return a value of an axis in words, with the unit that suits it."""
    if isinstance(value, str):
        return svg.clean(value)
    number = float(value)
    if unit == "ns":
        return svg.duration(number)
    if unit in ("bytes", "B"):
        return svg.size(number)
    shown = svg.count(int(number)) if number.is_integer() else svg.digits(number)
    return f"{shown}\N{NO-BREAK SPACE}{unit}" if unit else shown


def _axis(axis: SweptAxis, column: NDArray[Any]) -> Axis:
    shown = tuple(worded(value, axis.unit) for value in column.tolist())
    distinct = list(dict.fromkeys(column.tolist()))
    if all(isinstance(value, str) for value in distinct):
        order = [value for value in axis.values if value in distinct]
        distinct = [*order, *(value for value in distinct if value not in order)]
    else:
        distinct.sort()
    if len(distinct) <= MOST_LEVELS:
        places = {value: place for place, value in enumerate(distinct)}
        codes = np.array([places[value] for value in column.tolist()], np.intp)
        return Axis(axis.name, axis.load, True, tuple(worded(value, axis.unit) for value in distinct), codes, shown)
    if isinstance(distinct[0], str):
        names = (*map(str, distinct[: MOST_LEVELS - 1]), "others")
        places = {value: min(place, MOST_LEVELS - 1) for place, value in enumerate(distinct)}
        return Axis(
            axis.name, axis.load, False, names, np.array([places[value] for value in column.tolist()], np.intp), shown
        )
    edges = np.linspace(distinct[0], distinct[-1], RANGES + 1)
    codes = np.clip(np.searchsorted(edges, column, side="right") - 1, 0, RANGES - 1).astype(np.intp)
    names = tuple(f"{worded(low, axis.unit)} – {worded(high, axis.unit)}" for low, high in itertools.pairwise(edges))
    return Axis(axis.name, axis.load, False, names, codes, shown)
