"""Memory to scale: every region cut into its parts, and the machine's memory shared out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sim.report import svg
from sim.sizing.account import Account, Region
from sim.sizing.report.figure import Figure, Trace, short, text

PARTS = {
    "header": ("$text", "the page of the two ends' blocks"),
    "tables": ("$hue-2", "descriptors, available and used ring, receipts"),
    "frame headers": ("$hue-1", "before the payloads"),
    "payloads": ("$hue-0", "the tensors themselves"),
    "padding": ("$hue-3", "so that all is aligned"),
    "rounding": ("$hue-5/0.45", "up to a power of two, as a PCI BAR must be"),
}
"""Colour and meaning of what a region is cut into, in the order of docs/ring.md."""
ROW, FRAME = 26, 54
"""Height of a row and of what is around the rows, in CSS pixels."""


def parts(region: Region) -> dict[str, int]:
    """Return what a region is cut into, in bytes; the values add up to its mapping."""
    return {
        "header": region.header,
        "tables": region.descriptors + region.available + region.used + region.receipts,
        "frame headers": region.frame_headers,
        "payloads": region.payloads,
        "padding": region.padding,
        "rounding": region.rounding,
    }


def to_one_scale(account: Account, before: Account) -> Figure:
    """Return all regions on one scale of bytes, with a mark where each ended with the present depths.

    Parameters:
        account: that is drawn.
        before: with the present depths.
    """
    unit, factor = _unit(
        max((each.mapping for each in [*account.regions.values(), *before.regions.values()]), default=1)
    )
    data = _bars(account, lambda part, _: part / factor)
    data.append({
        "type": "scatter", "mode": "markers", "name": "end with the present depth",
        "x": [before.regions[name].mapping / factor if name in before.regions else None for name in account.regions],
        "y": [short(name) for name in account.regions],
        "text": [svg.size(before.regions[name].mapping) if name in before.regions else "" for name in account.regions],
        "marker": {"symbol": "line-ns", "size": 17, "line": {"width": 2.5, "color": "$bad"}},
        "hovertemplate": "<b>%{y}</b><br>present depth: %{text}<extra></extra>",
    })  # fmt: skip
    data.append(_ends(account, before, factor))
    return Figure(
        "memory-map", "All regions on one scale",
        f"memory map: {len(account.regions)} regions, {svg.size(account.shared_bytes)} together",
        data, _rows(account, {"title": {"text": unit}, "rangemode": "tozero"}), FRAME + ROW * len(account.regions),
        note="A bar is a region as it is mapped. Zoom in to see the small ones.",
    )  # fmt: skip


def to_own_scale(account: Account) -> Figure:
    """Return every region on a scale of its own: the share that each part has of it."""
    data = _bars(account, lambda part, region: 100 * part / region.mapping)
    layout = _rows(
        account, {"title": {"text": "share of the region"}, "range": [0, 100.5], "dtick": 20, "ticksuffix": " %"}
    )
    return Figure(
        "memory-shares", "Each region on a scale of its own",
        "share that payloads, tables, padding and rounding have of each region",
        data, layout, FRAME + ROW * len(account.regions),
        note="What a small region is made of, too.",
    )  # fmt: skip


def machine(account: Account) -> Figure | None:
    """Return the memory of guests and rings in one bar, against that of the machine; None without any."""
    pieces = {name: one.own for name, one in account.partitions.items() if one.own}
    pieces["all rings"] = account.shared_bytes
    total = sum(pieces.values())
    unit, factor = _unit(max(total, account.host_bytes or 0, 1))
    if account.host_bytes is not None and account.host_bytes > total:
        pieces["free"] = account.host_bytes - total
    data: list[Trace] = []
    for index, (name, one) in enumerate(pieces.items()):
        guest = name in account.partitions
        colour = f"$hue-{(0, 1, 4, 5)[index % 4]}" if guest else "$hue-3" if name == "all rings" else "$line"
        caption = f"RAM of {name}" if guest else name
        data.append({
            "type": "bar", "orientation": "h", "name": f"{short(caption)} {svg.size(one)}",
            "y": [""], "x": [one / factor], "marker": {"color": colour, "line": {"color": "$card", "width": 1}},
            "hovertemplate": f"<b>{text(caption)}</b><br>{_bytes(one)}<extra></extra>",
        })  # fmt: skip
    layout = {
        "barmode": "stack", "xaxis": {"title": {"text": unit}},
        "yaxis": {"fixedrange": True, "showticklabels": False, "showgrid": False, "ticks": ""},
        "legend": {"traceorder": "normal"}, "bargap": 0.1,
    }  # fmt: skip
    if account.host_bytes is not None:
        layout["shapes"] = [{
            "type": "line", "xref": "x", "yref": "paper", "x0": account.host_bytes / factor,
            "x1": account.host_bytes / factor, "y0": 0, "y1": 1, "line": {"color": "$bad", "width": 2, "dash": "dash"},
        }]  # fmt: skip
    limit = f" of the machine's {svg.size(account.host_bytes)}" if account.host_bytes is not None else ""
    label = f"guests and rings take {svg.size(total)}{limit}"
    note = "RAM of the guests and all rings together" + ("; dashed: all that there is." if limit else ".")
    return Figure("machine", "The machine's memory", label, data, layout, 190, note)


def table_columns(region: Region) -> Mapping[str, int]:
    """Return the exact bytes of every part of a region, as the table beneath the pictures has them."""
    return {
        "header": region.header,
        "descriptors": region.descriptors,
        "available": region.available,
        "used": region.used,
        "receipts": region.receipts,
        "frame headers": region.frame_headers,
        "payloads": region.payloads,
        "padding": region.padding,
        "rounding": region.rounding,
        "mapping": region.mapping,
    }


def _bars(account: Account, scaled: Callable[[int, Region], float]) -> list[Trace]:
    """Return one trace per part, a bar per region; each bar begins where the one before it ended."""
    names = list(account.regions)
    cut = [parts(region) for region in account.regions.values()]
    data: list[Trace] = []
    for part, (colour, meaning) in PARTS.items():
        facts = [
            [_bytes(one[part]), f"{region.depth} × {_bytes(region.payload_bytes)}"]
            for one, region in zip(cut, account.regions.values(), strict=True)
        ]
        data.append({
            "type": "bar", "orientation": "h", "name": part, "y": [short(name) for name in names],
            "x": [scaled(one[part], region) for one, region in zip(cut, account.regions.values(), strict=True)],
            "customdata": facts, "marker": {"color": colour, "line": {"width": 0}},
            "hovertemplate": f"<b>%{{y}}</b> · %{{customdata[1]}}<br>{part}: %{{customdata[0]}}<br>"
            f"<i>{meaning}</i><extra></extra>",
        })  # fmt: skip
    return data


def _ends(account: Account, before: Account, factor: int) -> Trace:
    """Return the size of each region behind its bar, and behind the mark of its present end where that is near."""
    sizes = {name: region.mapping for name, region in account.regions.items()}
    marks = {name: region.mapping for name, region in before.regions.items()}
    near = max([*sizes.values(), *marks.values()]) / 5
    ends = {
        name: max(size, marks.get(name, 0)) if marks.get(name, 0) - size < near else size
        for name, size in sizes.items()
    }
    return {
        "type": "scatter", "mode": "text", "hoverinfo": "skip", "cliponaxis": False,
        "x": [end / factor for end in ends.values()],
        "y": [short(name) for name in account.regions],
        "text": [f"  {svg.size(region.mapping)}" for region in account.regions.values()],
        "textposition": "middle right", "textfont": {"color": "$text", "size": 11},
    }  # fmt: skip


def _rows(account: Account, x: dict[str, object]) -> dict[str, object]:
    return {
        "barmode": "stack", "bargap": 0.28, "xaxis": x, "showlegend": False,
        "yaxis": {"autorange": "reversed", "showgrid": False, "ticksuffix": " ", "tickfont": {"color": "$text"},
                  "type": "category", "categoryarray": [short(name) for name in account.regions]},
    }  # fmt: skip


def _unit(most: int) -> tuple[str, int]:
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if most >= factor:
            return unit, factor
    return "bytes", 1


def _bytes(number: int) -> str:
    return f"{svg.count(number)} bytes" if number < 1 << 10 else f"{svg.count(number)} bytes ({svg.size(number)})"
