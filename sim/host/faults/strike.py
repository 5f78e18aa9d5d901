"""What a fault is while a run goes on, and what it can get at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from machines.native.participant import NativeDevice
from machines.participant import NEVER_NS
from sim.host.channel import Channel
from sim.host.executive import Executive
from sim.host.health.supervisor import Supervisor
from sim.host.node import Node
from sim.scenario.model import Scenario


@dataclass(frozen=True)
class Scene:
    """The run that faults strike.

    Attributes:
        scenario: what is run.
        executive: runs it.
        supervisor: has the partitions as they are now.
        devices: by name.
        channels: by name.
        lasting: by target, the strikes that have begun and not ended: the end of one does not undo another.
    """

    scenario: Scenario
    executive: Executive
    supervisor: Supervisor
    devices: Mapping[str, NativeDevice]
    channels: Mapping[str, Channel]
    lasting: dict[str, list[Strike]] = field(default_factory=lambda: defaultdict(list))

    def node(self, partition: str) -> Node:
        """Return a partition in its present life."""
        return self.supervisor.node(partition)

    def ring(self, channel: str, end: Literal["source", "target"]) -> Channel:
        """Return the ring that an end of a channel writes: one that crosses a link has several, see `sim.host.legs`."""
        first = f"{channel}@{self.scenario.channels[channel].source.node}"
        return self.channels[first if end == "source" and first in self.channels else channel]


class Strike(Protocol):
    """One fault. Both methods are called at boundaries, while everything stands still."""

    def begin(self, now_ns: int) -> str:
        """Let it strike; return what was done, in words."""

    def end(self, now_ns: int) -> None:
        """Take it back, if it lasts for a time only."""


class Momentary:
    """A strike that is over at once."""

    def end(self, now_ns: int) -> None:
        """Nothing is to be taken back."""


NOT_YET = NEVER_NS
"""Time of a fault whose event has not come."""
