"""What the depth of a channel does to drops and to the age of data, a picture for each channel."""

from __future__ import annotations

import re
from typing import Any

from sim.report import svg
from sim.sizing.answer import Answer, DepthCurve, Proposal
from sim.sizing.report.figure import Figure, Trace

HEIGHT = 270
FAR = 3
"""How many times the greatest age a limit may be to be drawn."""


def curves(answer: Answer) -> list[Figure]:
    """Return a picture for each curve: drops above, age below, over the depth."""
    proposals = {proposal.channel: proposal for proposal in answer.proposals}
    return [
        _curve(answer, curve, proposals.get(curve.channel), index)
        for index, curve in enumerate(answer.curves)
        if len(curve.depths) > 0
    ]


def limit_ns(answer: Answer, label: str) -> float | None:
    """Return the limit that the target sets to the p99 of what `label` names; None where it sets none."""
    for verdict in answer.verdicts:
        found = re.match(r"p99\((.+?)\)", verdict.text.replace(" ", ""))
        if verdict.unit == "ns" and found and label.replace(" ", "").endswith(found[1]):
            return verdict.limit
    return None


def _curve(answer: Answer, curve: DepthCurve, proposal: Proposal | None, index: int) -> Figure:
    ticks = [str(depth) for depth in curve.depths]
    unit, factor = _unit(max(curve.age_p99_ns))
    limit = limit_ns(answer, curve.label)
    marked = [_mark(curve, proposal, str(depth)) for depth in curve.depths]
    data: list[Trace] = [
        {"type": "bar", "x": ticks, "y": list(curve.dropped), "yaxis": "y2", "width": 0.5,
         "marker": {"color": ["$bad" if dropped else "$good" for dropped in curve.dropped]},
         "text": [svg.count(dropped) for dropped in curve.dropped], "textposition": "outside", "cliponaxis": False,
         "textfont": {"size": 11, "color": "$text"},
         "hovertemplate": "depth %{x}: %{y} dropped<extra></extra>"},
        {"type": "scatter", "mode": "lines+markers", "x": ticks, "y": [age / factor for age in curve.age_p99_ns],
         "line": {"color": "$hue-0", "width": 1.8}, "customdata": [svg.duration(age) for age in curve.age_p99_ns],
         "marker": {"size": [13 if mark else 7 for mark in marked], "color": "$hue-0",
                    "symbol": ["star" if mark == "proposed" else "diamond" if mark else "circle" for mark in marked]},
         "hovertemplate": "depth %{x}: p99 %{customdata}<extra></extra>"},
    ]  # fmt: skip
    most = max([*curve.dropped, 1])
    captions = [f"{tick}<br><b>{mark}</b>" if mark else tick for tick, mark in zip(ticks, marked, strict=True)]
    layout: dict[str, Any] = {
        "showlegend": False, "bargap": 0.5, "shapes": [], "annotations": [],
        "xaxis": {"type": "category", "title": {"text": "depth"}, "showgrid": False, "anchor": "y", "fixedrange": True,
                  "ticktext": captions, "tickvals": ticks, "categoryarray": ticks},
        "yaxis": {"domain": [0, 0.52], "title": {"text": f"p99 [{unit}]"}, "rangemode": "tozero", "nticks": 5},
        "yaxis2": {"domain": [0.66, 1], "title": {"text": "dropped"}, "range": [0, most * 1.35], "nticks": 4,
                   "anchor": "x", "tickformat": "~s" if most >= 1000 else "d", "dtick": 1 if most <= 3 else None},
    }  # fmt: skip
    if limit is not None:
        _draw_limit(layout, limit, max(curve.age_p99_ns), factor)
    label = f"drops and p99 of {curve.label} for depths {ticks[0]} to {ticks[-1]} of {curve.channel}"
    return Figure(f"curve-{index}", curve.channel, label, data, layout, HEIGHT, note=curve.label)


def _draw_limit(layout: dict[str, Any], limit_ns: float, most_ns: int, factor: float) -> None:
    """Put the target's limit into a picture: as a line, or as a word where the line would flatten the curve."""
    far = limit_ns > FAR * most_ns
    level = (most_ns if far else limit_ns) / factor
    name = f"target {svg.duration(limit_ns)}{', above ↑' if far else ''}"
    layout["annotations"] = [{"xref": "paper", "x": 1, "y": 1.06 * level if far else level, "text": name,
                              "showarrow": False, "xanchor": "right", "yanchor": "bottom",
                              "font": {"size": 11, "color": "$bad"}}]  # fmt: skip
    if not far:
        layout["shapes"] = [{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": level, "y1": level,
                             "line": {"color": "$bad", "width": 1.5, "dash": "dash"}}]  # fmt: skip
    layout["yaxis"]["range"] = [0, 1.35 * max(level, most_ns / factor)]


def _mark(curve: DepthCurve, proposal: Proposal | None, depth: str) -> str:
    if proposal is None:
        return ""
    if depth == str(proposal.depth):
        return "proposed"
    return "now" if depth == str(proposal.depth_now) else ""


def _unit(most_ns: int) -> tuple[str, float]:
    for unit, factor in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if most_ns >= factor:
            return unit, factor
    return "ns", 1.0
