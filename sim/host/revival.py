"""Partitions that are started again within a run, and what those before them have left."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from machines.errors import ParticipantFailed
from machines.memory import SharedRegion
from sim.host import linux, microcontrollers
from sim.host.node import Node
from sim.scenario.model import Scenario

if TYPE_CHECKING:
    from sim.host.system import Installation


@dataclass
class Totals:
    """What the earlier lives of a partition have done."""

    grants: int = 0
    instructions: int = 0
    busy_ns: int = 0
    consoles: list[Path] = field(default_factory=list)
    last: Node | None = None


@dataclass
class Revival:
    """Starts partitions again.

    Attributes:
        scenario: what they are part of.
        installed: what they need of this computer.
        regions: memory of the channel ends of each.
        logs: folder for consoles.
        hear: told (partition, message) what agents say.
        hold: ends them when it is closed.
        before: of each partition that was started again, the sum of its earlier lives.
    """

    scenario: Scenario
    installed: Installation
    regions: Mapping[str, list[SharedRegion]]
    logs: Path
    hear: Callable[[str, Mapping[str, Any]], None]
    hold: contextlib.ExitStack
    before: dict[str, Totals] = field(default_factory=lambda: defaultdict(Totals))

    def revive(self, old: Node, at_ns: int, power_on: bool) -> Node:
        """Start a partition again; all others stand still.

        Parameters:
            old: its life that has ended.
            at_ns: time of the run.
            power_on: a Linux guest boots; else it starts from its snapshot. A microcontroller always powers on.

        Raises:
            ParticipantFailed: it does not start.
        """
        self._bury(old)
        try:
            node = self._start(old.name, at_ns, power_on)
        except ParticipantFailed as failure:
            raise within(self.logs.parent, failure) from failure
        self.hold.callback(node.stop)
        return node

    def _start(self, name: str, at_ns: int, power_on: bool) -> Node:
        regions = self.regions[name]
        if name in self.scenario.microcontrollers:
            prepared = self.installed.mcus[name]
            return microcontrollers.revive(self.scenario, name, prepared, regions, self.logs, at_ns, self.hold)
        return linux.revive(self.scenario, name, regions, self.installed.linux, self.logs, at_ns, power_on, self.hear)

    def _bury(self, old: Node) -> None:
        """Add what a life has done to the totals, and put its console aside; once, however often a start fails."""
        totals = self.before[old.name]
        if old is totals.last:
            return
        totals.last = old
        totals.grants += old.grants
        totals.instructions += old.instructions
        totals.busy_ns += old.busy_ns
        console = self._console(old.name)
        if console.is_file():
            aside = console.with_suffix(f".{len(totals.consoles) + 1}.log")
            totals.consoles.append(console.replace(aside))

    def join_consoles(self) -> None:
        """Put what all lives of each partition wrote into one file."""
        for name, totals in self.before.items():
            console = self._console(name)
            last = console.read_bytes() if console.is_file() else b""
            console.write_bytes(b"".join([*(part.read_bytes() for part in totals.consoles), last]))
            for part in totals.consoles:
                part.unlink()

    def _console(self, name: str) -> Path:
        return self.logs / f"{name}.console.log"


def within(folder: Path, failure: ParticipantFailed) -> ParticipantFailed:
    """Return a failure that names files as seen from the run's folder: it reads the same wherever that is."""
    return ParticipantFailed(failure.participant, failure.reason.replace(f"{folder}/", ""))
