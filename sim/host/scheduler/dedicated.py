"""Every vCPU has a core of its own: whoever has something to do executes."""

from __future__ import annotations

from collections.abc import Mapping

from machines.participant import NEVER_NS, Slice
from sim.host.scheduler.policy import Demand


class Dedicated:
    """Policy without any sharing.

    Parameters:
        quantum_ns: distance of boundaries.
    """

    full = True
    lasts_ns = NEVER_NS

    def __init__(self, quantum_ns: int) -> None:
        self._quantum_ns = quantum_ns

    def decide(self, now_ns: int, demands: Mapping[str, Demand]) -> dict[str, Slice]:
        """Give the whole quantum to everyone who has something to do in it."""
        end_ns = now_ns + self._quantum_ns
        return {name: Slice(now_ns, end_ns) for name, demand in demands.items() if demand.from_ns(now_ns) < end_ns}

    def next_ns(self, now_ns: int, demands: Mapping[str, Demand]) -> int:
        """Return the start of the first quantum in which anyone has something to do."""
        first_ns = min((demand.from_ns(now_ns) for demand in demands.values()), default=NEVER_NS)
        return first_ns if first_ns == NEVER_NS else first_ns // self._quantum_ns * self._quantum_ns

    def account(self, name: str, now_ns: int, executed_ns: int) -> None:
        """Nothing is rationed."""
