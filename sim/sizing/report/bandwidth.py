"""What the rings cost of the memory's bandwidth."""

from __future__ import annotations

from sim.report import svg
from sim.sizing.account import Account
from sim.sizing.report.figure import Figure, Trace, short

ROW, FRAME = 30, 76


def traffic(account: Account) -> Figure | None:
    """Return bytes written and read per second on each ring; None where no rates are known."""
    if not account.traffic:
        return None
    most = max(max(one.written_bytes_per_s, one.read_bytes_per_s) for one in account.traffic.values())
    unit, factor = next(
        ((unit, factor) for unit, factor in (("MiB/s", 1 << 20), ("KiB/s", 1 << 10)) if most >= factor), ("B/s", 1)
    )
    names = [short(name) for name in account.traffic]
    data: list[Trace] = []
    for title, colour, values in (
        ("written", "$hue-0", [one.written_bytes_per_s for one in account.traffic.values()]),
        ("read", "$hue-3", [one.read_bytes_per_s for one in account.traffic.values()]),
    ):
        data.append({
            "type": "bar", "orientation": "h", "name": title, "y": names, "x": [value / factor for value in values],
            "marker": {"color": colour}, "customdata": [svg.size(value) for value in values],
            "hovertemplate": f"<b>%{{y}}</b><br>{title}: %{{customdata}}/s<extra></extra>",
        })  # fmt: skip
    layout = {
        "barmode": "group", "bargap": 0.3, "xaxis": {"title": {"text": unit}}, "legend": {"traceorder": "normal"},
        "yaxis": {"autorange": "reversed", "showgrid": False, "ticksuffix": " ", "tickfont": {"color": "$text"},
                  "type": "category", "categoryarray": names},
    }  # fmt: skip
    used = svg.size(account.bandwidth_used_bytes_per_s)
    return Figure("bandwidth", "Bandwidth by ring", f"bytes written and read per second, {used} per second together",
                  data, layout, FRAME + ROW * len(names), note="Payloads and frame headers.")  # fmt: skip
