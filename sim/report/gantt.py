"""The schedule drawn: who had which core when, beside the windows that were configured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from sim.report import svg
from sim.report.record import RunRecord, ScheduleRecord, SliceRecord
from sim.report.topology import hues

WIDE, LEFT, RIGHT = 940, 84, 12
ROW, GAP, TOP = 34, 12, 8
COLUMNS = WIDE - LEFT - RIGHT
FRAMES = 4
"""Major frames that the first drawing shows."""
QUANTA = 80
"""That it shows where there are no major frames; a column of the second drawing has a quarter of them."""
MOST_SLICES = 1200
"""That it draws one by one."""


class Bar(NamedTuple):
    """A partition on a core from one time to another."""

    start_ns: int
    stop_ns: int
    partition: str


def beginning(record: RunRecord) -> Markup | None:
    """Return the first major frames, windows light and execution dark; None where nothing is scheduled.

    Parameters:
        record: with its schedule, and slices of its partitions.
    """
    cores = slices_by_core(record)
    if record.schedule is None or not cores:
        return None
    frame_ns = record.schedule.major_frame_ns
    end_ns = min(FRAMES * frame_ns if frame_ns else QUANTA * record.quantum_ns, record.virtual_time_ns) or 1
    drawn: list[Markup] = []
    colours = hues(record)
    for row, (core, bars) in enumerate(cores.items()):
        y = TOP + row * (ROW + GAP)
        drawn.append(_name(core, y))
        for start_ns, stop_ns, partition in _windows(record.schedule, core, end_ns):
            shown = f"{partition}: window {svg.duration(stop_ns - start_ns)} at {_moment(start_ns)}"
            drawn.append(_rect(start_ns, stop_ns, end_ns, y, ROW, f"window hue-{colours.get(partition, 5)}", shown))
        for start_ns, stop_ns, partition in bars[:MOST_SLICES]:
            if start_ns < end_ns:
                until = min(stop_ns, end_ns)
                shown = f"{partition} on core {core}: {_moment(start_ns)} to {_moment(stop_ns)}"
                kind = f"slice hue-{colours.get(partition, 5)}"
                drawn.append(_rect(start_ns, until, end_ns, y + 6, ROW - 12, kind, shown))
    high = TOP + len(cores) * (ROW + GAP)
    drawn += _frames(frame_ns, end_ns, high)
    drawn += _axis(end_ns, high + 14, frame_ns)
    return svg.drawing(WIDE, high + 24, *drawn, label="who had which core, first major frames", class_="wide gantt")


def whole(record: RunRecord) -> Markup | None:
    """Return the whole run: in each column, whole major frames, the share of its time that each partition had the core.

    Parameters:
        record: with its schedule, and slices of its partitions.
    """
    cores = slices_by_core(record)
    if record.schedule is None or not cores:
        return None
    end_ns = record.virtual_time_ns or 1
    part_ns = record.schedule.major_frame_ns or QUANTA // 4 * max(record.quantum_ns, 1)
    part_ns *= -(-end_ns // (part_ns * COLUMNS))
    columns = -(-end_ns // part_ns)
    colours = hues(record)
    drawn: list[Markup] = []
    for row, (core, bars) in enumerate(cores.items()):
        y = TOP + row * (ROW + GAP)
        drawn += [_name(core, y), svg.tag("rect", x=LEFT, y=y, width=COLUMNS, height=ROW, class_="idle")]
        base = [0.0] * columns
        for partition in dict.fromkeys(bar.partition for bar in bars):
            held = shares([bar for bar in bars if bar.partition == partition], columns * part_ns, columns)
            share = sum(held) * part_ns / end_ns
            shown = svg.tag("title", f"{partition} on core {core}: {100 * share:.1f} % of the run")
            path = svg.tag("path", shown, d=_area(base, held, y), class_=f"slice hue-{colours.get(partition, 5)}")
            drawn.append(path)
            base = [low + part for low, part in zip(base, held, strict=True)]
    high = TOP + len(cores) * (ROW + GAP)
    drawn += _axis(columns * part_ns, high + 14, None)
    return svg.drawing(WIDE, high + 24, *drawn, label="who had which core over the whole run", class_="wide gantt")


def shares(bars: Sequence[Bar], end_ns: int, columns: int) -> list[float]:
    """Return the share of each of `columns` equal parts of [0, end_ns] that bars, which do not overlap, take."""
    held = [0.0] * columns
    for start_ns, stop_ns, _ in bars:
        begin, end = start_ns * columns / end_ns, min(stop_ns, end_ns) * columns / end_ns
        for column in range(int(begin), min(columns, int(end) + 1)):
            held[column] += max(0.0, min(end, column + 1) - max(begin, column))
    return held


def slices_by_core(record: RunRecord) -> Mapping[int, list[Bar]]:
    """Return the slices on each core that anything was scheduled on, ascending."""
    windows = record.schedule.windows if record.schedule else []
    known = {core for one in record.partitions.values() for core in one.cores} | {window.core for window in windows}
    cores: dict[int, list[Bar]] = {core: [] for core in sorted(known)}
    for name, partition in record.partitions.items():
        for one in partition.slices:
            cores.setdefault(one.core, []).append(_bar(name, one))
    return {core: sorted(bars) for core, bars in cores.items()}


def _bar(name: str, one: SliceRecord) -> Bar:
    return Bar(one.start_ns, one.stop_ns, name)


def _windows(schedule: ScheduleRecord, core: int, end_ns: int) -> Iterator[Bar]:
    """Yield the windows of a core up to a time, those of each major frame."""
    frame_ns = schedule.major_frame_ns
    for window in schedule.windows:
        if window.core == core and frame_ns:
            for begin_ns in range(0, end_ns, frame_ns):
                start_ns = begin_ns + window.offset_ns
                if start_ns < end_ns:
                    yield Bar(start_ns, min(start_ns + window.length_ns, end_ns), window.partition)


def _area(base: Sequence[float], held: Sequence[float], y: int) -> str:
    """Return the outline of what lies on top of a base, from left to right and back."""

    def level(column: float, value: float) -> str:
        return f"V{y + ROW * (1 - min(value, 1.0)):.1f}H{LEFT + COLUMNS * column / len(base):.1f}"

    over = "".join(level(column + 1, low + part) for column, (low, part) in enumerate(zip(base, held, strict=True)))
    under = "".join(level(column, low) for column, low in reversed(list(enumerate(base))))
    return f"M{LEFT} {y + ROW}{over}{under}Z"


def _rect(start_ns: int, stop_ns: int, end_ns: int, y: int, height: int, kind: str, shown: str) -> Markup:
    left, right = _x(start_ns, end_ns), _x(stop_ns, end_ns)
    title = svg.tag("title", shown)
    return svg.tag("rect", title, x=left, y=y, width=max(right - left, 0.6), height=height, class_=kind)


def _x(t_ns: int, end_ns: int) -> float:
    return LEFT + COLUMNS * t_ns / end_ns


def _name(core: int, y: int) -> Markup:
    return svg.tag("text", f"core {core}", x=LEFT - 12, y=y + ROW / 2 + 4, class_="row-name")


def _frames(frame_ns: int | None, end_ns: int, high: int) -> list[Markup]:
    """Return a line at the start of each major frame."""
    starts = range(0, end_ns + 1, frame_ns) if frame_ns else ()
    return [svg.tag("path", d=f"M{_x(t_ns, end_ns):.1f} 2V{high}", class_="frame") for t_ns in starts]


def _axis(end_ns: int, y: int, frame_ns: int | None) -> list[Markup]:
    times = range(0, end_ns + 1, frame_ns) if frame_ns else [end_ns * part // 4 for part in range(5)]
    kinds = {0: "tick-l", end_ns: "tick-y"}
    return [
        svg.tag("text", svg.duration(t_ns), x=_x(t_ns, end_ns), y=y, class_=kinds.get(t_ns, "tick-m")) for t_ns in times
    ]


def _moment(t_ns: int) -> str:
    return f"{t_ns / 1e6:.3f} ms"
