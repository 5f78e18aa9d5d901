"""The picture of the system: partitions and devices in layers from left to right, channels as arrows between them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from markupsafe import Markup

from sim.report import svg
from sim.report.record import ChannelRecord, RunRecord

BOX_WIDTH, GAP, ROW, HEADER, MARGIN = 190.0, 212.0, 52.0, 62.0, 12.0
BULGE = 56.0
"""How far an arrow that leads back swings out beside its boxes."""
NARROW, FEW = 164.0, 4
"""Gap between layers where there are more than a few, so that texts stay legible when the drawing fits a page."""
SPACING, BELOW = 34.0, 40.0
"""Between boxes of a layer, and between arrows that lead back below everything."""
GLYPHS = {
    "accelerator": "M8 8H24V24H8ZM12 8V3M20 8V3M12 29V24M20 29V24M8 12H3M8 20H3M29 12H24M29 20H24M13 13H19V19H13Z",
    "camera": "M2 6H22V26H2ZM22 13L31 8V24L22 19M12 11a5 5 0 1 0 .1 0Z",
    "display": "M1 3H31V23H1ZM11 30H21M16 23V30",
    "link": "M4 16a5 5 0 1 0 10 0a5 5 0 1 0-10 0ZM18 16a5 5 0 1 0 10 0a5 5 0 1 0-10 0ZM14 16H18",
    "recording": "M2 16H7L10 6L14 26L18 10L21 20L23 16H30",
    "sink": "M16 3V19M9 13L16 20L23 13M4 21V28H28V21",
}
"""Paths of 32 x 32 units for the kinds of devices."""


@dataclass(slots=True)
class Box:
    """A partition, a device, or (without a title) the place where a long arrow passes a layer."""

    title: str
    facts: tuple[str, ...] = ()
    """Up to two lines below the title."""
    kind: str = "passage"
    rows: list[str] = field(default_factory=list)
    arrows: dict[str, int] = field(default_factory=dict)
    """Most arrows on one side of each row."""
    layer: int = 0
    x: float = 0.0
    y: float = 0.0

    @property
    def height(self) -> float:
        """Header and rows; a passage is only as high as the label of its arrow."""
        return ROW if self.kind == "passage" else HEADER + sum(map(self.row_height, self.rows)) + 8

    def row_height(self, row: str) -> float:
        """Return the height that a row needs for its arrows."""
        return ROW * max(1, self.arrows.get(row, 0))

    def row_top(self, row: str) -> float:
        """Return the y of a row's upper edge."""
        above = self.rows[: self.rows.index(row)]
        return self.y + HEADER + sum(map(self.row_height, above))


@dataclass(slots=True)
class Arrow:
    """A channel between two boxes."""

    name: str
    channel: ChannelRecord
    source: str
    source_row: str
    target: str
    target_row: str
    passages: list[str] = field(default_factory=list)
    backward: bool = False


def topology(record: RunRecord) -> Markup:
    """Return the system of a run as an SVG drawing.

    Parameters:
        record: its partitions, devices and channels; ends of channels that are neither appear as boxes of their own.
    """
    boxes, arrows = _system(record)
    columns = _columns(boxes, arrows)
    width, height = _place(columns)
    width = _make_room(boxes, arrows, width)
    drawn = [*_draw_arrows(boxes, arrows, record.virtual_time_ns, height), *map(_draw_box, boxes.values())]
    backward = sum(arrow.backward for arrow in arrows)
    height += BELOW * backward + (MARGIN if backward else 0)
    return svg.drawing(width, height, _marker(), *drawn, label="partitions, devices and channels", class_="topology")


def flow_order(record: RunRecord) -> list[str]:
    """Return the names of all partitions and devices in the order in which data flows through them."""
    boxes, _ = _system(record)
    return sorted(boxes, key=lambda name: boxes[name].layer)


def hues(record: RunRecord) -> dict[str, int]:
    """Return the colour of each partition and device, the number of one of six; partitions come first."""
    order = sorted(flow_order(record), key=lambda name: name not in record.partitions)
    return {name: index % 6 for index, name in enumerate(order)}


def heat(share: float) -> int:
    """Return the step 0 to 4 of the colour scale for a share of a ring that was in use; 4 means full."""
    return 4 if share >= 1 else min(3, int(share * 4))


def _system(record: RunRecord) -> tuple[dict[str, Box], list[Arrow]]:
    boxes = _boxes(record)
    arrows = [
        Arrow(name, channel, *_end(record, channel.source), *_end(record, channel.target))
        for name, channel in record.channels.items()
    ]
    _count_rows(boxes, arrows)
    _layers(boxes, arrows)
    return boxes, arrows


def _end(record: RunRecord, end: str) -> tuple[str, str]:
    """Return the box and the row of a channel's end: devices are a row themselves, their ports are not drawn."""
    box, _, rest = end.partition(".")
    return box, "" if box in record.devices else rest.partition(".")[0]


def _boxes(record: RunRecord) -> dict[str, Box]:
    boxes: dict[str, Box] = {}
    for name, device in record.devices.items():
        boxes[name] = Box(name, tuple(device.description.split(", ", 1)), device.kind, [""])
    for name, partition in record.partitions.items():
        facts = partition.machine, f"{svg.size(partition.memory_bytes)} · {partition.mips:g} MIPS"
        kind = "partition failed" if partition.failed else "partition"
        boxes[name] = Box(name, facts, kind, list(partition.services))
    return boxes


def _count_rows(boxes: dict[str, Box], arrows: list[Arrow]) -> None:
    sides: dict[tuple[str, str, str], int] = {}
    for arrow in arrows:
        for side, name, row in (("out", arrow.source, arrow.source_row), ("in", arrow.target, arrow.target_row)):
            box = boxes.setdefault(name, Box(name, kind="device"))
            if row not in box.rows:
                box.rows.append(row)
            sides[side, name, row] = sides.get((side, name, row), 0) + 1
            box.arrows[row] = max(box.arrows.get(row, 0), sides[side, name, row])


def _layers(boxes: dict[str, Box], arrows: list[Arrow]) -> None:
    """Give every box the length of the longest way to it; an arrow that closes a cycle becomes backward."""
    state: dict[str, str] = {}
    order: list[str] = []

    def visit(name: str) -> None:
        state[name] = "open"
        for arrow in arrows:
            if arrow.source == name:
                if state.get(arrow.target) == "open":
                    arrow.backward = True
                elif arrow.target not in state:
                    visit(arrow.target)
        state[name] = "done"
        order.append(name)

    for name in boxes:
        if name not in state:
            visit(name)
    for name in reversed(order):
        for arrow in arrows:
            if arrow.source == name and not arrow.backward:
                boxes[arrow.target].layer = max(boxes[arrow.target].layer, boxes[name].layer + 1)


def _columns(boxes: dict[str, Box], arrows: list[Arrow]) -> list[list[Box]]:
    """Give long arrows their passages, then order each layer by the mean place of its neighbours (barycentre)."""
    neighbours: dict[int, list[Box]] = {}
    for number, arrow in enumerate(arrows):
        if arrow.backward:
            continue
        before = boxes[arrow.source]
        for layer in range(before.layer + 1, boxes[arrow.target].layer):
            passage = boxes[f"{number}/{layer}"] = Box("", layer=layer, rows=[""])
            arrow.passages.append(f"{number}/{layer}")
            neighbours.setdefault(id(passage), []).append(before)
            before = passage
        neighbours.setdefault(id(boxes[arrow.target]), []).append(before)
    columns: list[list[Box]] = [[] for _ in range(1 + max((box.layer for box in boxes.values()), default=0))]
    for box in boxes.values():
        columns[box.layer].append(box)
    place: dict[int, float] = {}

    def mean(box: Box) -> float:
        known = [place[id(other)] for other in neighbours.get(id(box), ()) if id(other) in place]
        return sum(known) / len(known) if known else 0.5

    for column in columns:
        column.sort(key=mean)
        place.update((id(box), (index + 0.5) / len(column)) for index, box in enumerate(column))
    return columns


def _place(columns: list[list[Box]]) -> tuple[float, float]:
    heights = [sum(box.height for box in column) + SPACING * (len(column) - 1) for column in columns]
    tallest = max([*heights, 0.0])
    gap = GAP if len(columns) <= FEW else NARROW
    for index, (column, height) in enumerate(zip(columns, heights, strict=True)):
        y = MARGIN + (tallest - height) / 2
        for box in column:
            box.x, box.y = MARGIN + index * (BOX_WIDTH + gap), y
            y += box.height + SPACING
    width = len(columns) * BOX_WIDTH + (len(columns) - 1) * gap
    return width + 2 * MARGIN, tallest + 2 * MARGIN


def _make_room(boxes: dict[str, Box], arrows: list[Arrow], width: float) -> float:
    """Move the boxes to where arrows that lead back from the last column or to the first one fit; return the width."""
    back = [arrow for arrow in arrows if arrow.backward]
    left = BULGE * (min((boxes[arrow.target].x for arrow in back), default=math.inf) <= MARGIN)
    right = BULGE * (max((boxes[arrow.source].x for arrow in back), default=-math.inf) >= width - MARGIN - BOX_WIDTH)
    for box in boxes.values():
        box.x += left
    return width + left + right


def _ports(boxes: dict[str, Box], arrows: list[Arrow]) -> Iterator[tuple[Arrow, list[tuple[float, float]]]]:
    """Yield every arrow with the points it goes through; arrows on one side of a row share its height evenly."""
    sides: dict[tuple[str, str, str], list[Arrow]] = {}
    for arrow in arrows:
        sides.setdefault(("out", arrow.source, arrow.source_row), []).append(arrow)
        sides.setdefault(("in", arrow.target, arrow.target_row), []).append(arrow)
    for (side, _, _), sharing in sides.items():
        sharing.sort(key=lambda arrow, side=side: _beyond(boxes, arrow, side))  # type: ignore[misc]

    def port(side: str, name: str, row: str, arrow: Arrow) -> tuple[float, float]:
        box, sharing = boxes[name], sides[side, name, row]
        share = (sharing.index(arrow) + 0.5) / len(sharing)
        return box.x + (BOX_WIDTH if side == "out" else 0), box.row_top(row) + share * box.row_height(row)

    for arrow in arrows:
        points = [port("out", arrow.source, arrow.source_row, arrow)]
        for name in arrow.passages:
            middle = boxes[name].y + boxes[name].height / 2
            points += [(boxes[name].x, middle), (boxes[name].x + BOX_WIDTH, middle)]
        yield arrow, [*points, port("in", arrow.target, arrow.target_row, arrow)]


def _beyond(boxes: dict[str, Box], arrow: Arrow, side: str) -> float:
    """Return the height of what an arrow meets next on its way from one side of a row; those that lead back are low."""
    if arrow.backward:
        return math.inf
    others = [arrow.source, *arrow.passages, arrow.target]
    box, row = (boxes[others[1]], arrow.target_row) if side == "out" else (boxes[others[-2]], arrow.source_row)
    return box.y + box.height / 2 if box.kind == "passage" else box.row_top(row) + box.row_height(row) / 2


def _draw_arrows(boxes: dict[str, Box], arrows: list[Arrow], end_ns: int, low: float) -> Iterator[Markup]:
    """Yield the arrows, then their labels on top; arrows that lead back pass below `low`, the edge of the boxes."""
    low -= MARGIN + 14
    labels: list[tuple[Arrow, float, float]] = []
    for arrow, points in _ports(boxes, arrows):
        (x0, y0), (x1, y1) = points[0], points[-1]
        if arrow.backward:
            low += BELOW
            path = f"M{x0} {y0}C{x0 + 70} {y0} {x0 + 70} {low} {x0 - 10} {low}H{x1 + 10}"
            path += f"C{x1 - 70} {low} {x1 - 70} {y1} {x1} {y1}"
            labels.append((arrow, (x0 + x1) / 2, low))
        else:
            path = f"M{x0} {y0}" + "".join(_curve(a, b) for a, b in pairwise(points))
            labels.append((arrow, (x0 + points[1][0]) / 2, (y0 + points[1][1]) / 2))
        channel = arrow.channel
        sent = sum(message.bytes for message in channel.messages)
        rate = sent * 1e9 / end_ns if end_ns else 0.0
        stroke = 1.5 + min(4.0, math.log10(1 + rate / 1e3))
        step = heat(channel.occupancy_max / channel.depth) if channel.depth else 0
        yield svg.tag("path", svg.tag("title", _story(arrow, rate)), d=path, class_=f"arrow heat-{step}",
                      stroke_width=stroke, marker_end=f"url(#tip-{step})")  # fmt: skip
    yield from _labels(labels)


def _curve(a: tuple[float, float], b: tuple[float, float]) -> str:
    middle = (a[0] + b[0]) / 2
    return f"C{middle} {a[1]} {middle} {b[1]} {b[0]} {b[1]}"


def _story(arrow: Arrow, rate: float) -> str:
    channel = arrow.channel
    return (
        f"{arrow.name}: {channel.source} → {channel.target}\n{channel.dtype}{list(channel.shape)}, {channel.overflow}, "
        f"{svg.size(rate)}/s\noccupancy at most {channel.occupancy_max} of {channel.depth}"
    )


def _labels(wanted: list[tuple[Arrow, float, float]]) -> Iterator[Markup]:
    """Yield the labels; one that would lie on another moves down."""
    taken: list[tuple[float, float]] = []
    for arrow, x, y in wanted:
        while any(abs(x - left) < 120 and abs(y - top) < 32 for left, top in taken):
            y += 4
        taken.append((x, y))
        yield _label(arrow, x, y)


def _label(arrow: Arrow, x: float, y: float) -> Markup:
    channel = arrow.channel
    lost = f" · {svg.count(channel.dropped)} dropped" if channel.dropped else ""
    second = f"{svg.count(channel.published)} msg · {channel.occupancy_max}/{channel.depth}{lost}"
    name = svg.tag("text", svg.fit(arrow.name, 26), x=x, y=y - 7, class_="channel-name")
    return name + svg.tag("text", second, x=x, y=y + 16, class_="lost" if lost else "channel-facts")


def _draw_box(box: Box) -> Markup:
    if box.kind == "passage":
        return Markup("")
    parts = [
        svg.tag("title", "\n".join((box.title, *box.facts))),
        svg.tag("rect", x=box.x, y=box.y, width=BOX_WIDTH, height=box.height, rx=10, class_="box"),
        svg.tag("text", svg.fit(box.title, 22), x=box.x + 14, y=box.y + 22, class_="box-title"),
        *(
            svg.tag("text", svg.fit(fact, 29), x=box.x + 14, y=box.y + 39 + 14 * line, class_="box-facts")
            for line, fact in enumerate(box.facts)
        ),
    ]
    if box.kind in GLYPHS:
        x, y = box.x + BOX_WIDTH / 2 - 16, box.y + box.height - 46
        parts.append(svg.tag("path", d=GLYPHS[box.kind], transform=f"translate({x} {y})", class_="glyph"))
    for row in filter(None, box.rows):
        top, height = box.row_top(row) + 4, box.row_height(row) - 8
        place = {"x": box.x + 10, "y": top, "width": BOX_WIDTH - 20, "height": height}
        parts.append(svg.tag("rect", **place, rx=7, class_="service"))
        middle = {"x": box.x + BOX_WIDTH / 2, "y": top + height / 2 + 4.5}
        parts.append(svg.tag("text", svg.fit(row, 20), **middle, class_="service-name"))
    return svg.tag("g", *parts, class_=f"node {box.kind if box.kind.startswith('partition') else 'device'}")


def _marker() -> Markup:
    tips = (
        svg.tag(
            "marker",
            svg.tag("path", d="M0 0L11 5L0 10Z"),
            id=f"tip-{step}",
            class_=f"tip heat-{step}",
            markerWidth=11,
            markerHeight=10,
            refX=9,
            refY=5,
            orient="auto",
            markerUnits="userSpaceOnUse",
        )
        for step in range(5)
    )
    return svg.tag("defs", *tips)
