"""Depths of a plan's channels, and simulations of one plan with many of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from sim.scenario.checks.resources import MAX_CHANNEL_BYTES
from sim.scenario.model import DEPTHS
from sim.sizing.model.outcome import Outcome
from sim.sizing.plan import Plan
from sim.sizing.target import Target
from sim.sizing.target.verdict import Verdict

Depths = Mapping[str, int]
"""Depth by channel."""

Simulate = Callable[[Plan], Outcome]
"""The model: `sim.sizing.model.simulate`."""

GENEROUS = 64
"""Deepest ring that is tried unless a bound or the scenario says that more may help: two seconds of a camera at 30 fps,
while what is needed to even out a busy service is a few tensors. Who reads a ring that is full at this depth does not
keep up."""


def depths_of(plan: Plan) -> dict[str, int]:
    """Return the depth of each channel, in the order of the plan's rings; over a link, both its rings have it."""
    return {ring.channel: ring.depth for ring in plan.rings.values()}


def with_depths(plan: Plan, depths: Depths) -> Plan:
    """Return the plan with other depths.

    Parameters:
        plan: any.
        depths: new ones; channels that are left out keep theirs.
    """
    rings = {
        name: ring if depths.get(ring.channel, ring.depth) == ring.depth else replace(ring, depth=depths[ring.channel])
        for name, ring in plan.rings.items()
    }
    return replace(plan, rings=rings)


def limits_of(plan: Plan, backlogs: Mapping[str, int | None] | None = None) -> dict[str, int]:
    """Return the deepest ring that is worth a trial, by channel.

    Parameters:
        plan: any.
        backlogs: most tensors that each channel can ever hold, where that is known.
    """
    limits: dict[str, int] = {}
    for ring in plan.rings.values():
        useful = max(GENEROUS, ring.depth, (backlogs or {}).get(ring.channel) or 0)
        limits[ring.channel] = min(
            depth_for(useful),
            max(depth for depth in DEPTHS if depth * ring.payload_bytes <= MAX_CHANNEL_BYTES or depth == 2),
        )
    return limits


def depth_for(tensors: int) -> int:
    """Return the least depth of a ring that holds so many tensors; the greatest there is where none does."""
    return next((depth for depth in DEPTHS if depth >= tensors), DEPTHS[-1])


def refusing(plan: Plan, outcome: Outcome) -> tuple[str, ...]:
    """Return the channels of which a ring was full when a tensor was to go into it, in the order of the plan."""
    full = (ring.channel for name, ring in plan.rings.items() if _refused(outcome, name))
    return tuple(dict.fromkeys(full))


def _refused(outcome: Outcome, ring: str) -> bool:
    found = outcome.rings[ring]
    return bool(found.dropped or found.stalls)


@dataclass(frozen=True, slots=True)
class Trial:
    """A simulation of a plan with some depths.

    Attributes:
        depths: by channel.
        plan: with these.
        outcome: of the model.
        verdicts: of the target.
        excess: by how much the requirements are missed, each as a share of its limit; all 0: the target is met.
        refusing: channels of which a ring was full when it should have taken a tensor.
        full: channels of which a ring was full at some time.
    """

    depths: Depths
    plan: Plan
    outcome: Outcome
    verdicts: tuple[Verdict, ...]
    excess: tuple[float, ...]
    refusing: tuple[str, ...]
    full: frozenset[str]

    @property
    def met(self) -> bool:
        """Whether the whole target is met."""
        return not any(self.excess)

    @property
    def cost(self) -> tuple[int, int, tuple[int, ...]]:
        """Memory, then the sum of all depths, then these: an order of settings without ties."""
        return cost(self.plan)


def cost(plan: Plan) -> tuple[int, int, tuple[int, ...]]:
    """Return what settings are ordered by: memory, the sum of all depths, the depths."""
    depths = tuple(depths_of(plan).values())
    return plan.memory_bytes, sum(depths), depths


class Trials:
    """Simulations of one plan with different depths, none of which is made twice.

    A ring's depth makes itself felt only when the ring is full. A simulation therefore also tells what happens with
    deeper rings wherever it never found one full: such settings are not simulated.

    Parameters:
        plan: whose depths are varied.
        target: what each setting is held against.
        simulate: the model.
    """

    def __init__(self, plan: Plan, target: Target, simulate: Simulate) -> None:
        self.plan, self.target = plan, target
        self.simulated: list[Trial] = []
        self._simulate = simulate
        self._known: dict[tuple[int, ...], Trial] = {}
        self._present = depths_of(plan)

    @property
    def channels(self) -> tuple[str, ...]:
        """All channels, in the order of the plan."""
        return tuple(self._present)

    def at(self, depths: Depths) -> Trial:
        """Return what comes of some depths.

        Parameters:
            depths: by channel; those that are left out are as in the plan.
        """
        whole = {channel: depths.get(channel, depth) for channel, depth in self._present.items()}
        key = tuple(whole.values())
        if key not in self._known:
            plan = with_depths(self.plan, whole)
            covering = self._covering(whole)
            self._known[key] = self._trial(whole, plan, covering.outcome if covering else self._simulate(plan))
            if covering is None:
                self.simulated.append(self._known[key])
        return self._known[key]

    def all(self) -> Iterable[Trial]:
        """Return all trials so far, in the order in which they were asked for."""
        return self._known.values()

    def knows(self, depths: Depths) -> bool:
        """Tell whether a setting of all channels needs no simulation."""
        return tuple(depths.values()) in self._known or self._covering(depths) is not None

    def _trial(self, depths: Depths, plan: Plan, outcome: Outcome) -> Trial:
        verdicts = self.target.verdicts(plan, outcome)
        pairs = zip(self.target.requirements, verdicts, strict=True)
        excess = tuple(requirement.excess(verdict.value) for requirement, verdict in pairs)
        refused = refusing(plan, outcome)
        full = {ring.channel for name, ring in plan.rings.items() if outcome.rings[name].occupancy_max >= ring.depth}
        return Trial(depths, plan, outcome, verdicts, excess, refused, frozenset(full.union(refused)))

    def _covering(self, depths: Depths) -> Trial | None:
        """Return a simulation that differs only by shallower rings which never were full."""
        for trial in self.simulated:
            if all(
                depth == trial.depths[channel] or (depth > trial.depths[channel] and channel not in trial.full)
                for channel, depth in depths.items()
            ):
                return trial
        return None
