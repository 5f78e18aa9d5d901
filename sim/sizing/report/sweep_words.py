"""A sweep in words and rows: what decides, and the least memory that drops nothing under each load."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.report import svg
from sim.sizing.report.effects import influences
from sim.sizing.report.sweep_view import View

ROWS = 60
"""Rows of a table at most."""


def headline(seen: View) -> str:
    """Return what the sweep found, in one sentence."""
    points = len(seen.front)
    clean = np.flatnonzero(seen.dropped.values == 0)
    if not len(clean):
        best = int(np.lexsort((seen.memory.values, seen.dropped.values))[0])
        return (f"Every one of the {svg.count(points)} points drops tensors; the fewest, "
                f"{seen.dropped.words(float(seen.dropped.values[best]))}, with {seen.words(best)}.")  # fmt: skip
    if seen.weighed_by_load:
        loads = seen.by_load()
        held = sum(bool((seen.dropped.values[of] == 0).any()) for of in loads.values())
        nothing = f"{svg.count(len(clean))} of {svg.count(points)} points drop nothing"
        return f"{held} of {len(loads)} loads can be borne without drops; {nothing}."
    best = cheapest(seen, clean)
    return (f"Least memory without drops: {seen.memory.words(float(seen.memory.values[best]))} with {seen.words(best)} "
            f"(p99 {seen.p99.words(float(seen.p99.values[best]))}).")  # fmt: skip


def decisive(seen: View) -> str:
    """Return which axis decides each figure most, in one sentence; empty without axes."""
    shares = influences(seen)
    parts = []
    for measure in seen.measures:
        share, name = max(((shares[axis.name][measure.key], axis.name) for axis in seen.axes), default=(0.0, ""))
        if share > 0:
            parts.append(f"{measure.title}: {name} ({100 * share:.0f}\N{NO-BREAK SPACE}%)")
    return "What decides most: " + "; ".join(parts) + "." if parts else ""


def cheapest(seen: View, points: NDArray[np.intp]) -> int:
    """Return the point of least memory, of several the one whose data is youngest."""
    age = np.nan_to_num(seen.p99.values[points], nan=np.inf)
    return int(points[np.lexsort((age, seen.memory.values[points]))[0]])


def by_load(seen: View) -> list[dict[str, Any]]:
    """Return a row for each load: the cheapest of the points that drop least under it."""
    rows = []
    for names, points in seen.by_load().items() if seen.weighed_by_load else ():
        dropped = seen.dropped.values[points]
        rows.append({"load": names} | row(seen, cheapest(seen, points[dropped == dropped.min()])))
    return rows


def row(seen: View, point: int) -> dict[str, Any]:
    """Return a point as a row of a table."""
    return {
        "point": [axis.shown[point] for axis in seen.axes],
        "settings": [axis.shown[point] for axis in seen.settings],
        "memory": seen.memory.words(float(seen.memory.values[point])),
        "p99": seen.p99.words(float(seen.p99.values[point])),
        "dropped": seen.dropped.words(float(seen.dropped.values[point])),
        "clean": not seen.dropped.values[point],
    }


def front_rows(seen: View) -> list[dict[str, Any]]:
    """Return the points of the front, those without drops first, then by memory; `ROWS` at most."""
    points = np.flatnonzero(seen.best)
    age = np.nan_to_num(seen.p99.values[points], nan=np.inf)
    order = np.lexsort((age, seen.memory.values[points], seen.dropped.values[points]))
    return [row(seen, int(point)) for point in points[order][:ROWS]]
