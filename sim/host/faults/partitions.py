"""Faults of whole partitions."""

from __future__ import annotations

from fractions import Fraction

from machines.errors import ParticipantFailed
from sim.host.faults.strike import Momentary, Scene
from sim.scenario.faults import Fault


class Kill(Momentary):
    """Its process ends at once, as by SIGKILL."""

    def __init__(self, fault: Fault, scene: Scene) -> None:
        self._name = fault.target
        self._scene = scene

    def begin(self, now_ns: int) -> str:
        """Kill it."""
        self._scene.executive.fail(ParticipantFailed(self._name, "killed by a fault of the scenario"))
        return "killed"


class _Throttle:
    """It executes less, or nothing."""

    def __init__(self, fault: Fault, scene: Scene) -> None:
        self._name = fault.target
        self._scene = scene
        self._share = fault.share or Fraction(0)
        self._life: object = None

    def begin(self, now_ns: int) -> str:
        """Take its time on the processor away."""
        self._life = self._scene.node(self._name)
        self._apply()
        return f"it executes {float(self._share):.0%} of its time"

    def end(self, now_ns: int) -> None:
        """Give it back."""
        self._apply()

    def _apply(self) -> None:
        """Leave it the least that a fault leaves it; none that struck an earlier life of it counts."""
        life = self._scene.node(self._name)
        lasting = (each for each in self._scene.lasting[self._name] if isinstance(each, _Throttle))
        share = min((each._share for each in lasting if each._life is life), default=Fraction(1))
        self._scene.executive.throttle(self._name, share)


class Hang(_Throttle):
    """Its processors execute nothing; its clock goes on."""


class Slow(_Throttle):
    """Its processors execute a share of their time only."""


class Panic(Momentary):
    """The kernel of a Linux guest panics: its agent asks it to, by SysRq."""

    def __init__(self, fault: Fault, scene: Scene) -> None:
        self._name = fault.target
        self._scene = scene

    def begin(self, now_ns: int) -> str:
        """Tell the agent."""
        self._scene.supervisor.tell(self._name, {"type": "panic"})
        return "its kernel is told to panic"


class Reset(Momentary):
    """A microcontroller is reset: its firmware begins anew, whatever its `on_failure` says."""

    def __init__(self, fault: Fault, scene: Scene) -> None:
        self._name = fault.target
        self._scene = scene

    def begin(self, now_ns: int) -> str:
        """Reset it."""
        self._scene.supervisor.reset(self._name, "reset by a fault of the scenario")
        return "reset"
