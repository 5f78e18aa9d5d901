"""The health of partitions drawn: their states over virtual time, and the faults that struck."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from sim.report import svg
from sim.report.record import RunRecord, StateRecord

WIDE, LEFT, RIGHT = 940, 130, 12
ROW, GAP = 18, 12
LETTER = 6.6
"""Width of a letter of a fault's name."""


def eventful(record: RunRecord) -> bool:
    """Tell whether there is anything to say: a partition that was not ready all the time, or a fault."""
    changed = any(len(one.states) > 1 or one.state != "ready" for one in record.partitions.values())
    return changed or bool(record.faults)


def drawing(record: RunRecord) -> Markup:
    """Return a row for each partition, coloured by its state, with a line where each fault struck.

    Parameters:
        record: the run.
    """
    end_ns = record.virtual_time_ns or 1
    struck = sorted((fault.injected_ns, name) for name, fault in record.faults.items() if fault.injected_ns is not None)
    rows, above = _named(struck, end_ns)
    drawn: list[Markup] = []
    for index, (name, partition) in enumerate(record.partitions.items()):
        y = above + index * (ROW + GAP)
        drawn.append(svg.tag("text", svg.fit(name, 17), x=LEFT - 12, y=y + 13, class_="row-name"))
        states: Sequence[StateRecord] = partition.states or [StateRecord(0, "ready")]
        lives = list(zip(states, [*(later.t_ns for later in states[1:]), end_ns], strict=True))
        for one, until in sorted(lives, key=lambda life: life[0].t_ns - life[1]):  # what was short lies on top
            drawn.append(_state(name, one, until, end_ns, y))
    bottom = above + len(record.partitions) * (ROW + GAP)
    for (t_ns, name), row in zip(struck, rows, strict=True):
        drawn += _fault(name, t_ns, end_ns, row, bottom)
    ticks = [end_ns * part // 4 for part in range(5)]
    kinds = {0: "tick-l", end_ns: "tick-y"}
    for t_ns in ticks:
        text = svg.tag("text", svg.duration(t_ns), x=_x(t_ns, end_ns), y=bottom + 8, class_=kinds.get(t_ns, "tick-m"))
        drawn.append(text)
    return svg.drawing(WIDE, bottom + 18, *drawn, label="states of partitions over virtual time", class_="wide health")


def _state(name: str, one: StateRecord, until_ns: int, end_ns: int, y: int) -> Markup:
    left, right = _x(min(one.t_ns, end_ns), end_ns), _x(min(until_ns, end_ns), end_ns)
    why = f": {one.reason}" if one.reason else ""
    lasted = svg.duration(max(0, until_ns - one.t_ns))
    title = svg.tag("title", f"{name} {one.state} from {one.t_ns / 1e9:.6f} s for {lasted}{why}")
    return svg.tag("rect", title, x=left, y=y, width=max(right - left, 1.5), height=ROW, class_=f"state {one.state}")


def _named(struck: Sequence[tuple[int, str]], end_ns: int) -> tuple[list[int], int]:
    """Return a row for the name of each fault, so that names do not run into each other, and the height of all rows."""
    free: list[float] = []
    rows = []
    for t_ns, name in struck:
        begin = _x(t_ns, end_ns)
        begin = min(begin, WIDE - RIGHT - LETTER * len(name))
        row = next((index for index, until in enumerate(free) if until <= begin), len(free))
        free[row : row + 1] = [begin + LETTER * len(name) + 14]
        rows.append(row)
    return rows, 8 + 16 * len(free)


def _fault(name: str, t_ns: int, end_ns: int, row: int, bottom: int) -> list[Markup]:
    x, y = _x(t_ns, end_ns), 8 + 16 * row
    title = svg.tag("title", f"{name} struck at {t_ns / 1e9:.6f} s")
    right = x + 8 + LETTER * len(name) > WIDE - RIGHT
    return [
        svg.tag("path", title, d=f"M{x:.1f} {y - 4}V{bottom - GAP / 2:.1f}", class_="strike"),
        svg.tag("text", name, x=x + (-5 if right else 5), y=y + 6, class_="strike-name",
                text_anchor="end" if right else "start"),
    ]  # fmt: skip


def _x(t_ns: float, end_ns: int) -> float:
    return LEFT + (WIDE - LEFT - RIGHT) * t_ns / end_ns
