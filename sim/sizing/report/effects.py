"""What each axis does: the share of the variation that it explains, and the course of each figure along it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.sizing.report.figure import Figure, Trace, short, text
from sim.sizing.report.scales import Scale, scale
from sim.sizing.report.sweep_view import Axis, Measure, View

COLOURS = {"dropped": "$bad", "age_p99_ns": "$hue-0", "memory_bytes": "$hue-1"}
ROW, FRAME = 54, 92


def influence(axis: Axis, values: NDArray[np.float64]) -> float:
    """Return the first-order sensitivity index of an axis: variance of the means of its levels over the whole variance.

    0: the axis alone explains nothing of how the figure varies; 1: everything. On a full grid it is exact, on a sample
    with ranges of values an estimate (Sobol', *Sensitivity estimates for nonlinear mathematical models*, 1993; as the
    ratio of variances between and within groups it is Pearson's correlation ratio, 1905). 0 for a figure that does not
    vary.

    Parameters:
        axis: with the level of each point.
        values: float64[points]; points without a value (NaN) are left out.
    """
    known = np.isfinite(values)
    if not known.any():
        return 0.0
    found, codes = values[known], axis.codes[known]
    total = float(found.var())
    counts = np.bincount(codes, minlength=len(axis.names))
    sums = np.bincount(codes, weights=found, minlength=len(axis.names))
    means = sums[counts > 0] / counts[counts > 0]
    between = float(counts[counts > 0] @ (means - found.mean()) ** 2) / len(found)
    return min(1.0, between / total) if total > 1e-12 * max(1.0, float(found.mean()) ** 2) else 0.0


def influences(seen: View) -> dict[str, dict[str, float]]:
    """Return the influence of each axis, by its name, on each figure, by its column."""
    return {
        axis.name: {measure.key: influence(axis, measure.values) for measure in seen.measures} for axis in seen.axes
    }


def decided(seen: View) -> Figure:
    """Return how much each axis decides, a bar for each figure."""
    shares = influences(seen)
    data: list[Trace] = [
        {"type": "bar", "orientation": "h", "name": measure.title, "y": [short(axis.name) for axis in seen.axes],
         "x": [100 * shares[axis.name][measure.key] for axis in seen.axes], "marker": {"color": COLOURS[measure.key]},
         "hovertemplate": f"<b>%{{y}}</b><br>%{{x:.1f}} % of how {measure.title} varies<extra></extra>"}
        for measure in seen.measures
    ]  # fmt: skip
    layout = {
        "barmode": "group", "bargap": 0.28, "legend": {"traceorder": "normal"},
        "xaxis": {"title": {"text": "share of the variation explained"}, "range": [0, 100.5], "dtick": 20,
                  "ticksuffix": " %"},
        "yaxis": {"autorange": "reversed", "type": "category", "showgrid": False, "ticksuffix": " ",
                  "tickfont": {"color": "$text"}},
    }  # fmt: skip
    label = "share of the variation of each figure that each axis explains"
    return Figure("decided", "How much each axis decides", label, data, layout, FRAME + ROW * len(seen.axes),
                  note="By itself; what is missing to 100 % comes of axes together.")  # fmt: skip


def courses(seen: View) -> list[Figure]:
    """Return a picture for each axis: how drops, age and memory go along it."""
    scales = [scale(measure) for measure in seen.measures]
    return [_course(axis, seen, scales, index) for index, axis in enumerate(seen.axes)]


def _course(axis: Axis, seen: View, scales: list[Scale], index: int) -> Figure:
    ticks = [text(name) for name in axis.names]
    data: list[Trace] = []
    layout: dict[str, Any] = {
        "showlegend": False,
        "xaxis": {"type": "category", "categoryarray": ticks, "showgrid": False, "anchor": "y",
                  "title": {"text": short(axis.name)}},
    }  # fmt: skip
    domains = ([0.72, 1], [0.36, 0.64], [0, 0.28])
    for place, (measure, one, domain) in enumerate(zip(seen.measures, scales, domains, strict=True)):
        key = ("y3", "y2", "y")[place]
        low, middle, high = _quantiles(axis, measure)
        words = [
            [measure.words(a), measure.words(b), measure.words(c)] for a, b, c in zip(low, middle, high, strict=True)
        ]
        colour = COLOURS[measure.key]
        common = {"type": "scatter", "x": ticks, "yaxis": key}
        data += [
            common | {"y": one.put(low), "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"},
            common | {"y": one.put(high), "mode": "lines", "line": {"width": 0}, "fill": "tonexty",
                      "fillcolor": colour + "/0.2", "hoverinfo": "skip"},
            common | {"y": one.put(middle), "mode": "lines+markers", "line": {"color": colour, "width": 1.8},
                      "marker": {"size": 6, "color": colour}, "customdata": words,
                      "hovertemplate": f"%{{x}}: {measure.title} %{{customdata[1]}}<br>"
                      "a tenth below %{customdata[0]}, a tenth above %{customdata[2]}<extra></extra>"},
        ]  # fmt: skip
        ends = np.concatenate([low, high])
        layout["yaxis" + key[1:]] = one.axis(ends) | {"domain": domain, "anchor": "x", "title": {"text": one.title}}
    label = f"drops, p99 and memory along {axis.name}: median and the range of four fifths of the points"
    return Figure(f"course-{index}", axis.name, label, data, layout, 420)


def _quantiles(axis: Axis, measure: Measure) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return p10, median and p90 of a figure at each level of an axis; NaN where no point has the figure."""
    rows = np.full((3, len(axis.names)), np.nan)
    known = np.isfinite(measure.values)
    for code in range(len(axis.names)):
        values = measure.values[known & (axis.codes == code)]
        if len(values):
            rows[:, code] = np.percentile(values, (10, 50, 90), method="inverted_cdf")
    return rows[0], rows[1], rows[2]
