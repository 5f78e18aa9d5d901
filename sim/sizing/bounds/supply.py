"""When a node executes: the supply that its core's schedule guarantees.

A supply is written as the longest time in which some execution time is given, whenever it is asked for: the inverse of
the supply bound function of I. Shin and I. Lee, Periodic resource model for compositional real-time guarantees, RTSS
2003; for windows it is the service curve of a TDMA resource of E. Wandeler and L. Thiele, Optimal TDMA time slot and
cycle length allocation, ASP-DAC 2006. The functions are those by which `sim check` proves deadlines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial
from math import ceil, floor

from sim.scenario.checks.response import Analysis
from sim.scenario.checks.supply import Supply as WindowSupply
from sim.scenario.checks.supply import supply_of
from sim.scenario.model import Scenario
from sim.scenario.schedule import Server
from sim.sizing.bounds.curves import NEVER_NS, Unbounded
from sim.sizing.plan import Node, Plan

Supply = Callable[[int], int | None]
"""Longest time in ns, from any moment on, until an execution time in ns from 1 has been given; None: never."""

_LONG_NS = 10_000_000_000
"""Execution time over which the share of a supply is measured."""


def always(execution_ns: int) -> int:
    """Return the execution time itself: the node has a core of its own."""
    return execution_ns


def supplies_of(scenario: Scenario) -> dict[str, Supply]:
    """Return the supply of each node that does not execute all the time, for `Plan.supplies`.

    Parameters:
        scenario: one that has been checked.

    Returns:
        By partition; each can be pickled. By `dedicated` only those are named whose machine pauses (`sim.host.duty`).
    """
    scheduler, quantum_ns = scenario.host.scheduler, scenario.time.quantum_ns
    guests = scenario.linux_guests
    if scheduler.policy == "arinc653":
        assert scheduler.major_frame_ns is not None, "checked with the scenario"
        frame_ns, switch_ns = scheduler.major_frame_ns, scheduler.context_switch_ns
        preempting = scheduler.doorbell == "preempt"
        windowed = frame_ns, quantum_ns, switch_ns, preempting
        return {
            name: supply_of(name, scheduler.windows, *windowed, guest.duty).response_ns
            for name, guest in guests.items()
        }
    if scheduler.policy == "fixed_priority":
        servers = {name: Server.of(name, guest.schedule) for name, guest in guests.items()}
        analysis = Analysis(tuple(servers.values()), quantum_ns, scheduler.context_switch_ns)
        return {name: partial(analysis.response_ns, server, duty=guests[name].duty) for name, server in servers.items()}
    return {name: pausing(quantum_ns, guest.duty) for name, guest in guests.items() if guest.duty != 1}


def pausing(quantum_ns: int, duty: Fraction) -> Supply:
    """Return the supply of a node that has a core of its own and executes the first part of each quantum only.

    Parameters:
        quantum_ns: distance of boundaries.
        duty: share that it executes.
    """
    return WindowSupply(quantum_ns, ((0, quantum_ns),), quantum_ns, duty=duty).response_ns


class Execution:
    """What a node gets of its core.

    Parameters:
        node: the node.
        plan: that it is of.
    """

    def __init__(self, node: Node, plan: Plan) -> None:
        self._name = node.name
        self._duty, self._quantum_ns = node.duty, plan.quantum_ns
        is_scheduled = node.scheduled and plan.policy is not None and not plan.policy().full
        supplies: Mapping[str, Supply] = plan.supplies
        self._supply = supplies.get(node.name) if is_scheduled or node.duty != 1 else always
        self._known: dict[int, int] = {}

    def time_ns(self, execution_ns: int) -> int:
        """Return the longest time until so much has been executed and the node then acts.

        It acts in the first ns after that, which may be in its next slice.

        Raises:
            Unbounded: the schedule promises nothing.
        """
        if execution_ns not in self._known:
            if self._supply is None:
                raise Unbounded(f"it is not known when {self._name} executes")
            found = self._supply(execution_ns + 1)
            self._known[execution_ns] = NEVER_NS if found is None else found - 1
        if self._known[execution_ns] == NEVER_NS:
            raise Unbounded(f"the schedule promises {self._name} no time on its core")
        return self._known[execution_ns]

    def least_ns(self, execution_ns: int) -> int:
        """Return the least time in which so much is executed.

        A machine that pauses is faster than its partition until then: in a quantum it executes what is worth one, and
        one ns more now and then. Between two quanta lies a pause.
        """
        if self._duty == 1:
            return execution_ns
        most_ns = self._quantum_ns + ceil(1 / self._duty)
        pauses = max(0, -(-execution_ns // most_ns) - 1)
        pause_ns = floor(self._quantum_ns * (1 - self._duty)) - 1
        return max(0, floor(execution_ns * self._duty) - 1 + pauses * max(0, pause_ns))

    def share(self) -> float:
        """Return the share of time that it gets in the long run, not more than a hundredth below the true one.

        Raises:
            Unbounded: the schedule promises nothing.
        """
        return _LONG_NS / self.time_ns(_LONG_NS)
