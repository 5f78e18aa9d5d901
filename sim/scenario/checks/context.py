"""What the checks share: the scenario, where it is written, and what earlier checks found out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from sim.scenario.model import Scenario
from sim.scenario.partitions import FIRMWARE, McuPartition
from sim.scenario.ports import Endpoint, Port
from sim.scenario.problem import Problem
from sim.scenario.source import Entries, Node, locate
from sim.scenario.types import proper_name

Owner: TypeAlias = "tuple[str, str | None]"
"""A service (partition, service) or a device (device, None)."""


@dataclass
class Context:
    """State of one cross-check.

    Attributes:
        scenario: what to check; sections with mistakes of their own may be missing from it.
        root: the nodes it was made from.
        problems: mistakes so far.
        ports: ports of each service and device; a service that is unusable has none here.
        wrong_tensors: channels whose tensor is not that of their ends.
        ends: complete ends (from, to) of each channel; None where an end is unusable.
    """

    scenario: Scenario
    root: Node
    problems: list[Problem] = field(default_factory=list)
    ports: dict[Owner, Mapping[str, Port]] = field(default_factory=dict)
    wrong_tensors: set[str] = field(default_factory=set)
    ends: dict[str, tuple[Endpoint | None, Endpoint | None]] = field(default_factory=dict)

    def report(self, path: Iterable[str | int], message: str, *, key: bool = False) -> None:
        """Note a mistake.

        Parameters:
            path: where it is, from the root.
            message: what is wrong; what would be right.
            key: point at the last key and not at its value.
        """
        self.problems.append(Problem(*locate(self.root, tuple(path), key=key), message))

    def line(self, *path: str | int) -> str:
        """Return where something is, for use within a message."""
        position = locate(self.root, path, key=True)
        return f"line {position.line}" if position.line else position.file

    def place(self, node: str, service: str | None = None) -> tuple[str, ...]:
        """Return the path of a service, of the ELF file that takes its place, or of a device."""
        if service is None:
            return ("devices", node)
        partition = self.scenario.partitions[node]
        if isinstance(partition, McuPartition) and partition.firmware is not None:
            return ("partitions", node, FIRMWARE)
        return ("partitions", node, "services", service)

    def written(self, section: str) -> frozenset[str]:
        """Return the names that the file has in a section, usable or not: a mistake is reported once, at its cause.

        A name that breaks the rules for names stands for the proper one as well.
        """
        node = self.root.entries.get(section) if isinstance(self.root, Entries) else None
        names = node.entries if isinstance(node, Entries) else ()
        return frozenset(names) | frozenset(map(proper_name, names))

    @property
    def nodes(self) -> frozenset[str]:
        """Names of all partitions and devices in the file."""
        return self.written("partitions") | self.written("devices")
