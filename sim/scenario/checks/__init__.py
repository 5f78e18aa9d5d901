"""Checks of what a single section cannot know. A new check is one function and one line in `CHECKS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sim.scenario.checks import (
    boot,
    faults,
    firmware,
    health,
    outcomes,
    programs,
    realtime,
    resources,
    schedule,
    wiring,
)
from sim.scenario.checks.context import Context
from sim.scenario.model import Scenario
from sim.scenario.problem import Problem
from sim.scenario.source import Node

CHECKS: tuple[Callable[[Context], None], ...] = (
    resources.names,
    resources.time,
    resources.speeds,
    resources.memory,
    schedule.schedule,
    health.health,
    realtime.realtime,
    boot.boot,
    boot.debuggers,
    firmware.machines,
    programs.services,  # finds the ports of services,
    firmware.programs,  # of microcontrollers,
    programs.devices,  # and of devices,
    wiring.ends,  # for the ends of channels,
    wiring.tensors,  # which these need
    wiring.sharing,
    wiring.open_inputs,
    wiring.counts,
    firmware.loops,
    firmware.windows,
    wiring.cycles,
    faults.faults,
    outcomes.metrics,
    outcomes.paths,
    outcomes.expectations,
)
"""All checks, in this order: some use what earlier ones found out."""


def cross_check(scenario: Scenario, root: Node) -> tuple[Scenario, list[Problem]]:
    """Check a scenario as a whole.

    Parameters:
        scenario: with every section valid by itself.
        root: the nodes it was made from; may have sections that are not in `scenario` because of their own mistakes.

    Returns:
        The scenario with the ends of all channels complete, and every mistake; the first is of use without the second.
    """
    context = Context(scenario, root)
    for check in CHECKS:
        check(context)
    channels: Mapping[str, object] = {
        name: channel.model_copy(update=dict(zip(("source", "target"), context.ends[name], strict=True)))
        for name, channel in scenario.channels.items()
    }
    return scenario.model_copy(update={"channels": channels}), context.problems
