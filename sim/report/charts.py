"""Charts that stand still: occupancy, latency, age of data, confusion matrix, memory, shares of a whole."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from sim.report import svg
from sim.report.distribution import percentile
from sim.report.record import ChannelRecord, McuRecord, RunRecord

WIDTH, HEIGHT = 440, 132
LEFT, RIGHT, TOP, BOTTOM = 30, 8, 10, 20
MARKS = 18
"""Height above a histogram for the names of its marks."""
BINS = 44


def occupancy(channel: ChannelRecord, end_ns: int) -> Markup:
    """Return how many slots of a ring were held over virtual time: the most in each column, and the mean as a line.

    Parameters:
        channel: with `depth` drawn as the limit.
        end_ns: end of the time axis.
    """
    columns = WIDTH - LEFT - RIGHT
    most, mean = thin(channel.steps(), end_ns, columns)
    top = max(channel.depth, channel.occupancy_max, 1)

    def y(level: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - level / top)

    outline = "".join(f"V{y(level):.1f}H{LEFT + x + 1}" for x, level in enumerate(most))
    line = "L".join(f"{LEFT + x + 0.5} {y(level):.1f}" for x, level in enumerate(mean))
    limit = y(channel.depth)
    return svg.drawing(
        WIDTH, HEIGHT,
        *_grid([(level, y(level)) for level in sorted({0, top, -(-top // 2)})]),
        svg.tag("path", d=f"M{LEFT} {y(0)}{outline}V{y(0)}Z", class_="occupied"),
        svg.tag("path", d=f"M{line}", class_="mean"),
        svg.tag("path", d=f"M{LEFT} {limit}H{WIDTH - RIGHT}", class_="limit"),
        *_axis([(svg.duration(end_ns * part / 4), LEFT + columns * part / 4) for part in range(5)]),
        label=f"slots held over time, at most {channel.occupancy_max} of {channel.depth}",
    )  # fmt: skip


def thin(steps: Sequence[tuple[int, int]], end_ns: int, columns: int) -> tuple[list[int], list[float]]:
    """Return the largest level and the time-weighted mean level in each of `columns` equal parts of [0, end_ns].

    Parameters:
        steps: (t_ns, level from then on), ascending.
        end_ns: end of the last column.
        columns: how many parts.
    """
    most, held = [0] * columns, [0.0] * columns
    for (start, level), (until, _) in pairwise([*steps, (max(end_ns, 1), 0)]):
        begin, end = start * columns / max(end_ns, 1), min(until, end_ns) * columns / max(end_ns, 1)
        for column in range(int(begin), min(columns, math.ceil(end))):
            most[column] = max(most[column], level)
            held[column] += level * (min(end, column + 1) - max(begin, column))
    return most, held


def histogram(values_ns: Sequence[int]) -> Markup:
    """Return a histogram of times with marks at the nearest-rank p50 and p99.

    The time axis is logarithmic when the largest is over 30 times the smallest; a bar that holds anything is visible.

    Parameters:
        values_ns: virtual ns; empty gives a drawing that says so.
    """
    if not values_ns:
        empty = svg.tag("text", "nothing was taken", x=WIDTH / 2, y=HEIGHT / 2, class_="empty")
        return svg.drawing(WIDTH, HEIGHT, empty, label="no latency: nothing was taken")
    low, high = min(values_ns), max(values_ns)
    logarithmic = low > 0 and high > 30 * low
    pad = 0 if logarithmic else max((high - low) * 0.02, 0.005 * high, 1)
    low_edge, high_edge = max(low - pad, 0.0), high + pad
    if logarithmic:
        low_edge, high_edge = math.log(low * 0.97), math.log(high * 1.03)

    def share(value: float) -> float:
        return ((math.log(value) if logarithmic else value) - low_edge) / (high_edge - low_edge)

    counts = [0] * BINS
    for value in values_ns:
        counts[min(BINS - 1, int(share(value) * BINS))] += 1
    marks = [(f"p{percent}", percentile(values_ns, percent) or 0) for percent in (50, 99)]
    edges = [low_edge + (high_edge - low_edge) * index / BINS for index in range(BINS + 1)]
    times = [math.exp(edge) if logarithmic else edge for edge in edges]
    return svg.drawing(
        WIDTH, HEIGHT,
        *_grid([(max(counts), TOP + MARKS)]),
        *_bars(counts, times),
        *_marks(marks, share),
        *_axis([(svg.duration(times[index]), _x(index / BINS)) for index in (0, BINS // 3, 2 * BINS // 3, BINS)]),
        label=f"latency of {len(values_ns)} tensors, {svg.duration(low)} to {svg.duration(high)}",
    )  # fmt: skip


def _bars(counts: Sequence[int], times: Sequence[float]) -> list[Markup]:
    width, full = (WIDTH - LEFT - RIGHT) / len(counts), HEIGHT - TOP - MARKS - BOTTOM
    bars = []
    for index, number in enumerate(counts):
        if number:
            height = max(2.0, full * number / max(counts))
            tip = f"{svg.count(number)} between {svg.duration(times[index])} and {svg.duration(times[index + 1])}"
            bars.append(
                svg.tag("rect", svg.tag("title", tip), x=LEFT + index * width + 0.5, y=HEIGHT - BOTTOM - height,
                        width=width - 1, height=height, class_="bar"))  # fmt: skip
    return bars


def _marks(marks: Sequence[tuple[str, int]], share: Any) -> list[Markup]:
    drawn = []
    for row, (name, value) in enumerate(marks):
        x = _x(share(value))
        right = x > WIDTH * 0.6
        drawn.append(svg.tag("path", d=f"M{x:.1f} {TOP - 4}V{HEIGHT - BOTTOM}", class_=f"mark {name}"))
        drawn.append(
            svg.tag("text", f"{name} {svg.duration(value)}", x=x + (-5 if right else 5), y=TOP + 1 + 13 * row,
                    class_="mark-text", text_anchor="end" if right else "start"))  # fmt: skip
    return drawn


def _x(share: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * share


def _grid(levels: Sequence[tuple[int, float]]) -> list[Markup]:
    lines = [svg.tag("path", d=f"M{LEFT} {y:.1f}H{WIDTH - RIGHT}", class_="grid") for _, y in levels]
    return lines + [svg.tag("text", level, x=LEFT - 6, y=y + 4, class_="tick-y") for level, y in levels]


def _axis(ticks: Sequence[tuple[str, float]]) -> list[Markup]:
    last = len(ticks) - 1
    anchors = ["start" if index == 0 else "end" if index == last else "middle" for index in range(len(ticks))]
    return [
        svg.tag("text", text, x=x, y=HEIGHT - 5, class_="tick-x", text_anchor=anchor)
        for (text, x), anchor in zip(ticks, anchors, strict=True)
    ]


def ages(record: RunRecord) -> Markup | None:
    """Return how old the sensor's data was when each channel published it and when it was taken.

    One row per channel: the bar spans the medians of both ages, the line ends at the p99 of the age when taken.

    Parameters:
        record: channels without an origin or without deliveries are left out.

    Returns:
        The drawing, or None if no channel has an age.
    """
    rows = _ages(record)
    if not rows:
        return None
    end, left, wide, step = max(row[3] for row in rows) or 1, 130, 940, 34

    def x(t_ns: float) -> float:
        return left + (wide - left - 90) * t_ns / end

    drawn: list[Markup] = []
    for index, (name, born_ns, taken_ns, late_ns) in enumerate(rows):
        y = 12 + index * step
        when, late = svg.duration(taken_ns), svg.duration(late_ns)
        tip = f"{name}: published at {svg.duration(born_ns)}, taken at {when}; p99 {late}"
        drawn += [
            svg.tag("text", name, x=left - 12, y=y + 15, class_="row-name"),
            svg.tag("path", d=f"M{left} {y + 10}H{x(end):.1f}", class_="grid"),
            svg.tag("path", d=f"M{left} {y + 10}H{x(born_ns):.1f}", class_="past"),
            svg.tag("path", d=f"M{x(born_ns):.1f} {y + 10}H{x(late_ns):.1f}m0 -5v10", class_="late"),
            svg.tag("rect", svg.tag("title", tip), x=x(born_ns), y=y + 3, width=max(3.0, x(taken_ns) - x(born_ns)),
                    height=14, rx=3, class_="bar"),
            svg.tag("text", f"{when} · p99 {late}", x=left, y=y + 29, class_="tick-l"),
        ]  # fmt: skip
    return svg.drawing(wide, 16 + step * len(rows), *drawn, label="age of data by channel", class_="wide")


def _ages(record: RunRecord) -> list[tuple[str, int, int, int]]:
    """Return per channel the p50 of the age when published, and p50 and p99 when taken; in the order of the data."""
    rows: list[tuple[str, int, int, int]] = []
    for name, channel in record.channels.items():
        taken = channel.ages_ns
        born = [
            message.produced_ns - message.origin_ns
            for message in channel.messages
            if message.taken_ns is not None and message.origin_ns is not None
        ]
        if taken:
            rows.append((name, percentile(born, 50) or 0, percentile(taken, 50) or 0, percentile(taken, 99) or 0))
    return sorted(rows, key=lambda row: row[1:])


def confusion(matrix: Sequence[Sequence[int]], labels: Sequence[str]) -> Markup:
    """Return a confusion matrix as a heat map; a cell's colour is its share of its row.

    Parameters:
        matrix: rows are the truth, columns what was predicted.
        labels: of the classes; shorter than the matrix, numbers are used for the rest.
    """
    columns = max((len(row) for row in matrix), default=0)
    names = [svg.fit(name, 14) for name in [*labels, *map(str, range(len(labels), max(columns, len(matrix))))]]
    room = 7 * max((len(name) for name in names), default=1)
    cell, high, left, top = max(34, room + 12), 34, 36 + room, 40
    drawn = [svg.tag("text", "predicted", x=left + columns * cell / 2, y=14, class_="axis-name"),
             svg.tag("text", "truth", x=12, y=top + len(matrix) * high / 2, class_="axis-name",
                     transform=f"rotate(-90 12 {top + len(matrix) * high / 2})")]  # fmt: skip
    for column in range(columns):
        drawn.append(svg.tag("text", names[column], x=left + (column + 0.5) * cell, y=top - 8, class_="tick-m"))
    for row, numbers in enumerate(matrix):
        total = sum(numbers)
        drawn.append(svg.tag("text", names[row], x=left - 8, y=top + (row + 0.5) * high + 4.5, class_="tick-y"))
        for column, number in enumerate(numbers):
            share = number / total if total else 0.0
            tip = f"{svg.count(number)} of {svg.count(total)} × {names[row]} predicted as {names[column]}"
            x, y = left + column * cell, top + row * high
            kind = "right" if row == column else "wrong"
            drawn.append(svg.tag("rect", svg.tag("title", tip), x=x + 1, y=y + 1, width=cell - 2, height=high - 2, rx=4,
                                 class_=f"cell {kind}", fill_opacity=round(share**0.5, 3)))  # fmt: skip
            strong = " strong" if share > 0.35 else ""
            drawn.append(svg.tag("text", number or "·", x=x + cell / 2, y=y + high / 2 + 4, class_=f"number{strong}"))
    return svg.drawing(left + columns * cell + 4, top + len(matrix) * high + 4, *drawn, label="confusion matrix")


def line(points: Sequence[Sequence[float]], label: str) -> Markup:
    """Return a line over virtual time.

    Parameters:
        points: (t_ns, value), ascending.
        label: what the value is.
    """
    low, high = min(value for _, value in points), max(value for _, value in points)
    start, end = points[0][0], points[-1][0]

    def place(t_ns: float, value: float) -> str:
        up = (value - low) / (high - low) if high > low else 0.5
        return f"{_x((t_ns - start) / (end - start) if end > start else 0.5):.1f} {HEIGHT - BOTTOM - up * 98:.1f}"

    path = "L".join(place(t_ns, value) for t_ns, value in points)
    axis = _axis([(svg.duration(start), LEFT), (svg.duration(end), WIDTH - RIGHT)])
    bounds = [
        svg.tag("text", svg.digits(value), x=LEFT + 4, y=y, class_="tick-l") for value, y in ((high, 12), (low, 110))
    ]
    return svg.drawing(WIDTH, HEIGHT, svg.tag("path", d=f"M{path}", class_="mean"), *axis, *bounds, label=label)


def gauge(part: float) -> Markup:
    """Return a small bar that is filled to a share of a whole.

    Parameters:
        part: 0 to 1; what lies outside is drawn as empty or full.
    """
    width = 64.0 * min(max(part, 0.0), 1.0)
    track = svg.tag("rect", width=64, height=8, rx=4, class_="track")
    fill = svg.tag("rect", width=width, height=8, rx=min(4.0, width / 2), class_="fill")
    return svg.tag("svg", track, fill, width=64, height=8, class_="share", aria_hidden="true")


def shares(parts: Mapping[str, float]) -> Markup:
    """Return one bar split in proportion to its parts.

    Parameters:
        parts: seconds by name, in order.
    """
    total, x, wide = sum(parts.values()) or 1.0, 0.0, 940.0
    drawn = []
    for index, (name, part) in enumerate(parts.items()):
        width = wide * part / total
        shape = svg.tag("rect", x=x, y=0, width=max(width - 2, 0.5), height=22, rx=3, class_=f"hue-{index % 6}")
        drawn.append(svg.tag("g", svg.tag("title", f"{name}: {svg.duration(part * 1e9)}"), shape))
        x += width
    label = ", ".join(f"{name} {part:.2f} s" for name, part in parts.items())
    return svg.drawing(wide, 22, *drawn, label=label, class_="wide")


def memory(mcu: McuRecord) -> Markup:
    """Return what a microcontroller's firmware fills its RAM with, as one bar: variables, arena and stack.

    Of arena and stack the strong part is the most that was ever used, the pale part what was never touched.
    What the firmware says of itself is cut to what it can have.

    Parameters:
        mcu: with `ram_bytes` for the whole bar.
    """
    arena = min(mcu.arena_bytes, mcu.ram_bytes)
    stack = min(mcu.stack_bytes, mcu.ram_bytes - arena)
    used_arena, used_stack = min(mcu.arena_high_water, arena), min(mcu.stack_high_water, stack)
    parts = [
        ("variables", mcu.ram_bytes - arena - stack, "variables"),
        ("arena in use", used_arena, "arena"),
        ("arena never touched", arena - used_arena, "arena spare"),
        ("stack in use", used_stack, "stack"),
        ("stack never touched", stack - used_stack, "stack spare"),
    ]
    wide, x = 240.0, 0.0
    drawn = []
    for name, part, kind in parts:
        width = wide * part / mcu.ram_bytes if mcu.ram_bytes else 0.0
        if part:
            shape = svg.tag("rect", x=x, y=0, width=width, height=12, class_=kind)
            drawn.append(svg.tag("g", svg.tag("title", f"{name}: {svg.size(part)}"), shape))
        x += width
    label = ", ".join(f"{name} {svg.size(part)}" for name, part, _ in parts if part)
    return svg.drawing(wide, 12, *drawn, label=label or "no memory in use", class_="memory")
