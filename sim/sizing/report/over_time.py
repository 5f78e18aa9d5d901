"""Slots in use over time, with present and proposed depths, a picture for each ring."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.report import svg
from sim.sizing.answer import Answer
from sim.sizing.model.outcome import RingOutcome, Series
from sim.sizing.report.figure import Figure, Trace, text

HEIGHT = 200
COLUMNS = 240
"""Of a course, at most: more are narrower than a line."""


def occupancies(answer: Answer) -> list[Figure]:
    """Return a picture for each ring of which a series was kept, in the order of the scenario."""
    return [
        _occupancy(answer, name, index)
        for index, name in enumerate(answer.proposed.rings)
        if name in answer.proposed.series and len(answer.proposed.series[name].levels)
    ]


def _occupancy(answer: Answer, name: str, index: int) -> Figure:
    proposed, now = answer.proposed.series[name], answer.now.series.get(name)
    depth = answer.account.regions[name].depth
    depth_now = answer.account_now.regions[name].depth if name in answer.account_now.regions else depth
    bound = answer.bounds.rings[name].backlog if name in answer.bounds.rings else None
    unit, factor = _unit(proposed.step_ns * len(proposed.levels))
    data: list[Trace] = []
    if now is not None and depth_now != depth:
        data.append(_steps(now, factor, f"depth {depth_now}", {"color": "$hue-3", "width": 1.6}))
    line = {"color": "$hue-0", "width": 1.6}
    data.append(_steps(proposed, factor, f"depth {depth}", line) | {"fill": "tozeroy", "fillcolor": "$hue-0/0.2"})
    held = answer.proposed.rings[name]
    data.append(_shares(held))
    levels = [(depth, "dash", "$bad", f"depth {depth}")]
    most = max([depth, *proposed.levels.tolist(), *(now.levels.tolist() if now is not None else [])])
    if bound is not None and bound <= 2 * most:
        levels.append((bound, "dot", "$hue-2", f"bound {bound}"))
    elif bound is not None and bound > 2 * most:
        levels.append((most, "", "", f"bound {bound}, above ↑"))
    top = max(most, *(level for level, *_ in levels))
    parts = [f"at most {held.occupancy_max} of {depth}", f"mean {svg.digits(held.occupancy_mean)}"]
    if depth_now != depth:
        parts.append(f"present depth {depth_now}")
    layout = {
        "shapes": [_level(level, dash, colour) for level, dash, colour, _ in levels if dash],
        "annotations": _names(levels),
        "xaxis": {"title": {"text": f"virtual time [{unit}]"}, "showgrid": False, "rangemode": "tozero",
                  "domain": [0, 0.8]},
        "xaxis2": {"title": {"text": "% of time"}, "showgrid": False, "domain": [0.86, 1], "range": [0, 100],
                   "tickvals": [0, 100], "fixedrange": True, "anchor": "y"},
        "yaxis": {"range": [-0.45, 1.22 * top], "dtick": max(1, -(-top // 4)), "fixedrange": True},
        "showlegend": len(data) > 2,
    }  # fmt: skip
    label = f"slots of {name} held over time, at most {held.occupancy_max} of {depth}"
    return Figure(f"occupancy-{index}", name, label, data, layout, HEIGHT, note=", ".join(parts))


def _steps(series: Series, factor: float, name: str, line: dict[str, Any]) -> Trace:
    """Return a line of steps, the most in each column; of equal columns in a row only the first and the last stand."""
    wide = -(-len(series.levels) // COLUMNS)
    levels = np.maximum.reduceat(series.levels, np.arange(0, len(series.levels), wide)).tolist()
    kept = [
        index
        for index, level in enumerate(levels)
        if index in (0, len(levels) - 1) or not levels[index - 1] == level == levels[index + 1]
    ]
    step = wide * series.step_ns / factor
    return {
        "type": "scatter", "mode": "lines", "name": text(name), "line": line | {"shape": "hv"},
        "x": [*(index * step for index in kept), len(series.levels) * series.step_ns / factor],
        "y": [*(levels[index] for index in kept), levels[-1]],
        "hovertemplate": "%{y} slots at %{x}",
    }  # fmt: skip


def _shares(ring: RingOutcome) -> Trace:
    """Return how much of the time each number of slots was held, as bars beside the course."""
    shares = (100 * ring.level_ns / max(1, int(ring.level_ns.sum())))[: ring.occupancy_max + 1]
    return {
        "type": "bar", "orientation": "h", "xaxis": "x2", "y": list(range(len(shares))), "x": shares.tolist(),
        "marker": {"color": "$hue-0/0.55"}, "showlegend": False, "width": 0.7,
        "hovertemplate": "%{y} slots in %{x:.1f} % of the time<extra></extra>",
    }  # fmt: skip


def _level(level: int, dash: str, colour: str) -> dict[str, Any]:
    line = {"color": colour, "width": 1.5, "dash": dash}
    return {"type": "line", "xref": "x domain", "x0": 0, "x1": 1, "y0": level, "y1": level, "line": line}


def _names(levels: list[tuple[int, str, str, str]]) -> list[dict[str, Any]]:
    """Return the names of the lines: the first at the right end, the second at the left, so that none is covered."""
    return [
        {"xref": "x domain", "x": 1 - place, "y": level, "text": name, "showarrow": False, "yanchor": "bottom",
         "xanchor": ("right", "left")[place], "font": {"size": 11, "color": colour or "$hue-2"},
         "bgcolor": "$card/0.75", "borderpad": 0}
        for place, (level, _, colour, name) in enumerate(levels)
    ]  # fmt: skip


def _unit(end_ns: int) -> tuple[str, float]:
    for unit, factor in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if end_ns >= 2 * factor:
            return unit, factor
    return "ns", 1.0
