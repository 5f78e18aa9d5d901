"""Channel ends: which node has which, and the doorbell vector of each."""

from __future__ import annotations

from typing import NamedTuple

from sim.scenario.model import LinuxPartition, Scenario

_FIRST_VECTOR = 1
"""A Linux guest's vector 0 belongs to its control region; devices count alike."""


class ChannelEnd(NamedTuple):
    """One end of a channel on a node.

    Attributes:
        channel: name of the channel.
        role: `producer` or `consumer`.
        vector: its doorbell.
    """

    channel: str
    role: str
    vector: int


def channel_ends(scenario: Scenario, node: str) -> list[ChannelEnd]:
    """Return the channel ends of a partition or device in the order of their vectors."""
    partition = scenario.partitions.get(node)
    first = _FIRST_VECTOR if partition is None or isinstance(partition, LinuxPartition) else 0
    ends: list[tuple[str, str]] = []
    for name, channel in scenario.channels.items():
        if channel.source.node == node:
            ends.append((name, "producer"))
        if channel.target.node == node:
            ends.append((name, "consumer"))
    return [ChannelEnd(*end, vector) for vector, end in enumerate(ends, first)]


def end_vector(scenario: Scenario, node: str, channel: str, role: str) -> int:
    """Return the doorbell vector of one channel end."""
    return next(end.vector for end in channel_ends(scenario, node) if end[:2] == (channel, role))
