"""Slots in use over time, with present and proposed depths, a picture for each ring."""

from __future__ import annotations

from typing import Any

from sim.report import svg
from sim.sizing.answer import Answer
from sim.sizing.outcome import Series
from sim.sizing.report.figure import Figure, Trace, text

HEIGHT = 196


def occupancies(answer: Answer) -> list[Figure]:
    """Return a picture for each ring of which a series was kept, in the order of the scenario."""
    return [
        _occupancy(answer, name, index)
        for index, name in enumerate(answer.proposed.rings)
        if name in answer.proposed.series
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
    levels = [(depth, "dash", "$bad", f"depth {depth}")]
    most = max([depth, *proposed.levels.tolist(), *(now.levels.tolist() if now is not None else [])])
    if bound is not None and bound <= 2 * most:
        levels.append((bound, "dot", "$hue-2", f"bound {bound}"))
    elif bound is not None and bound > 2 * most:
        levels.append((most, "", "", f"bound {bound}, above ↑"))
    top = max(most, *(level for level, *_ in levels))
    held = answer.proposed.rings[name]
    parts = [f"at most {held.occupancy_max} of {depth}", f"mean {svg.digits(held.occupancy_mean)}"]
    if depth_now != depth:
        parts.append(f"present depth {depth_now}")
    layout = {
        "shapes": [_level(level, dash, colour) for level, dash, colour, _ in levels if dash],
        "annotations": _names(levels),
        "xaxis": {"title": {"text": f"virtual time [{unit}]"}, "showgrid": False, "rangemode": "tozero"},
        "yaxis": {"range": [0, 1.22 * top], "dtick": max(1, -(-top // 4)), "fixedrange": True},
        "showlegend": len(data) > 1, "hovermode": "x unified",
        "hoverlabel": {"bgcolor": "$card", "bordercolor": "$line", "font": {"color": "$text", "size": 12}},
    }  # fmt: skip
    label = f"slots of {name} held over time, at most {held.occupancy_max} of {depth}"
    return Figure(f"occupancy-{index}", name, label, data, layout, HEIGHT, note=", ".join(parts))


def _steps(series: Series, factor: float, name: str, line: dict[str, Any]) -> Trace:
    """Return a line of steps; where three or more steps in a row are equal only the first and the last stand."""
    levels = series.levels.tolist()
    kept = [
        index
        for index, level in enumerate(levels)
        if index in (0, len(levels) - 1) or not levels[index - 1] == level == levels[index + 1]
    ]
    step = series.step_ns / factor
    return {
        "type": "scatter", "mode": "lines", "name": text(name), "line": line | {"shape": "hv"},
        "x": [*(index * step for index in kept), len(levels) * step],
        "y": [*(levels[index] for index in kept), levels[-1] if levels else 0],
        "hovertemplate": "%{y} slots",
    }  # fmt: skip


def _level(level: int, dash: str, colour: str) -> dict[str, Any]:
    line = {"color": colour, "width": 1.5, "dash": dash}
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": level, "y1": level, "line": line}


def _names(levels: list[tuple[int, str, str, str]]) -> list[dict[str, Any]]:
    """Return the names of the lines: the first at the right end, the second at the left, so that none is covered."""
    return [
        {"xref": "paper", "x": 1 - place, "y": level, "text": name, "showarrow": False, "yanchor": "bottom",
         "xanchor": ("right", "left")[place], "font": {"size": 11, "color": colour or "$hue-2"},
         "bgcolor": "$card/0.75", "borderpad": 0}
        for place, (level, _, colour, name) in enumerate(levels)
    ]  # fmt: skip


def _unit(end_ns: int) -> tuple[str, float]:
    for unit, factor in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if end_ns >= 2 * factor:
            return unit, factor
    return "ns", 1.0
