"""From what the command line asks to a question that workers can answer; whatever is wrong with it is told here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from sim.scenario.model import Scenario
from sim.scenario.problem import ScenarioErrors
from sim.sizing.errors import SizingError
from sim.sizing.plan import Plan
from sim.sizing.sweep.axes import Axis, Form, Value, parse_axes, shown
from sim.sizing.sweep.knobs import CAMERAS, KNOBS, RELOADED, TEXT, bind, check_name, is_load, pattern_of
from sim.sizing.sweep.points import Point, grid, sample
from sim.sizing.sweep.result import SweptAxis
from sim.sizing.sweep.rows import Columns
from sim.sizing.sweep.variants import Question, Turn

MAX_LOADED = 1_000
"""Most ways in which a scenario is loaded: each takes tens of milliseconds, a simulation less than one."""

Loader = Callable[[Mapping[str, str]], Plan]
"""Makes the plan of a scenario with some values replaced, by dotted key."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A sweep that is known to be right.

    Attributes:
        question: how points are answered.
        axes: as asked for.
        points: in order.
        sampled: they are a Latin hypercube.
        loads: for each axis, whether the system must bear it.
    """

    question: Question
    axes: tuple[Axis, ...]
    points: tuple[Point, ...]
    sampled: bool
    loads: tuple[bool, ...]

    @property
    def swept(self) -> tuple[SweptAxis, ...]:
        """The axes as the result has them."""
        return tuple(
            SweptAxis(
                axis.name,
                axis.form.unit,
                tuple(map(shown, axis.values)),
                None if axis.ends is None else float(axis.ends[0]),
                None if axis.ends is None else float(axis.ends[1]),
                load,
            )
            for axis, load in zip(self.axes, self.loads, strict=True)
        )


def ask(
    scenario: Scenario, plan: Plan, load: Loader, grids: Sequence[str], count: int | None = None, seed: int = 0
) -> Asked:
    """Return a sweep; nothing is simulated yet, and the scenario is loaded anew only where an axis needs it.

    Parameters:
        scenario: what is swept.
        plan: what the model simulates of it.
        load: makes the plan of the scenario with other values.
        grids: axes, each `NAME=VALUES`.
        count: points of a Latin hypercube; None: all combinations.
        seed: of the hypercube.

    Raises:
        SizingError: an axis or a value is wrong, or there are too many points.
        EnvironmentLacks: SciPy is needed and not installed.
    """
    patterns: dict[str, str | None] = {}

    def form_of(name: str) -> Form:
        check_name(name)
        patterns[name] = pattern = pattern_of(name, plan)
        return TEXT if pattern is None else KNOBS[pattern].form

    axes = parse_axes(grids, form_of, count is not None)
    points = grid(axes) if count is None else sample(axes, count, seed)
    chosen = [patterns[axis.name] for axis in axes]
    question = _question(scenario, plan, load, axes, points, chosen)
    loads = tuple(_is_load(axis.name, pattern) for axis, pattern in zip(axes, chosen, strict=True))
    return Asked(question, axes, tuple(points), count is not None, loads)


def _question(
    scenario: Scenario,
    plan: Plan,
    load: Loader,
    axes: Sequence[Axis],
    points: Sequence[Point],
    patterns: Sequence[str | None],
) -> Question:
    """Return how points are answered, once each value is known to be right; `patterns`: the knob of each axis."""
    ranks = {pattern: rank for rank, pattern in enumerate(KNOBS)}
    knobs = [(ranks[pattern], number) for number, pattern in enumerate(patterns) if pattern is not None]
    turns = [
        (rank, Turn(number, bind(axes[number].name, patterns[number] or "", scenario)))
        for rank, number in sorted(knobs)
    ]
    reloaded = tuple(number for number, pattern in enumerate(patterns) if pattern is None)
    bases = _bases(axes, points, reloaded, plan, load)
    _check(bases.values(), axes, [turn for _, turn in turns])
    place = ranks[CAMERAS]
    return Question(
        bases=tuple(bases.values()),
        reloaded=reloaded,
        base_of={values: number for number, values in enumerate(bases)},
        before=tuple(turn for rank, turn in turns if rank < place),
        cameras=next((turn.axis for rank, turn in turns if rank == place), None),
        after=tuple(turn for rank, turn in turns if rank > place),
        columns=Columns.of(bases.values()),
    )


def _is_load(name: str, pattern: str | None) -> bool:
    return is_load(RELOADED.get(name, name)) if pattern is None else KNOBS[pattern].load


def _bases(
    axes: Sequence[Axis], points: Sequence[Point], reloaded: Sequence[int], plan: Plan, load: Loader
) -> dict[Point, Plan]:
    """Return the plan for each combination of values for which the scenario must be loaded anew."""
    if not reloaded:
        return {(): plan}
    wanted = dict.fromkeys(tuple(point[number] for number in reloaded) for point in points)
    if len(wanted) > MAX_LOADED:
        names = ", ".join(axes[number].name for number in reloaded)
        raise SizingError(
            f"--grid {names}: the scenario would be loaded {len(wanted):,} times, at most {MAX_LOADED:,} can be; "
            "name fewer values"
        )
    keys = [RELOADED.get(axes[number].name, axes[number].name) for number in reloaded]
    return {values: _loaded(load, dict(zip(keys, values, strict=True))) for values in wanted}


def _loaded(load: Loader, values: Mapping[str, Value]) -> Plan:
    try:
        return load({key: str(shown(value)) for key, value in values.items()})
    except ScenarioErrors as errors:
        said = str(errors.problems[0]).replace("--set ", "--grid ", 1)
        setting = ", ".join(f"{key}={shown(value)}" for key, value in values.items())
        raise SizingError(said if said.startswith("--grid") else f"--grid {setting}: {said}") from None
    except SizingError as error:
        setting = ", ".join(f"{key}={shown(value)}" for key, value in values.items())
        raise SizingError(f"--grid {setting}: {error}") from None


def _check(bases: Collection[Plan], axes: Sequence[Axis], turns: Sequence[Turn]) -> None:
    """Turn each knob to each of its values once, so that no point fails halfway through a sweep."""
    for turn in turns:
        axis = axes[turn.axis]
        for base in bases:
            for value in axis.extremes:
                try:
                    _ = turn.bound.turn(base, value).memory_bytes  # lays out all rings
                except (SizingError, ValueError) as error:
                    message = str(error).removeprefix(f"{axis.name}: ")
                    raise SizingError(f"--grid {axis.name}={shown(value)}: {message}") from None
