"""Faults of services, and of whatever takes tensors."""

from __future__ import annotations

from sim.host.faults.strike import Momentary, Scene, Strike
from sim.scenario.faults import Fault


class Crash(Momentary):
    """The next call of a service raises an exception."""

    def __init__(self, fault: Fault, scene: Scene) -> None:
        self._partition, self._service = fault.target.split(".")
        self._scene = scene

    def begin(self, now_ns: int) -> str:
        """Tell the agent."""
        reason = "crashed by a fault of the scenario"
        order = {"type": "crash", "service": self._service, "reason": reason}
        self._scene.supervisor.tell(self._partition, order)
        return "its next call raises"


class ServiceStops(Momentary):
    """A service takes nothing for a while; it goes on by itself."""

    def __init__(self, fault: Fault, scene: Scene) -> None:
        assert fault.lasts_ns is not None, "the scenario was checked"
        self._partition, self._service = fault.target.split(".")
        self._target, self._lasts_ns = fault.target, fault.lasts_ns
        self._until_ns = 0
        self._scene = scene

    def begin(self, now_ns: int) -> str:
        """Tell the agent."""
        self._until_ns = now_ns + self._lasts_ns
        lasting = (each for each in self._scene.lasting[self._target] if isinstance(each, ServiceStops))
        until_ns = max(each._until_ns for each in lasting)
        order = {"type": "stall", "service": self._service, "until_ns": until_ns}
        self._scene.supervisor.tell(self._partition, order)
        return f"it takes nothing until {until_ns / 1e6:g} ms"


class DeviceStops:
    """A device takes nothing for a while."""

    def __init__(self, fault: Fault, scene: Scene) -> None:
        self._device = scene.devices[fault.target]
        self._scene = scene

    def begin(self, now_ns: int) -> str:
        """Let it stand."""
        self._device.idle(True)
        return "it takes nothing"

    def end(self, now_ns: int) -> None:
        """Let it go on; those who rang it meanwhile do not ring again."""
        if not any(isinstance(each, DeviceStops) for each in self._scene.lasting[self._device.name]):
            self._device.idle(False)
            self._scene.executive.doorbells.wake(self._device.name)


def stop_consumer(fault: Fault, scene: Scene) -> Strike:
    """Return what stops a consumer, of whatever kind it is."""
    return DeviceStops(fault, scene) if fault.target in scene.devices else ServiceStops(fault, scene)
