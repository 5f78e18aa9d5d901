"""Which fault a change of a partition's health comes from, where several have struck."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sim.scenario.faults import Fault
from sim.scenario.model import Scenario


@dataclass(frozen=True)
class Reach:
    """Whom a fault may harm.

    Attributes:
        struck: the partition that it strikes, or whose service it strikes.
        ends: partitions at the two ends of the channel that it strikes.
        neighbours: partitions that share a channel with the partition or device that it strikes.
    """

    struck: frozenset[str]
    ends: frozenset[str]
    neighbours: frozenset[str]


def reach_of(fault: Fault, scenario: Scenario) -> Reach:
    """Return whom a fault may harm."""
    channels, partitions = scenario.channels, frozenset(scenario.partitions)
    if fault.target in channels:
        ends = {channels[fault.target].source.node, channels[fault.target].target.node}
        return Reach(frozenset(), partitions & ends, frozenset())
    struck = fault.target.split(".")[0]
    pairs = ({each.source.node, each.target.node} for each in channels.values())
    near = {node for pair in pairs if struck in pair for node in pair} - {struck}
    return Reach(partitions & {struck}, frozenset(), partitions & near)


class Struck(Protocol):
    """A fault that has struck.

    Attributes:
        reach: whom it may harm.
        affected: partitions that it has harmed.
        spent: it harms nobody any more, if it has harmed nobody until now.
    """

    reach: Reach
    affected: set[str]
    spent: bool


AnyStruck = TypeVar("AnyStruck", bound=Struck)


def culprit(partition: str, faults: Iterable[AnyStruck]) -> AnyStruck | None:
    """Return the fault that a partition's trouble comes from; None: from something else.

    First come faults that have harmed nobody yet, those of this partition before those of its channels; then one whose
    harm goes on and spreads; then one that has harmed nobody yet and strikes a neighbour. Of equals it is the one that
    struck first.

    Parameters:
        partition: is in trouble.
        faults: that have struck, in this order, and are not healed.
    """
    ranked = [(_rank(partition, fault), fault) for fault in faults]
    possible = [(rank, fault) for rank, fault in ranked if rank is not None]
    return min(possible, key=lambda each: each[0])[1] if possible else None


def _rank(partition: str, fault: Struck) -> int | None:
    reach = fault.reach
    if partition not in reach.struck | reach.ends | reach.neighbours:
        return None
    if fault.affected:
        return 2 if partition in fault.affected else 3
    if fault.spent:
        return None
    return 0 if partition in reach.struck else 1 if partition in reach.ends else 4
