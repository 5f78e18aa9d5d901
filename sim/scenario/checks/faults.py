"""Checks of faults: each strikes something that is there, and that such a fault can strike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sim.scenario.checks.context import Context
from sim.scenario.faults import TARGETS, Fault, Target
from sim.scenario.problem import advice
from sim.scenario.units import format_duration

_SENSORS = ("camera", "recording")
_CONSUMERS = ("display", "sink")
_WORDS: dict[Target, str] = {
    "partition": "a partition",
    "guest": "a Linux guest",
    "agent": "a Linux guest that runs services",
    "clock": "a microcontroller, or a Linux guest that runs services",
    "microcontroller": "a microcontroller",
    "service": "a service of a Linux guest (partition.service)",
    "consumer": "a service of a Linux guest (partition.service), a display or a sink",
    "channel": "a channel",
    "sensor": "a camera or a recording",
}


def faults(context: Context) -> None:
    """Targets and events are there, and times within the run."""
    for name, fault in context.scenario.faults.items():
        _check_target(context, name, fault)
        _check_end(context, name, fault)
        _check_event(context, name, fault)
        if fault.event is None and fault.at_ns is not None and fault.at_ns >= context.scenario.time.duration_ns:
            duration = format_duration(context.scenario.time.duration_ns)
            message = f"the run is over by {format_duration(fault.at_ns)}; strike before {duration}"
            context.report(("faults", name, "at"), message)


def _check_target(context: Context, name: str, fault: Fault) -> None:
    wanted = TARGETS[fault.kind]
    possible = frozenset(_targets(context, wanted))
    if fault.target in possible or _not_sound(context, fault.target):
        return
    message = f"{fault.kind} strikes {_WORDS[wanted]}, not '{fault.target}'"
    context.report(("faults", name, "target"), f"{message}; {advice(fault.target, possible, nothing='there is none')}")


def _not_sound(context: Context, target: str) -> bool:
    """Tell whether a target has mistakes of its own, which are told there."""
    node = target.split(".")[0]
    sound = {*context.scenario.partitions, *context.scenario.devices, *context.scenario.channels}
    return node not in sound and node in context.nodes | context.written("channels")


def _targets(context: Context, wanted: Target) -> Iterable[str]:
    """Return everything that a fault of this sort can strike."""
    scenario = context.scenario
    guests = scenario.linux_guests
    services = [f"{name}.{service}" for name, guest in guests.items() for service in guest.services]
    if wanted == "channel":
        return scenario.channels
    if wanted in ("service", "consumer"):
        takers = [name for name, device in scenario.devices.items() if device.kind in _CONSUMERS]
        return services + takers * (wanted == "consumer")
    if wanted == "sensor":
        return [name for name, device in scenario.devices.items() if device.kind in _SENSORS]
    served, mcus = scenario.served_guests, scenario.microcontrollers
    partitions: Mapping[str, Iterable[str]] = {
        "partition": scenario.partitions,
        "guest": guests,
        "agent": served,
        "clock": {**served, **mcus},
        "microcontroller": mcus,
    }
    return partitions[wanted]


def _check_end(context: Context, name: str, fault: Fault) -> None:
    """An index is that of a partition: a device of the host is never started again, so its ring would stay broken."""
    channel = context.scenario.channels.get(fault.target)
    if fault.kind != "corrupt_index" or channel is None:
        return
    ends = {"source": channel.source.node, "target": channel.target.node}
    devices = context.scenario.devices
    if ends[fault.end] in devices:
        other = next((end for end, node in ends.items() if node not in devices), None)
        right = f"write end: {other}" if other else "strike a channel of a partition"
        message = f"corrupt_index strikes what a partition writes, and the {fault.end} of '{fault.target}' is a device"
        context.report(("faults", name, "target"), f"{message}; {right}")


def _check_event(context: Context, name: str, fault: Fault) -> None:
    event = fault.event
    if event is None:
        return
    section = "channels" if event.state is None else "partitions"
    known = context.written(section)
    if event.name not in known:
        message = f"there is no {section[:-1]} '{event.name}'; {advice(event.name, known)}"
        context.report(("faults", name, "when"), message)
