"""How long a plan must be simulated until it shows whether its rings fill up for ever.

Where a consumer is slower than its producer, what waits grows as long as the run lasts, and a ring deep enough for a
short run is no answer. Such a plan is simulated for longer: until its rings are full, or nothing grows any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sim.sizing.model.outcome import Outcome
from sim.sizing.plan import Plan
from sim.sizing.search.depths import Depths, Simulate, with_depths

DOUBLINGS = 6
"""Most times that the duration is doubled: 64 times the run."""

GROWTH = 1.5
"""How many times as many tensors must have been held in a run twice as long to call that growth: steady growth makes it
2, and a rare coincidence, which a longer run also shows more of, one tensor more."""


def lasting(plan: Plan, limits: Depths, simulate: Simulate) -> Plan:
    """Return the plan with a duration after which it is known which rings only postpone that they are full.

    Parameters:
        plan: any.
        limits: depths with which it is tried, by channel.
        simulate: the model.
    """
    shorter = with_depths(plan, limits)
    before = simulate(shorter)
    for _ in range(DOUBLINGS):
        longer = replace(shorter, duration_ns=2 * shorter.duration_ns)
        after = simulate(longer)
        if not growing(shorter, before, after):
            break
        shorter, before = longer, after
    return replace(plan, duration_ns=shorter.duration_ns)


def growing(plan: Plan, before: Outcome, after: Outcome) -> tuple[str, ...]:
    """Return the channels of which a ring holds more and more.

    Parameters:
        plan: with the depths of both outcomes.
        before: of a run.
        after: of one twice as long.
    """
    held: Mapping[str, tuple[int, int]] = {
        name: (before.rings[name].occupancy_max, after.rings[name].occupancy_max) for name in plan.rings
    }
    return tuple(dict.fromkeys(ring.channel for name, ring in plan.rings.items() if _grows(*held[name], ring.depth)))


def _grows(before: int, after: int, depth: int) -> bool:
    return after > before + 1 and (after >= GROWTH * before or after == depth)
