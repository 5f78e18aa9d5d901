"""Parallel coordinates: each line is a point, from axis to axis and through its three figures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.report.html import count_of
from sim.sizing.report.figure import Figure, Trace, short, text
from sim.sizing.report.sweep_view import Axis, Measure, View

BEST, OTHERS = 160, 240
"""Lines of points on the front, and of others; where there are more, every n-th is drawn."""
NAMED = 12
"""Levels of an axis up to which all are named; of more the first, the last and some between."""


def lines(seen: View) -> Figure:
    """Return the points of the front, and some of the others, as lines."""
    known = np.isfinite(seen.p99.values)
    best, others = _every(np.flatnonzero(seen.best & known), BEST), _every(np.flatnonzero(~seen.best & known), OTHERS)
    places = np.stack([_level(axis) for axis in seen.axes] + [_figure(measure) for measure in seen.measures])
    dropped = seen.dropped.values > 0
    groups = (
        ("others", others, "$hue-5/0.3", 0.8),
        ("front, with drops", best[dropped[best]], "$hue-3/0.8", 1.3),
        ("front, nothing dropped", best[~dropped[best]], "$hue-0/0.85", 1.5),
    )
    data = [_lines(seen, places, points, name, colour, width) for name, points, colour, width in groups if len(points)]
    count = len(places)
    layout: dict[str, Any] = {
        "xaxis": {"range": [-0.35, count - 0.65], "showgrid": False, "zeroline": False, "side": "top",
                  "fixedrange": True, "tickvals": list(range(count)), "tickfont": {"size": 12, "color": "$text"},
                  "ticktext": [f"<b>{short(axis.name, 18)}</b>" for axis in seen.axes]
                  + [f"<b>{name}</b>" for name in ("dropped", "p99", "memory")]},
        "yaxis": {"visible": False, "range": [-0.07, 1.07], "fixedrange": True},
        "legend": {"y": -0.02, "yanchor": "top", "traceorder": "reversed"},
        "shapes": [{"type": "line", "x0": place, "x1": place, "y0": 0, "y1": 1, "layer": "above",
                    "line": {"color": "$soft", "width": 1.2}} for place in range(count)],
        "annotations": [note for place, axis in enumerate(seen.axes) for note in _named(place, axis)]
        + [note for place, one in enumerate(seen.measures, len(seen.axes)) for note in _ends(place, one)],
    }  # fmt: skip
    label = "parallel coordinates of the points of the front and of some others"
    shown = f"{count_of(best, 'point')} of the front and {len(others)} of the others"
    return Figure("parallel", "The front in colour, others grey", label, data, layout, 440,
                  note=f"{shown}; below is better for the three figures.")  # fmt: skip


def _every(points: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    return points if len(points) <= most else points[np.linspace(0, len(points) - 1, most).round().astype(int)]


def _level(axis: Axis) -> NDArray[np.float64]:
    """Return where points are on an axis, 0 to 1, and a little beside it so that lines do not hide each other."""
    steps = max(1, len(axis.names) - 1)
    beside = (np.arange(len(axis.codes)) * 0.6180339887498949) % 1 - 0.5  # evenly spread, whatever the order
    return np.clip(axis.codes / steps + beside * 0.22 / max(steps, 4), 0, 1)


def _figure(measure: Measure) -> NDArray[np.float64]:
    values = np.log10(1 + measure.values) if measure.key == "dropped" else measure.values
    known = values[np.isfinite(values)]
    low, high = (known.min(), known.max()) if len(known) else (0.0, 0.0)
    placed: NDArray[np.float64] = (values - low) / (high - low) if high > low else np.zeros(len(values))
    return placed


def _lines(
    seen: View, places: NDArray[np.float64], points: NDArray[np.intp], name: str, colour: str, width: float
) -> Trace:
    """Return one trace for many lines, which a gap parts."""
    x: list[float | None] = []
    y: list[float | None] = []
    facts: list[str] = []
    for point in points.tolist():
        fact = text(seen.words(point)) + "<br>" + ", ".join(
            f"{measure.title} {measure.words(measure.values[point])}" for measure in seen.measures
        )  # fmt: skip
        x += [*range(len(places)), None]
        y += [*places[:, point].round(4).tolist(), None]
        facts += [*[fact] * len(places), ""]
    return {
        "type": "scatter", "mode": "lines+markers", "name": name, "x": x, "y": y, "text": facts,
        "line": {"color": colour, "width": width}, "marker": {"size": 3, "color": colour},
        "hovertemplate": "%{text}<extra></extra>", "hoverinfo": "text",
    }  # fmt: skip


def _named(place: int, axis: Axis) -> list[dict[str, Any]]:
    steps = max(1, len(axis.names) - 1)
    shown = set(range(len(axis.names)))
    if len(axis.names) > NAMED:
        shown = {round(part * steps / 6) for part in range(7)}
    return [_note(place, code / steps, axis.names[code]) for code in sorted(shown)]


def _ends(place: int, measure: Measure) -> list[dict[str, Any]]:
    known = measure.values[np.isfinite(measure.values)]
    if not len(known):
        return []
    return [_note(place, 0, measure.words(float(known.min()))), _note(place, 1, measure.words(float(known.max())))]


def _note(place: int, level: float, name: str) -> dict[str, Any]:
    return {"x": place, "y": level, "text": short(name, 18), "showarrow": False, "xanchor": "left", "xshift": 4,
            "font": {"size": 10.5, "color": "$text"}, "bgcolor": "$card/0.75", "borderpad": 1}  # fmt: skip
