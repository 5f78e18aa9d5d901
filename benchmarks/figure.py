"""Figures, what they are held against, and the table that shows both."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    Attributes:
        name: what was measured.
        samples: one per round, in `unit`; the figure is their median.
        unit: such as "s" or "MB".
        against: the target or rival in words, empty where there is none.
        bound: its value in `unit`, None where there is none.
        at_least: the figure should reach the bound; else it should stay below.
        cpu_s: processor seconds (user and system, all processes) of the same rounds, where they were taken.
    """

    name: str
    samples: Sequence[float]
    unit: str
    against: str = ""
    bound: float | None = None
    at_least: bool = False
    cpu_s: Sequence[float] = field(default=())

    @property
    def value(self) -> float:
        """The median of all rounds."""
        return statistics.median(self.samples)

    @property
    def ratio(self) -> float | None:
        """The figure over its bound."""
        return None if self.bound is None else self.value / self.bound

    @property
    def met(self) -> bool | None:
        """Whether the figure is on the right side of its bound; None where there is none."""
        if self.bound is None:
            return None
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def cells(self) -> tuple[str, ...]:
        """Return the row of a table, in the order of `_HEADINGS`."""
        low, high = min(self.samples), max(self.samples)
        bound = "" if self.bound is None else f"{'>=' if self.at_least else '<='} {number(self.bound)} {self.unit}"
        return (
            self.name,
            f"{number(self.value)} {self.unit}",
            f"{number(low)} .. {number(high)}" if len(self.samples) > 1 else "",
            f"{statistics.median(self.cpu_s):.2f} s" if self.cpu_s else "",
            " ".join(filter(None, (self.against, bound))),
            "" if self.ratio is None else f"{self.ratio:.2f}",
            {None: "", True: "yes", False: "NO"}[self.met],
        )


_HEADINGS = ("figure", "measured", "all rounds", "CPU", "target or rival", "ratio", "met")


def number(value: float) -> str:
    """Return a number with three digits that count, and thousands apart."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(figures: Sequence[Figure]) -> str:
    """Return figures as aligned plain text."""
    rows = [_HEADINGS, *(figure.cells() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def conditions(rounds: int) -> str:
    """Return under which conditions figures are taken, as one line."""
    from machines.qemu.binary import find

    cores, load = len(os.sched_getaffinity(0)), ", ".join(f"{each:.1f}" for each in os.getloadavg())
    qemu = ".".join(map(str, find().version))
    return (
        f"medians of {rounds} rounds; {cores} cores ({_processor()}), load average {load}; "
        f"QEMU {qemu}, Python {platform.python_version()}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return " ".join(line.partition(":")[2].split())
    return platform.machine()
