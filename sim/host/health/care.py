"""What a scenario says of the health of one partition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sim.scenario.model import LinuxPartition, McuPartition

OnFailure = Literal["stop", "restart", "restart_cold", "fail_run"]


@dataclass(frozen=True)
class Care:
    """How one partition is looked after.

    Attributes:
        on_failure: what is done when it hangs or fails.
        restarts: how often it is started again at most.
        heartbeat_ns: how often its agent is asked; None: never.
        watchdog_ns: it hangs when its agent has not answered for so long.
    """

    on_failure: OnFailure = "stop"
    restarts: int = 0
    heartbeat_ns: int | None = None
    watchdog_ns: int = 0

    @property
    def restarting(self) -> bool:
        """Whether it is started again."""
        return self.on_failure in ("restart", "restart_cold")


def care_for(partition: LinuxPartition | McuPartition, quantum_ns: int) -> Care:
    """Return how a partition is looked after; the watchdog of a microcontroller is its node's own."""
    common = (partition.on_failure, partition.restarts)
    if isinstance(partition, McuPartition) or partition.watchdog_ns is None:
        return Care(*common)
    heartbeat_ns = partition.heartbeat_ns or max(partition.watchdog_ns // 4, quantum_ns)
    return Care(*common, heartbeat_ns, partition.watchdog_ns)
