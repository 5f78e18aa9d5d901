"""Upper bounds by network calculus: what no simulation and no run of the same plan may exceed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sim.sizing.plan import Plan


@dataclass(frozen=True, slots=True)
class RingBound:
    """Attributes: most tensors that a ring of endless depth ever holds, and longest time from published to taken;
    None where there is no bound, and why."""

    backlog: int | None
    delay_ns: int | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of a plan.

    Attributes:
        rings: by name.
        paths_ns: oldest age of a sample at the end of each path; None where there is no bound.
    """

    rings: Mapping[str, RingBound]
    paths_ns: Mapping[str, int | None]


def bounds(plan: Plan) -> Bounds:
    """Return upper bounds of a plan, whatever the depths of its rings."""
    raise NotImplementedError
