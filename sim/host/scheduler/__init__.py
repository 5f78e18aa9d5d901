"""Scheduling policies: which partition executes on which core of the host when.

A new policy is a file here, a line in `POLICIES`, and its name in `sim.scenario.schedule.Scheduler`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from sim.host.scheduler import arinc653, dedicated, fixed_priority
from sim.host.scheduler.policy import Demand as Demand
from sim.host.scheduler.policy import Lasting as Lasting
from sim.host.scheduler.policy import Policy as Policy
from sim.scenario.model import LinuxPartition, Scenario
from sim.scenario.schedule import Server


def _dedicated(scenario: Scenario) -> Policy:
    return dedicated.Dedicated(scenario.time.quantum_ns)


def _arinc653(scenario: Scenario) -> Policy:
    scheduler = scenario.host.scheduler
    assert scheduler.major_frame_ns is not None, "checked with the scenario"
    return arinc653.Arinc653(
        scenario.time.quantum_ns,
        scheduler.major_frame_ns,
        scheduler.windows,
        scheduler.context_switch_ns,
        scheduler.doorbell == "preempt",
    )


def _fixed_priority(scenario: Scenario) -> Policy:
    servers = [Server.of(name, guest.schedule) for name, guest in scenario.linux_guests.items()]
    return fixed_priority.FixedPriority(scenario.time.quantum_ns, servers, scenario.host.scheduler.context_switch_ns)


POLICIES: Mapping[str, Callable[[Scenario], Policy]] = {
    "dedicated": _dedicated,
    "arinc653": _arinc653,
    "fixed_priority": _fixed_priority,
}
"""By the name that a scenario has for it."""


def make_policy(scenario: Scenario) -> Policy:
    """Return the policy of a scenario that has been checked."""
    return POLICIES[scenario.host.scheduler.policy](scenario)


def cores_of(scenario: Scenario, name: str) -> tuple[int, ...]:
    """Return the cores of the host on which a partition executes, one for each vCPU; none for a microcontroller."""
    partition = scenario.partitions[name]
    if not isinstance(partition, LinuxPartition):
        return ()
    policy = scenario.host.scheduler.policy
    if policy == "arinc653":
        return tuple(sorted({each.core for each in scenario.host.scheduler.windows if each.partition == name}))
    if policy == "fixed_priority":
        return scenario.linux_guests[name].schedule.cores or ()
    guests = list(scenario.linux_guests.items())
    before = sum(guest.vcpus for _, guest in guests[: [each for each, _ in guests].index(name)])
    return tuple(range(before, before + partition.vcpus))


def configured_share(scenario: Scenario, name: str) -> Fraction | None:
    """Return the share of time for which the schedule promises a partition its cores; None where it promises nothing.

    Parameters:
        scenario: one that has been checked.
        name: of a partition.
    """
    partition = scenario.partitions[name]
    if not isinstance(partition, LinuxPartition):
        return None
    scheduler = scenario.host.scheduler
    if scheduler.policy == "arinc653":
        first = cores_of(scenario, name)[0]
        own = [each.length_ns for each in scheduler.windows if (each.partition, each.core) == (name, first)]
        return Fraction(sum(own), scheduler.major_frame_ns or 1)
    if scheduler.policy == "fixed_priority":
        asked = scenario.linux_guests[name].schedule
        return None if asked.budget_ns is None or not asked.period_ns else Fraction(asked.budget_ns, asked.period_ns)
    return Fraction(1)
