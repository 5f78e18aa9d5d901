"""The model: simulates a plan, boundary by boundary as the executive does it, without running anything."""

from __future__ import annotations

from sim.sizing.outcome import Outcome
from sim.sizing.plan import Plan


def simulate(plan: Plan, steps: int = 0) -> Outcome:
    """Simulate a plan from time 0 to its end.

    Parameters:
        plan: what to simulate.
        steps: into how many steps the occupancy over time is cut; 0: not kept.
    """
    raise NotImplementedError
