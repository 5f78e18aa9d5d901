"""A requirement: one comparison of a target, and what an outcome of the model says to it."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from sim.report import svg
from sim.sizing.model.outcome import Outcome, RingOutcome, Times
from sim.sizing.plan import Plan
from sim.sizing.target.verdict import Verdict

Unit = Literal["ns", "bytes", ""]

PERCENTILES: Mapping[str, str] = {
    "p50": "p50_ns", "p95": "p95_ns", "p99": "p99_ns", "p99.9": "p99_9_ns", "max": "max_ns",
}  # fmt: skip
"""Figures of a time, and the field of `Times` that each is."""

UNITS: Mapping[str, Unit] = {
    "drops": "", "stalls": "", "occupancy": "", "missing": "", "memory": "bytes", **dict.fromkeys(PERCENTILES, "ns"),
}  # fmt: skip
"""Every figure that a target may have, with its unit."""

NO_BREAK = "\N{NO-BREAK SPACE}"

COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "==": operator.eq, "=": operator.eq, "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
"""What an operator means; a longer one stands before those that it begins with."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One comparison of a target.

    Attributes:
        text: as written.
        figure: one of `UNITS`.
        operator: one of `COMPARISONS`.
        limit: in the unit of the figure.
        channel: whose figure it is; empty: of a path or of the whole.
        path: name of the path in a plan; empty: of a channel or of the whole.
        copies: paths of further cameras that are held to the same limit.
    """

    text: str
    figure: str
    operator: str
    limit: float
    channel: str = ""
    path: str = ""
    copies: tuple[str, ...] = ()

    @property
    def unit(self) -> Unit:
        """Unit of value and limit."""
        return UNITS[self.figure]

    @property
    def subject(self) -> str:
        """The figure without its comparison: `p99(front_camera->display)`."""
        of = self.path or self.channel
        return f"{self.figure}({of})" if of else self.figure

    @property
    def wants_less(self) -> bool:
        """Whether a smaller value is a better one."""
        return self.operator not in (">", ">=")

    def value(self, plan: Plan, outcome: Outcome) -> float:
        """Return the figure; not a number where nothing arrived whose time could be told.

        Parameters:
            plan: what was simulated.
            outcome: what came of it.
        """
        if self.figure in PERCENTILES:
            found = [
                getattr(each, PERCENTILES[self.figure]) if each.count else math.nan
                for each in self._times(plan, outcome)
            ]
            return math.nan if any(map(math.isnan, found)) else float(max(found))
        if self.figure == "missing":
            return float(sum(outcome.paths[path].missing for path in (self.path, *self.copies)))
        if self.figure == "memory":
            return float(sum(plan.rings[name].layout.mapping_bytes for name in self._names(plan)))
        rings = list(self._rings(plan, outcome))
        if self.figure == "occupancy":
            return float(max(ring.occupancy_max for ring in rings))
        return float(sum(ring.dropped if self.figure == "drops" else ring.stalls for ring in rings))

    def verdict(self, plan: Plan, outcome: Outcome) -> Verdict:
        """Return what comes of it; parameters as of `value`."""
        value = self.value(plan, outcome)
        return Verdict(self.text, value, self.limit, self.unit, COMPARISONS[self.operator](value, self.limit))

    def excess(self, value: float) -> float:
        """Return how far a value is from meeting it, as a share of the limit; 0: it is met, infinite: nothing arrived.

        Parameters:
            value: of the figure.
        """
        if COMPARISONS[self.operator](value, self.limit):
            return 0.0
        if math.isnan(value):
            return math.inf
        # a value that is equal to a limit that it must not reach is off by less than any other
        return max(abs(value - self.limit), 0.5) / max(abs(self.limit), 1.0)

    def _times(self, plan: Plan, outcome: Outcome) -> list[Times]:
        """Return the times that are held against the limit; of a channel over a link, those of its last ring."""
        if self.path:
            return [outcome.paths[path].age for path in (self.path, *self.copies)]
        return [outcome.rings[name].latency for name in self._names(plan) if "@" not in name]

    def _names(self, plan: Plan) -> Iterator[str]:
        return (name for name, ring in plan.rings.items() if self.channel in ("", ring.channel))

    def _rings(self, plan: Plan, outcome: Outcome) -> Iterator[RingOutcome]:
        return (outcome.rings[name] for name in self._names(plan))


def in_words(value: float, unit: str) -> str:
    """Return a figure as a person reads it: `14.2 ms`, `2 MiB`, `12`.

    Parameters:
        value: in `unit`.
        unit: `ns`, `bytes` or nothing.
    """
    if math.isnan(value):
        return "not known, as nothing arrives"
    if not unit:
        return f"{value:,.0f}"
    said = svg.duration(value) if unit == "ns" else svg.size(value)
    return said.replace(NO_BREAK, " ")
