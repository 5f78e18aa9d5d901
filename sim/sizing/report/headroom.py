"""How far each direction goes, a bar for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sim.sizing.report.figure import Figure, Trace, short, text
from sim.sizing.sensitivity.headroom import Headroom
from sim.sizing.sensitivity.headroom_words import amount, direction, reason

ROW, FRAME = 34, 84
TICKS = (1, 1.1, 1.2, 1.5, 2, 3, 4, 6, 8, 12, 16, 24)
FEWEST = 1.5
"""The axis goes so far at least, and a tenth beyond the longest bar."""


def headroom(rows: Sequence[Headroom]) -> Figure | None:
    """Return a bar for each direction, from the present value to the last that holds; None where there are none.

    The axis is logarithmic: what is twice as much is equally far wherever one begins.

    Parameters:
        rows: in their order, what breaks first above all others.
    """
    if not rows:
        return None
    names = [short(direction(one), 40) for one in rows]
    ends = [one.factor for one in rows]
    failing = [(name, one, one.fails) for name, one in zip(names, rows, strict=True) if one.fails is not None]
    data: list[Trace] = [
        {"type": "bar", "orientation": "h", "name": "holds", "y": names, "x": ends, "width": 0.56,
         "marker": {"color": ["$hue-0" if one.fails is not None else "$good" for one in rows]},
         "customdata": [text(_told(one)) for one in rows],
         "hovertemplate": "<b>%{y}</b><br>%{customdata}<extra></extra>"},
        {"type": "scatter", "mode": "markers+text", "name": "fails", "y": [name for name, _, _ in failing],
         "x": [fails / one.present for _, one, fails in failing], "textposition": "middle right",
         "text": [f"  {text(amount(one, fails))}" for _, one, fails in failing], "textfont": {"color": "$bad"},
         "marker": {"symbol": "x", "size": 9, "color": "$bad"}, "cliponaxis": False,
         "customdata": [short(reason(one), 100) for _, one, _ in failing],
         "hovertemplate": "<b>%{y}</b><br>fails: %{customdata}<extra></extra>"},
    ]  # fmt: skip
    most = max(FEWEST, *ends, *(fails / one.present for _, one, fails in failing))
    ticks = [tick for tick in TICKS if tick <= 1.1 * most and (most < 3 or tick not in (1.1, 1.2))]
    layout: dict[str, Any] = {
        "showlegend": False, "bargap": 0.4,
        "xaxis": {"type": "log", "range": [0, float(np.log10(most)) * 1.14], "tickvals": ticks,
                  "ticktext": [f"{tick:g}×" for tick in ticks], "title": {"text": "times what there is now"}},
        "yaxis": {"autorange": "reversed", "type": "category", "categoryarray": names, "showgrid": False,
                  "ticksuffix": " ", "tickfont": {"color": "$text"}},
    }  # fmt: skip
    note = "Bar: the target holds with depths sized anew. ✕: it does not. Green: as far as was tried."
    label = "how many times the present value each direction holds"
    height = FRAME + ROW * len(rows)
    return Figure("headroom", "How far each direction goes", label, data, layout, height, note=note)


def _told(one: Headroom) -> str:
    return f"holds up to {amount(one, one.holds)}"
