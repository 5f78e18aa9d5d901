"""Engines: what answers the points of a sweep in parallel.

A new engine is a file here and a line in `ENGINES`. Results do not depend on it, nor on the order in which they come.
"""

from __future__ import annotations

import importlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sim.sizing.sweep.points import Point
from sim.sizing.sweep.rows import Cell
from sim.sizing.sweep.variants import Question


@dataclass(frozen=True, slots=True)
class Task:
    """Some points that are answered together.

    Attributes:
        number: of the task.
        points: what is asked.
    """

    number: int
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a task.

    Attributes:
        number: of the task.
        rows: figures of each point, in the order of `Columns.types`.
    """

    number: int
    rows: list[list[Cell]]


class Engine(Protocol):
    """Answers tasks."""

    def answers(self, question: Question, tasks: Sequence[Task]) -> Generator[Answer, None, None]:
        """Yield the answer to each task, in any order; closed early, it ends whatever it started.

        Raises:
            EnvironmentLacks: something that it needs is not installed.
            ParticipantFailed: a worker ended before its time.
        """
        ...


ENGINES: Mapping[str, str] = {
    "local": "sim.sizing.sweep.engines.local:Local",
    "ray": "sim.sizing.sweep.engines.ray:Ray",
}
"""Class of each engine by name; made with the number of jobs, imported when it is chosen."""


def engine(name: str, jobs: int) -> Engine:
    """Return an engine.

    Parameters:
        name: in `ENGINES`.
        jobs: how many processes it may use at once.
    """
    module, _, kind = ENGINES[name].partition(":")
    made: Engine = getattr(importlib.import_module(module), kind)(jobs)
    return made
