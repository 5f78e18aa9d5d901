"""What a scenario says of the health of one partition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from machines.participant import NEVER_NS
from sim.scenario.model import LinuxPartition, McuPartition

OnFailure = Literal["stop", "restart", "restart_cold", "fail_run"]

_READY_WITHIN_NS: Mapping[OnFailure, int] = {"restart": 5_000_000_000, "restart_cold": 60_000_000_000}
"""How long a start may take where a scenario does not say: to load services takes milliseconds, to boot seconds."""


@dataclass(frozen=True)
class Care:
    """How one partition is looked after.

    Attributes:
        on_failure: what is done when it hangs or fails.
        restarts: how often it is started again at most.
        heartbeat_ns: how often its agent is asked; None: never.
        watchdog_ns: it hangs when its agent has not answered for so long.
        ready_within_ns: it hangs when its services are not loaded so long after it was started again.
    """

    on_failure: OnFailure = "stop"
    restarts: int = 0
    heartbeat_ns: int | None = None
    watchdog_ns: int = 0
    ready_within_ns: int = NEVER_NS

    @property
    def restarting(self) -> bool:
        """Whether it is started again."""
        return self.on_failure in ("restart", "restart_cold")


def care_for(partition: LinuxPartition | McuPartition, quantum_ns: int) -> Care:
    """Return how a partition is looked after; the watchdog of a microcontroller is its node's own."""
    common = Care(partition.on_failure, partition.restarts)
    if isinstance(partition, McuPartition):
        return common
    common = replace(
        common, ready_within_ns=partition.ready_within_ns or _READY_WITHIN_NS.get(partition.on_failure, NEVER_NS)
    )
    if partition.watchdog_ns is None:
        return common
    heartbeat_ns = partition.heartbeat_ns or max(partition.watchdog_ns // 4, quantum_ns)
    return replace(common, heartbeat_ns=heartbeat_ns, watchdog_ns=partition.watchdog_ns)
