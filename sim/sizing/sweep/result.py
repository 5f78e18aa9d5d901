"""What a sweep found: one table, a row for each point, and what its columns mean (docs/sizing_sweep.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow

PARETO, PARETO_OF_LOAD = "pareto", "pareto_of_load"
OBJECTIVES = ("memory_bytes", "age_p99_ns", "dropped")
"""Columns of which the front is made; less is better, and no value is worst."""


@dataclass(frozen=True, slots=True)
class SweptAxis:
    """One axis, as the table shows it: its column has the axis' name.

    Attributes:
        name: `cameras`, `depth`, `channels.frames.depth`.
        unit: of the values; empty for a number or a text.
        values: in the order asked for; empty where a sample takes any value of a range.
        least, greatest: ends of that range, None elsewhere.
        load: it is what the system must bear (cameras, rates, times), not what its architect may choose (depths).
    """

    name: str
    unit: str
    values: tuple[int | float | str, ...]
    least: float | None = None
    greatest: float | None = None
    load: bool = False


@dataclass(frozen=True, slots=True)
class SweepResult:
    """All points of a sweep.

    Attributes:
        scenario, scenario_file: what was swept.
        timing: where execution times come from, in words.
        axes: in the order asked for.
        sampled: the points are a Latin hypercube; else all combinations of the axes' values.
        table: a row for each point, in the order of `point`; a null where a point has no such figure.
        rings, paths, nodes: whose columns the table has: `rings.NAME.occupancy_max`, `paths.NAME.age_p99_ns`,
            `nodes.NAME.utilisation`. Copies of a ring or a path that more cameras make are part of the original's.
        virtual_ns: how long each point was simulated.
        before: points that were there from an earlier call.
        wall_s: how long the others took.
        files: that were written, by what they are: `parquet`, `csv`.
    """

    scenario: str
    scenario_file: str
    timing: str
    axes: tuple[SweptAxis, ...]
    sampled: bool
    table: pyarrow.Table
    rings: tuple[str, ...]
    paths: tuple[str, ...]
    nodes: tuple[str, ...]
    virtual_ns: int
    before: int = 0
    wall_s: float = 0.0
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def points(self) -> int:
        """How many there are."""
        return int(self.table.num_rows)

    @property
    def pareto(self) -> NDArray[np.bool_]:
        """bool[points]: no other point is as good in all of `OBJECTIVES` and better in one."""
        return self._mask(PARETO)

    @property
    def pareto_of_load(self) -> NDArray[np.bool_]:
        """bool[points]: the same among the points that have the same values on all axes of load."""
        return self._mask(PARETO_OF_LOAD)

    def column(self, name: str) -> NDArray[Any]:
        """Return a column as float64[points] with NaN for nulls, or as object[points] of text.

        Raises:
            KeyError: there is no such column.
        """
        column = self.table.column(name)
        values = column.to_numpy()
        if values.dtype == object and not str(column.type).startswith(("string", "large_string")):
            values = np.array([np.nan if value is None else value for value in values])
        found: NDArray[Any] = values if values.dtype == object else values.astype(np.float64)
        return found

    def _mask(self, name: str) -> NDArray[np.bool_]:
        mask: NDArray[np.bool_] = self.table.column(name).to_numpy().astype(bool)
        return mask
