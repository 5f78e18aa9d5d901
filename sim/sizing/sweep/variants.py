"""The variants of a plan that a sweep asks for, made and simulated one by one without touching the scenario."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sim.sizing.cameras import Variant, vary
from sim.sizing.model import simulate
from sim.sizing.plan import Plan
from sim.sizing.sweep.knobs import Bound
from sim.sizing.sweep.points import Point
from sim.sizing.sweep.rows import Cell, Columns

_KEPT_PLANS = 512
"""Plans with another number of cameras that are kept, since neighbours on a grid share them: some megabytes."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A knob and the axis that turns it.

    Attributes:
        axis: its number.
        bound: the knob.
    """

    axis: int
    bound: Bound


@dataclass(frozen=True, slots=True)
class Question:
    """What makes a plan of a point, and a row of what the model finds: all that a worker needs to know.

    Attributes:
        bases: a plan for each way in which the scenario was loaded.
        reloaded: numbers of the axes that say which one.
        base_of: its number, by the values of these axes.
        before: knobs that are turned before the number of cameras is set.
        cameras: number of that axis; None: as many as there are.
        after: knobs that are turned after it.
        columns: of the table.
    """

    bases: tuple[Plan, ...]
    reloaded: tuple[int, ...]
    base_of: Mapping[Point, int]
    before: tuple[Turn, ...]
    cameras: int | None
    after: tuple[Turn, ...]
    columns: Columns


class Variants:
    """Answers points of a question, one after the other.

    Parameters:
        question: what is asked.
    """

    def __init__(self, question: Question) -> None:
        self._question = question
        self._with_cameras = lru_cache(maxsize=_KEPT_PLANS)(self._make_with_cameras)
        self._first = [turn.axis for turn in question.before]

    def variant(self, point: Point) -> Variant:
        """Return the plan of a point."""
        question = self._question
        base = question.base_of[tuple(point[axis] for axis in question.reloaded)]
        number = None if question.cameras is None else int(point[question.cameras])
        found = self._with_cameras(base, number, tuple(point[axis] for axis in self._first))
        plan = found.plan
        for turn in question.after:
            plan = turn.bound.turn(plan, point[turn.axis])
        return Variant(plan, found.rings, found.paths)

    def rows(self, points: Sequence[Point]) -> list[list[Cell]]:
        """Return a row of figures for each point."""
        found = []
        for point in points:
            variant = self.variant(point)
            found.append(self._question.columns.row(variant, simulate(variant.plan)))
        return found

    def _make_with_cameras(self, base: int, number: int | None, values: Point) -> Variant:
        plan = self._question.bases[base]
        for turn, value in zip(self._question.before, values, strict=True):
            plan = turn.bound.turn(plan, value)
        return Variant(plan, {}, {}) if number is None else vary(plan, number)
