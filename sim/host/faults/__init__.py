"""Faults that a scenario asks for: what strikes, when, and what comes of it. A new kind is a line in `KINDS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sim.host.faults import channels, clocks, devices, partitions, services
from sim.host.faults.strike import Scene, Strike
from sim.scenario.faults import Fault, FaultKind

KINDS: Mapping[FaultKind, Callable[[Fault, Scene], Strike]] = {
    "kill": partitions.Kill,
    "hang": partitions.Hang,
    "slow": partitions.Slow,
    "panic": partitions.Panic,
    "reset": partitions.Reset,
    "clock_jump": clocks.ClockJump,
    "crash": services.Crash,
    "consumer_stops": services.stop_consumer,
    "corrupt_descriptor": channels.CorruptDescriptor,
    "corrupt_index": channels.CorruptIndex,
    "corrupt_header": channels.CorruptHeader,
    "lost_doorbell": channels.LostDoorbell,
    "doorbell_storm": channels.DoorbellStorm,
    "sensor_frozen": devices.SensorFrozen,
    "sensor_noise": devices.SensorNoise,
}
"""What plays each kind."""
