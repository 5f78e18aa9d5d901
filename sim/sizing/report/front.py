"""The Pareto front: memory against age, coloured by drops, for all points and for each load."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sim.sizing.report.figure import Choice, Figure, Trace, Variant, text
from sim.sizing.report.scales import Scale, scale
from sim.sizing.report.sweep_view import View

ALL = "all points"
LOADS = 80
"""Combinations of load up to which each has a picture of its own."""
CLOUD = 1500
"""Points off the front that a picture shows; where there are more, neighbours share a mark."""
CLASSES = (
    (0, 1, "nothing dropped", "$hue-0", "circle"),
    (1, 10, "1 to 9 dropped", "$hue-3", "x"),
    (10, 100, "10 to 99 dropped", "$bad", "x"),
    (100, np.inf, "100 and more dropped", "$hue-2", "x"),
)
"""Least number of drops, the first that is too many, name, colour and mark."""
GRID = 60
"""Marks across and up the picture, at most, where neighbours share one."""


def front(seen: View) -> Figure:
    """Return memory against p99; a list of the loads to choose from where points are weighed by load."""
    variants = {ALL: _variant(seen, np.arange(len(seen.front)), seen.front)}
    first = ALL
    by_load = seen.by_load() if seen.weighed_by_load else {}
    if len(by_load) <= LOADS:
        for names, points in by_load.items():
            key = ", ".join(f"{axis.name} {name}" for axis, name in zip(seen.loads, names, strict=True))
            variants[key] = _variant(seen, points, seen.front_of_load)
            if not seen.dropped.values[points].min():
                first = key  # the last that can be borne without drops says most
    several = len(variants) > 1
    return Figure(
        "front", "Memory against age", "Pareto front: shared memory against p99 of the age, coloured by drops",
        variants[first].data, variants[first].layout, 470,
        choices=(Choice("load", tuple(variants), first),) if several else (), variants=variants if several else {},
    )  # fmt: skip


def thinned(x: NDArray[np.float64], y: NDArray[np.float64], worse: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return which of many points are drawn: of those in one cell of a grid the one that is least bad.

    Parameters:
        x, y: float64[points]; finite.
        worse: float64[points]; the least of a cell is drawn.
    """
    if len(x) <= CLOUD:
        return np.arange(len(x))
    columns, rows = (
        np.minimum(GRID - 1, (values - values.min()) / max(float(np.ptp(values)), 1e-300) * GRID).astype(int)
        for values in (x, y)
    )
    order = np.lexsort((worse, columns * GRID + rows))
    place = (columns * GRID + rows)[order]
    return np.sort(order[np.r_[True, place[1:] != place[:-1]]])


def _variant(seen: View, points: NDArray[np.intp], chosen: NDArray[np.bool_]) -> Variant:
    across, up = scale(seen.memory), scale(seen.p99)
    known = points[np.isfinite(seen.p99.values[points])]
    best, others = known[chosen[known]], known[~chosen[known]]
    kept = others[thinned(seen.memory.values[others], seen.p99.values[others], seen.dropped.values[others])]
    small, large = {"size": 5, "opacity": 0.5}, {"size": 11, "line": {"color": "$text", "width": 1.2}}
    below = [_marks(seen, kept, index, small) for index in range(len(CLASSES))]
    above = [_marks(seen, best, index, large) for index in range(len(CLASSES))]
    for one, other in zip(below, above, strict=True):
        one["showlegend"] = not other["x"]
    data = [*below, *_staircase(seen, best, across, up), *above]
    layout = {
        "xaxis": {"title": {"text": f"shared {across.title}"}, "rangemode": "tozero"},
        "yaxis": {"title": {"text": f"age, {up.title}"}, "rangemode": "tozero"},
    }
    return Variant([trace for trace in data if trace["x"]], layout)


def _marks(seen: View, points: NDArray[np.intp], index: int, marker: Trace) -> Trace:
    """Return those of some points that are of one class of drops."""
    low, high, name, colour, symbol = CLASSES[index]
    dropped = seen.dropped.values[points]
    points = points[(dropped >= low) & (dropped < high)]
    facts = [
        f"{seen.memory.words(seen.memory.values[point])}, p99 {seen.p99.words(seen.p99.values[point])}, "
        f"{seen.dropped.words(seen.dropped.values[point])} dropped<br>"
        + "<br>".join(f"{text(axis.name)} <b>{text(axis.shown[point])}</b>" for axis in seen.axes)
        for point in points
    ]
    return {
        "type": "scatter", "mode": "markers", "name": name, "legendgroup": name,
        "x": scale(seen.memory).put(seen.memory.values[points]), "y": scale(seen.p99).put(seen.p99.values[points]),
        "text": facts, "hovertemplate": "%{text}<extra></extra>",
        "marker": marker | {"color": colour, "symbol": symbol},
    }  # fmt: skip


def _staircase(seen: View, best: NDArray[np.intp], across: Scale, up: Scale) -> list[Trace]:
    """Return the edge of what can be had with the fewest drops: a step down wherever more memory makes data younger."""
    if not len(best):
        return []
    dropped = seen.dropped.values[best]
    least = best[dropped == dropped.min()]
    order = least[np.lexsort((seen.p99.values[least], seen.memory.values[least]))]
    ages = seen.p99.values[order]
    kept = order[np.r_[True, ages[1:] < np.minimum.accumulate(ages)[:-1]]]
    title = (
        "edge without drops" if not dropped.min() else f"edge with {seen.dropped.words(float(dropped.min()))} dropped"
    )
    return [{
        "type": "scatter", "mode": "lines", "name": title, "hoverinfo": "skip",
        "x": across.put(seen.memory.values[kept]), "y": up.put(seen.p99.values[kept]),
        "line": {"shape": "hv", "color": "$hue-0", "width": 1.6, "dash": "dot"},
    }]  # fmt: skip
