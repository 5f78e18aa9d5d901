"""From a scenario and execution times to a plan."""

from __future__ import annotations

from collections.abc import Sequence

from sim.scenario.model import Scenario
from sim.sizing.plan import Plan
from sim.sizing.timing import Timing


def plan_of(scenario: Scenario, timing: Timing, paths: Sequence[tuple[str, str]] = ()) -> Plan:
    """Return what the model simulates of a scenario.

    Parameters:
        scenario: one that was loaded.
        timing: execution times of all its services.
        paths: (sensor, target) to measure besides the scenario's own paths; named `SENSOR->TARGET`.

    Raises:
        SizingError: a service has no timing, or a path does not exist.
    """
    raise NotImplementedError
