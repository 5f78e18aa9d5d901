"""Axes of the figures of a sweep: units that suit the values, drops on a scale that shows 0 and thousands alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.report import svg
from sim.sizing.report.sweep_view import Measure


@dataclass(frozen=True, slots=True)
class Scale:
    """How a figure is drawn.

    Attributes:
        title: of the axis, with its unit.
        factor: that values are divided by.
        logarithmic: log10(1 + value) is drawn, so that 0 has a place.
    """

    title: str
    factor: float
    logarithmic: bool

    def put(self, values: NDArray[np.float64]) -> list[float]:
        """Return where values are drawn."""
        drawn = np.log10(1 + values) if self.logarithmic else values / self.factor
        return [float(value) for value in drawn]

    def brief(self, value: float) -> str:
        """Return a value in the unit of the title, without it; nothing for none."""
        return svg.digits(value / self.factor) if np.isfinite(value) else ""

    def axis(self, values: NDArray[np.float64]) -> dict[str, Any]:
        """Return the Plotly axis on which these values are drawn, or the ticks of a colour bar."""
        if not self.logarithmic:
            return {"rangemode": "tozero", "nticks": 5}
        known = values[np.isfinite(values)]
        most = float(known.max()) if len(known) else 0.0
        powers = [10.0**power for power in range(1, 1 + max(1, int(np.ceil(np.log10(1 + most)))))]
        if len(powers) > 4:
            powers = powers[1::2]
        marks = [0.0, *(power for power in powers if power <= 10 * most + 10)]
        return {"tickvals": self.put(np.array(marks)), "ticktext": [_short(mark) for mark in marks],
                "range": [-0.06 * np.log10(2 + most), 1.1 * np.log10(2 + most)]}  # fmt: skip


def scale(measure: Measure) -> Scale:
    """Return the scale of a figure, from all its values."""
    known = measure.values[np.isfinite(measure.values)]
    most = float(known.max()) if len(known) else 0.0
    if measure.key == "dropped":
        return Scale("dropped", 1, most >= 100)
    units = {"memory_bytes": (("GiB", 2.0**30), ("MiB", 2.0**20), ("KiB", 2.0**10), ("bytes", 1.0)),
             "age_p99_ns": (("s", 1e9), ("ms", 1e6), ("µs", 1e3), ("ns", 1.0))}[measure.key]  # fmt: skip
    unit, factor = next(((unit, factor) for unit, factor in units if most >= factor), units[-1])
    return Scale(f"{'memory' if measure.key == 'memory_bytes' else 'p99'} [{unit}]", factor, False)


def _short(mark: float) -> str:
    return f"{mark:.0f}" if mark < 1000 else f"{mark / 1000:.0f}k" if mark < 1e6 else f"{mark / 1e6:.0f}M"
