"""A sweep from its question to its table: handed out in tasks, kept as it comes, put together at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from machines.errors import EnvironmentLacks
from sim.sizing.sweep.asking import Asked
from sim.sizing.sweep.axes import shown
from sim.sizing.sweep.engines import Engine, Task
from sim.sizing.sweep.folder import CSV, PARQUET, SweepFolder, code_digest, digest
from sim.sizing.sweep.pareto import front, front_by_group
from sim.sizing.sweep.points import Point
from sim.sizing.sweep.result import OBJECTIVES, PARETO, PARETO_OF_LOAD, SweepResult

if TYPE_CHECKING:
    import pyarrow

MOST_POINTS, TASKS = 256, 128
"""A task has so many points at most, and there are about so many tasks at least where there are enough points: few
enough that little is lost when a sweep is ended, many enough that their files do not count."""

Tell = Callable[[int, int], None]
"""Told how many points have been answered, of how many."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a sweep is of.

    Attributes:
        scenario, file: name and file.
        timing: where execution times come from, in words.
        facts: what else decides the result: text of the scenario, execution times, paths.
    """

    scenario: str
    file: str
    timing: str
    facts: Mapping[str, str]


def sweep(asked: Asked, origin: Origin, path: Path, engine: Engine, tell: Tell | None = None) -> SweepResult:
    """Answer all points that a folder has not yet, and write its table.

    Parameters:
        asked: the question.
        origin: what it is about.
        path: the folder; an earlier call with the same question may have left some of the answers there.
        engine: answers in parallel.
        tell: told how it goes.

    Raises:
        SizingError: the folder has something else in it.
        EnvironmentLacks: pyarrow or the engine is not installed.
        ParticipantFailed: a worker ended; what had been answered is kept.
        OSError: the folder cannot be written.
    """
    check_installed()
    began = time.monotonic()
    tasks = tasks_of(asked.points)
    types = asked.question.columns.types
    folder = SweepFolder(path, facts(asked, origin), _notes(asked, origin), types, [len(task.points) for task in tasks])
    table = folder.whole()
    before = total = len(asked.points)
    if table is None:
        before = sum(len(tasks[number].points) for number in folder.there)
        done = before
        if tell is not None:
            tell(done, total)
        waiting = [task for task in tasks if task.number not in folder.there]
        with closing(engine.answers(asked.question, waiting)) as answers:
            for answer in answers:
                folder.put(answer.number, answer.rows)
                done += len(answer.rows)
                if tell is not None:
                    tell(done, total)
        table = table_of(asked, folder.figures())
        folder.conclude(table)
    columns = asked.question.columns
    return SweepResult(
        scenario=origin.scenario,
        scenario_file=origin.file,
        timing=origin.timing,
        axes=asked.swept,
        sampled=asked.sampled,
        table=table,
        rings=columns.rings,
        paths=columns.paths,
        nodes=columns.nodes,
        virtual_ns=asked.question.bases[0].duration_ns,
        before=before,
        wall_s=time.monotonic() - began,
        files={"parquet": str(path / PARQUET), "csv": str(path / CSV)},
    )


def tasks_of(points: tuple[Point, ...]) -> list[Task]:
    """Cut points into tasks; how, follows from their number alone, so that a sweep can go on with other jobs."""
    size = min(max(len(points) // TASKS, 1), MOST_POINTS)
    return [Task(number, points[start : start + size]) for number, start in enumerate(range(0, len(points), size))]


def facts(asked: Asked, origin: Origin) -> dict[str, str]:
    """Return what the answers depend on: two sweeps with the same facts have the same table."""
    axes = [[axis.name, [str(value) for value in axis.values or axis.ends or ()]] for axis in asked.axes]
    return {
        **origin.facts,
        "axes": str(axes),
        "points": digest("\n".join(str(tuple(map(str, point))) for point in asked.points)),
        "versions of the simulator": code_digest(),
    }


def _notes(asked: Asked, origin: Origin) -> dict[str, Any]:
    return {
        "scenario": origin.scenario,
        "scenario_file": origin.file,
        "timing": origin.timing,
        "axes": [axis.name for axis in asked.axes],
        "points": len(asked.points),
        "sampled": asked.sampled,
    }


def table_of(asked: Asked, figures: pyarrow.Table) -> pyarrow.Table:
    """Return the whole table: points, axes, figures and fronts."""
    import pyarrow

    columns: dict[str, Any] = {"point": pyarrow.array(range(len(asked.points)), pyarrow.int64())}
    for number, axis in enumerate(asked.axes):
        columns[axis.name] = _axis_column([point[number] for point in asked.points])
    for name in figures.column_names:
        columns[name] = figures.column(name)
    objectives = np.stack([_floats(figures.column(name)) for name in OBJECTIVES], axis=1)
    columns[PARETO] = pyarrow.array(front(objectives))
    columns[PARETO_OF_LOAD] = pyarrow.array(front_by_group(objectives, _groups(asked)))
    return pyarrow.table(columns)


def _axis_column(values: list[Any]) -> Any:
    """Return whole numbers, numbers or texts, whichever can hold all values."""
    import pyarrow

    if not all(isinstance(value, Fraction) for value in values):
        return pyarrow.array([str(shown(value)) for value in values], pyarrow.string())
    whole = all(value.denominator == 1 for value in values)
    return pyarrow.array([(int if whole else float)(value) for value in values])


def _floats(column: Any) -> NDArray[np.float64]:
    """Return a column with NaN for nulls."""
    found = [float("nan") if value is None else float(value) for value in column.to_pylist()]
    return np.array(found, np.float64)


def _groups(asked: Asked) -> NDArray[np.int64]:
    """Return a number for each point, the same for those with equal loads."""
    loads = [number for number, load in enumerate(asked.loads) if load]
    numbers: dict[Point, int] = {}
    keys = (tuple(point[number] for number in loads) for point in asked.points)
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)


def check_installed() -> None:
    """Raise EnvironmentLacks where pyarrow, which writes the table, is not installed."""
    from importlib.util import find_spec

    if find_spec("pyarrow") is None:
        raise EnvironmentLacks("a sweep needs pyarrow, which is not installed: pip install 'edgesim[sizing]'")


def with_file(result: SweepResult, what: str, path: Path) -> SweepResult:
    """Return a result that names one more file."""
    return replace(result, files={**result.files, what: str(path)})
