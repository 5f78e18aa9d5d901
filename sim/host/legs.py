"""Legs: the rings that a channel consists of. One that crosses a link has one on each side of it."""

from __future__ import annotations

from dataclasses import dataclass

from sim.host.channel import End
from sim.host.ends import end_vector
from sim.scenario.model import McuPartition, Scenario


@dataclass(frozen=True)
class Leg:
    """One ring.

    Attributes:
        name: that of the channel for the last leg, whose tensors its target takes; `CHANNEL@SENDER` for one before it.
        channel: of the scenario.
        source, target: its ends.
        shown: what a report calls the two ends.
    """

    name: str
    channel: str
    source: End
    target: End
    shown: tuple[str, str]


def link_name(partition: str) -> str:
    """Return what the link of an off-chip partition is called in reports; no scenario can have such a name."""
    return f"{partition}@link"


def has_link(scenario: Scenario, node: str) -> bool:
    """Tell whether a node is an off-chip microcontroller."""
    partition = scenario.partitions.get(node)
    return isinstance(partition, McuPartition) and partition.effective_link is not None


def legs_of(scenario: Scenario) -> list[Leg]:
    """Return every ring of a scenario: one for each channel, and one more for each link that it crosses."""
    legs: list[Leg] = []
    vectors: dict[str, int] = {}
    for name, channel in scenario.channels.items():
        nodes = (channel.source.node, channel.target.node)
        stops = [End(nodes[0], end_vector(scenario, nodes[0], name, "producer"))]
        shown = [str(channel.source)]
        for link in map(link_name, scenario.links_crossed(name)):
            for _ in ("in", "out"):
                vectors[link] = vectors.get(link, 0) + 1
                stops.append(End(link, vectors[link]))
                shown.append(link)
        stops.append(End(nodes[1], end_vector(scenario, nodes[1], name, "consumer")))
        shown.append(str(channel.target))
        for index in range(0, len(stops), 2):
            source, target = stops[index : index + 2]
            last = index + 2 == len(stops)
            leg_name = name if last else f"{name}@{source.participant}"
            legs.append(Leg(leg_name, name, source, target, (shown[index], shown[index + 1])))
    return legs
