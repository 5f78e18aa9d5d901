"""What the host may tell an agent while services run: to answer, and to misbehave as a fault of the scenario says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guests.linux.agent.clock import SimulationClock
from guests.linux.agent.control import Control

if TYPE_CHECKING:
    from guests.linux.agent.runtime import Runtime

_SYSRQ = Path("/proc/sysrq-trigger")
"""A `c` written to it crashes the kernel: Linux Documentation/admin-guide/sysrq.rst."""


class Orders:
    """Obeys the host's orders.

    Parameters:
        control: where they come from.
        clock: virtual time.
    """

    def __init__(self, control: Control, clock: SimulationClock) -> None:
        self._control = control
        self._clock = clock

    def attach(self, runtime: Runtime) -> None:
        """Set the runtime whose services the orders are about."""
        self._runtime = runtime

    def obey(self) -> None:
        """Carry out every order that has come."""
        while (content := self._control.receive()) is not None:
            order: dict[str, Any] = json.loads(content)
            getattr(self, f"_{order['type']}")(order)

    def _ping(self, order: dict[str, Any]) -> None:
        """Say that the services' loop still goes round."""
        self._control.send({"type": "alive", "number": order["number"]})

    def _crash(self, order: dict[str, Any]) -> None:
        """Let the next call of a service raise."""
        self._runtime.services[order["service"]].fault = RuntimeError(order["reason"])

    def _stall(self, order: dict[str, Any]) -> None:
        """Let a service take nothing for a while."""
        self._runtime.services[order["service"]].stalled_until_ns = order["until_ns"]

    def _jump(self, order: dict[str, Any]) -> None:
        """Set the clock forward, or back."""
        self._clock.offset_ns -= order["by_ns"]

    def _panic(self, order: dict[str, Any]) -> None:
        """Crash the kernel."""
        _SYSRQ.write_text("c")
