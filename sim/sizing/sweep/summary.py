"""What a sweep found, as a few lines of text: the rest is in the table and in the report."""

from __future__ import annotations

import math

from sim.sizing.sweep.result import OBJECTIVES, SweepResult

ROWS = 8
"""Points of the front that are told."""


def summary(result: SweepResult) -> list[str]:
    """Return lines: how many points, the first of the front by memory, and the files."""
    new = result.points - result.before
    rate = f", {new / result.wall_s:,.0f}/s" if new and result.wall_s > 0 else ""
    there = f", {result.before:,} were there" if result.before else ""
    lines = [f"{result.scenario}: {result.points:,} points{there}, {new:,} in {result.wall_s:.1f} s{rate}"]
    mask, what = result.pareto, "no other point is better in memory, p99 of the age and drops"
    loads = [axis.name for axis in result.axes if axis.load]
    if loads and len(loads) < len(result.axes) and result.pareto_of_load.sum() > mask.sum():
        lines.append(f"{int(result.pareto_of_load.sum())} points are on the fronts of equal {', '.join(loads)}")
    lines.append(f"front of {int(mask.sum())} points: {what}")
    lines += _table(result)
    lines += [f"{what}: {path}" for what, path in result.files.items()]
    return lines


def _table(result: SweepResult) -> list[str]:
    """Return the first rows of the front, by memory."""
    points = [int(point) for point in result.pareto.nonzero()[0]]
    columns = {name: result.column(name) for name in OBJECTIVES}
    points.sort(key=lambda point: tuple(_last(float(columns[name][point])) for name in OBJECTIVES))
    heads = [*(axis.name for axis in result.axes), "memory", "p99 age", "dropped"]
    rows = [heads]
    for point in points[:ROWS]:
        axes = [_plain(result.table.column(axis.name)[point].as_py(), axis.unit) for axis in result.axes]
        memory, age, dropped = (columns[name][point] for name in OBJECTIVES)
        rows.append([*axes, _bytes(memory), "-" if math.isnan(age) else f"{age / 1e6:.2f} ms", f"{dropped:.0f}"])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    if len(points) > ROWS:
        lines.append(f"  and {len(points) - ROWS} more")
    return lines


def _last(value: float) -> float:
    return math.inf if math.isnan(value) else value


def _plain(value: int | float | str, unit: str) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return f"{text} {unit}" if unit else text


def _bytes(size: float) -> str:
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= factor:
            return f"{size / factor:.4g} {unit}"
    return f"{size:.0f} B"
