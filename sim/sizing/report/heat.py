"""Heat maps: drops, age and memory over two axes, with the points of all others summed up as the reader chooses."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sim.sizing.report.effects import influences
from sim.sizing.report.figure import Choice, Figure, Trace, Variant, short, text
from sim.sizing.report.scales import Scale, scale
from sim.sizing.report.sweep_view import Axis, Measure, View
from sim.sizing.report.theme import SEQUENTIAL

PAIRS = 21
"""Pairs of axes to choose from: all of seven axes; of more axes those that decide most."""
WRITTEN = 6
"""Columns up to which every cell has its value written into it."""
HEIGHT = 380


def _median(values: NDArray[np.float64]) -> float:
    return float(np.percentile(values, 50, method="inverted_cdf"))


SUMMED: dict[str, Callable[[NDArray[np.float64]], float]] = {
    "median of the points": _median,
    "best point": lambda values: float(values.min()),
    "worst point": lambda values: float(values.max()),
}
"""What is shown of all points that have the same two values."""


def choices(seen: View) -> tuple[Choice, ...]:
    """Return what the reader chooses for all heat maps at once; `maps` has the variants."""
    names = tuple(f"{one.name} × {other.name}" for one, other in pairs(seen))
    return Choice("axes", names), Choice("of all other axes: the", tuple(SUMMED))


def pairs(seen: View) -> list[tuple[Axis, Axis]]:
    """Return pairs of axes, those first that decide most; the one with more levels is across."""
    shares = influences(seen)

    def decides(pair: tuple[Axis, Axis]) -> float:
        return sum(sum(shares[axis.name].values()) for axis in pair)

    found = sorted(itertools.combinations(seen.axes, 2), key=decides, reverse=True)[:PAIRS]
    return [(one, other) if len(one.names) >= len(other.names) else (other, one) for one, other in found]


def maps(seen: View) -> list[Figure]:
    """Return a heat map for each figure; none where there are not two axes."""
    combined = pairs(seen)
    if not combined:
        return []
    figures = []
    for measure in seen.measures:
        drawn = scale(measure)
        variants = {
            f"{one.name} × {other.name}|{name}": _variant(one, other, measure, drawn, summed)
            for one, other in combined
            for name, summed in SUMMED.items()
        }
        first = next(iter(variants.values()))
        figures.append(
            Figure(f"heat-{measure.key.replace('_', '-')}", measure.title[:1].upper() + measure.title[1:],
                   f"heat map of {measure.title} over two axes", first.data, first.layout, HEIGHT, variants=variants)
        )  # fmt: skip
    return figures


def cells(one: Axis, other: Axis, values: NDArray[np.float64], summed: Callable[..., float]) -> NDArray[np.float64]:
    """Return float64[levels of other, levels of one]: what is shown of the points of each cell; NaN for none."""
    table = np.full((len(other.names), len(one.names)), np.nan)
    known = np.flatnonzero(np.isfinite(values))
    place = other.codes[known] * len(one.names) + one.codes[known]
    order = np.argsort(place, kind="stable")
    ends = np.flatnonzero(np.diff(place[order])) + 1
    for group in np.split(known[order], ends) if len(order) else []:
        table[other.codes[group[0]], one.codes[group[0]]] = summed(values[group])
    return table


def _ends(table: NDArray[np.float64], drawn: Scale) -> dict[str, float]:
    """Return the values of the ends of the colours: drops from 0, others from their least."""
    known = table[np.isfinite(table)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    low = 0.0 if drawn.title == "dropped" else low
    low, high = drawn.put(np.array([low, high]))
    return {"zmin": low, "zmax": high if high > low else low + 1}


def _variant(one: Axis, other: Axis, measure: Measure, drawn: Scale, summed: Callable[..., float]) -> Variant:
    table = cells(one, other, measure.values, summed)
    words = [[measure.words(value) for value in row] for row in table]
    brief = [[drawn.brief(value) for value in row] for row in table]
    written = len(one.names) <= WRITTEN
    bar = drawn.axis(table)
    trace: Trace = {
        "type": "heatmap", "x": [text(name) for name in one.names], "y": [text(name) for name in other.names],
        "z": [drawn.put(row) for row in table], "colorscale": SEQUENTIAL, "xgap": 1, "ygap": 1,
        **_ends(table, drawn), "text": brief, "customdata": words,
        "texttemplate": "%{text}" if written else "", "textfont": {"size": 10},
        "hovertemplate": f"{text(one.name)} %{{x}}<br>{text(other.name)} %{{y}}<br>{measure.title}: %{{customdata}}"
        "<extra></extra>",
        "hoverongaps": False,
        "colorbar": {"thickness": 10, "outlinewidth": 0, "tickfont": {"size": 10, "color": "$soft"}, "nticks": 5,
                     "title": {"text": drawn.title, "side": "right", "font": {"size": 11, "color": "$soft"}},
                     **{key: bar[key] for key in ("tickvals", "ticktext") if key in bar}},
    }  # fmt: skip
    layout = {
        "xaxis": {"type": "category", "title": {"text": short(one.name)}, "showgrid": False, "ticks": ""},
        "yaxis": {"type": "category", "title": {"text": short(other.name)}, "showgrid": False, "ticks": ""},
    }
    return Variant([trace], layout)
