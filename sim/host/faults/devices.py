"""Faults of sensors."""

from __future__ import annotations

from machines.native.distortion import Distortion, Frozen, Noise
from machines.native.participant import SensorDevice
from sim.host.faults.strike import Scene
from sim.scenario.faults import Fault


class _Sensor:
    def __init__(self, fault: Fault, scene: Scene) -> None:
        device = scene.devices[fault.target]
        assert isinstance(device, SensorDevice), "the scenario was checked"
        self._device = device
        self._distortion: Distortion | None = None

    def _distort(self, distortion: Distortion) -> None:
        self._distortion = distortion
        self._device.distortions.append(distortion)

    def end(self, now_ns: int) -> None:
        """Let it see again."""
        assert self._distortion is not None, "it has begun"
        self._device.distortions.remove(self._distortion)


class SensorFrozen(_Sensor):
    """A sensor sends the same sample again and again, with new numbers and times."""

    def begin(self, now_ns: int) -> str:
        """Freeze it."""
        sample = max(self._device.samples - 1, 0)
        self._distort(Frozen(sample))
        return f"it sends sample {sample} again and again"


class SensorNoise(_Sensor):
    """A sensor's samples are noisy."""

    def __init__(self, fault: Fault, scene: Scene) -> None:
        super().__init__(fault, scene)
        self._amplitude, self._seed = fault.amplitude, scene.scenario.seed

    def begin(self, now_ns: int) -> str:
        """Disturb it."""
        self._distort(Noise(self._amplitude, self._seed))
        return f"every value is off by up to {self._amplitude}"
