"""Systems that answer by a formula instead of the model: what a search must find in them is known beforehand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from sim.sizing.model.outcome import Outcome, PathOutcome, RingOutcome, Times
from sim.sizing.plan import Path, Plan, Ring
from sim.sizing.search.depths import depths_of
from sim.sizing.target import Target
from sim.sizing.target.requirement import Requirement

MS = 1_000_000
PATH = "camera->display"


@dataclass(frozen=True)
class Answered:
    """What a formula says of some depths; what is left out is 0, and a ring holds one tensor."""

    dropped: Mapping[str, int] = field(default_factory=dict)
    stalls: Mapping[str, int] = field(default_factory=dict)
    held: Mapping[str, int] = field(default_factory=dict)
    age_ns: int = MS
    missing: int = 0
    arrived: int = 100


class System:
    """A plan of channels in a row, and a model of it.

    Parameters:
        payloads: bytes of a tensor, by channel.
        formula: from depths to what comes of them.
        depth: that all have at present.
    """

    def __init__(
        self, payloads: Mapping[str, int], formula: Callable[[Mapping[str, int]], Answered], depth: int = 4
    ) -> None:
        rings = {
            name: Ring(name, name, f"before_{name}", f"after_{name}", size, depth, "drop_oldest")
            for name, size in payloads.items()
        }
        self.plan = Plan("row", MS, 1000 * MS, rings, (), (), {PATH: Path(PATH, "camera", tuple(rings))})
        self.formula, self.asked = formula, 0

    def simulate(self, plan: Plan) -> Outcome:
        """Return what the formula says of the depths of a plan."""
        self.asked += 1
        said = self.formula(depths_of(plan))
        rings = {}
        for name, ring in plan.rings.items():
            levels = np.zeros(ring.depth + 1, np.int64)
            held = min(said.held.get(name, 1), ring.depth)
            dropped, stalls = said.dropped.get(name, 0), said.stalls.get(name, 0)
            rings[name] = RingOutcome(
                100, 100 - dropped, dropped, 0, stalls, held, levels, _times(1, MS), _times(1, MS)
            )
        path = PathOutcome(said.arrived, said.missing, 0, _times(said.arrived, said.age_ns))
        return Outcome(rings, {PATH: path}, {}, 1000, plan.duration_ns, {})

    def target(self, *requirements: Requirement) -> Target:
        """Return a target of these requirements."""
        text = ",".join(each.text for each in requirements)
        return Target(text, requirements, (("camera", "display"),), {PATH: tuple(self.plan.rings)})


NO_DROPS = Requirement("drops=0", "drops", "=", 0.0)


def at_most(ms: float) -> Requirement:
    """Return that the oldest 1 % are younger than so many milliseconds."""
    return Requirement(f"p99({PATH})<{ms:g}ms", "p99", "<", ms * MS, path=PATH)


def _times(count: int, ns: int) -> Times:
    return Times(count, *(ns if count else 0,) * 6)
