"""From a scenario and execution times to a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from machines.native.link_timing import KINDS, LinkTiming
from sim.host.ends import channel_ends
from sim.host.legs import Leg, has_link, legs_of, link_name
from sim.host.scheduler import Policy, make_policy
from sim.scenario.model import LinuxPartition, McuPartition, Scenario
from sim.scenario.units import NS_PER_S
from sim.sizing.bounds.supply import supplies_of
from sim.sizing.errors import SizingError
from sim.sizing.plan import LONGEST_NS, Accelerator, Calls, Device, Lane, Link, Node, Plan, Ring, Sensor, Service, Sink
from sim.sizing.plan.paths import paths_of
from sim.sizing.plan.ports import Ports, ports_of
from sim.sizing.timing import NodeTiming, ServiceTiming, Timing


def plan_of(scenario: Scenario, timing: Timing, paths: Sequence[tuple[str, str]] = ()) -> Plan:
    """Return what the model simulates of a scenario.

    Parameters:
        scenario: one that was loaded.
        timing: execution times of all its services.
        paths: (sensor, target) to measure besides the scenario's own paths; named `SENSOR->TARGET`.

    Raises:
        SizingError: a service has no timing, or a path does not exist.
    """
    legs = legs_of(scenario)
    policy = _policy(scenario)
    modelled = {name: each for name, each in scenario.partitions.items() if each.service_names}
    return Plan(
        scenario=scenario.name,
        quantum_ns=scenario.time.quantum_ns,
        duration_ns=scenario.time.duration_ns,
        rings={leg.name: _ring(scenario, leg, timing) for leg in legs},
        nodes=tuple(_node(scenario, legs, name, timing, policy is not None) for name in modelled),
        devices=(*(_device(scenario, name) for name in scenario.devices), *_links(scenario, legs)),
        paths=paths_of(scenario, legs, paths),
        policy=policy,
        supplies=supplies_of(scenario),
    )


def left_out(scenario: Scenario) -> tuple[str, ...]:
    """Return what of a scenario the model does not know, for the reader."""
    notes = [
        f"{name} runs software of its own, which the model leaves out"
        for name, guest in scenario.linux_guests.items()
        if guest.boot is not None
    ]
    for name, partition in scenario.microcontrollers.items():
        fed = [service for service in partition.service_names if scenario.inputs_of(name, service)]
        if not fed:
            notes.append(f"{name} takes nothing: what it sends by its timer is left out")
    if scenario.faults:
        notes.append(f"faults of the scenario are left out: {', '.join(scenario.faults)}")
    return tuple(notes)


def _policy(scenario: Scenario) -> Callable[[], Policy] | None:
    """Return what makes the policy of a run; None where every partition always executes."""
    if not scenario.linux_guests or make_policy(scenario).full:
        return None
    return lambda: make_policy(scenario)


def _ring(scenario: Scenario, leg: Leg, timing: Timing) -> Ring:
    channel = scenario.channels[leg.channel]
    return Ring(
        name=leg.name,
        channel=leg.channel,
        source=leg.source.participant,
        target=leg.target.participant,
        payload_bytes=channel.payload_bytes,
        depth=channel.depth,
        overflow=channel.overflow,
        open_ns=timing.opened_ns.get(leg.name, 0),
    )


# -- nodes -------------------------------------------------------------------------------------------------------------


def _node(scenario: Scenario, legs: Sequence[Leg], name: str, timing: Timing, policed: bool) -> Node:
    partition = scenario.partitions[name]
    keeps = isinstance(partition, McuPartition)
    own = timing.nodes.get(name, NodeTiming())
    services = []
    for service in partition.service_names:
        ports = ports_of(scenario, legs, name, service)
        if not ports.required and not ports.sampled:
            continue  # nothing ever calls it
        timed = _timed(timing, f"{name}.{service}")
        calls = _calls(f"{name}.{service}", ports, timed, own.look_ns)
        services.append(Service(service, ports.required, ports.sampled, ports.outputs, calls, timed.gap_ns, keeps))
    scheduled = policed and isinstance(partition, LinuxPartition)
    duty = partition.duty if isinstance(partition, LinuxPartition) else Fraction(1)
    return Node(name, tuple(services), own.look_ns, scheduled, own.bell_ns, duty)


def _timed(timing: Timing, name: str) -> ServiceTiming:
    found = timing.services.get(name)
    if found is None:
        raise SizingError(f"no execution time of {name}; measure it by a run, or write `time:` at the service")
    if not found.hold_ns:
        raise SizingError(f"{name} was never called where times were measured; run longer, or write `time:` at it")
    return found


def _calls(name: str, ports: Ports, timed: ServiceTiming, look_ns: int) -> Calls:
    """Return the times of a service with columns in the order of its outputs.

    Parameters:
        name: of the service, for messages.
        ports: its rings.
        timed: its times.
        look_ns: from a doorbell to looking at the partition's first service.
    """
    unknown = [ring for ring in ports.outputs if ring not in timed.outputs]
    if unknown:
        raise SizingError(f"{name} was measured without output {unknown[0]}; run the scenario anew")
    columns = [timed.outputs.index(ring) for ring in ports.outputs]
    offsets = np.array(timed.offsets_ns, np.int64).reshape(len(timed.hold_ns), len(timed.outputs))
    hold = np.array(timed.hold_ns, np.int64)
    rest = np.array(timed.rest_ns, np.int64) if timed.rest_ns else None
    return Calls(hold, np.ascontiguousarray(offsets[:, columns]), _takes(name, ports, timed, look_ns), rest)


def _takes(name: str, ports: Ports, timed: ServiceTiming, look_ns: int) -> NDArray[np.int64] | None:
    """Return the time to each input of each call, int64[calls, required]; None: it takes none."""
    if not timed.wake_ns or not ports.required:
        return None
    take = np.zeros((len(timed.hold_ns), len(ports.required)), np.int64)
    take[:, 0] = np.maximum(np.array(timed.wake_ns, np.int64) - look_ns, 0)
    if timed.fetch_ns:
        fetch = np.array(timed.fetch_ns, np.int64)
        if fetch.shape[1] != len(ports.required) - 1:
            raise SizingError(f"{name} was measured with {fetch.shape[1] + 1} inputs; run the scenario anew")
        take[:, 1:] = fetch
    return take


# -- devices -----------------------------------------------------------------------------------------------------------


def _camera(scenario: Scenario, name: str, device: Any, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> Device:
    rate = Fraction(device.rate_fps).limit_denominator(1001)  # as machines.native.camera
    own = getattr(device, "seed", None)
    seed = scenario.seed if own is None else own
    return Sensor(name, NS_PER_S / rate, outputs, device.jitter_ns, seed, device.count, camera=True)


def _recording(scenario: Scenario, name: str, device: Any, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> Device:
    return Sensor(name, NS_PER_S / Fraction(device.rate_hz), outputs, count=device.samples, waits=True)


def _sink(scenario: Scenario, name: str, device: Any, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> Device:
    return Sink(name, inputs)


def _accelerator(
    scenario: Scenario, name: str, device: Any, inputs: tuple[str, ...], outputs: tuple[str, ...]
) -> Device:
    return Accelerator(name, inputs, outputs, device.job.total_ns)


MODELLED: Mapping[str, Callable[[Scenario, str, Any, tuple[str, ...], tuple[str, ...]], Device]] = {
    "accelerator": _accelerator,
    "camera": _camera,
    "display": _sink,
    "recording": _recording,
    "sink": _sink,
}
"""What each kind of device is to the model: made of scenario, name, description, and its rings in and out."""


def _device(scenario: Scenario, name: str) -> Device:
    device = scenario.devices[name]
    if device.kind not in MODELLED:
        raise SizingError(f"{name}: the model knows no device of kind {device.kind}; it knows {', '.join(MODELLED)}")
    ends = channel_ends(scenario, name)
    inputs = tuple(end.channel for end in ends if end.role == "consumer")
    outputs = tuple(end.channel for end in ends if end.role == "producer")
    return MODELLED[device.kind](scenario, name, device, inputs, outputs)


def _links(scenario: Scenario, legs: Sequence[Leg]) -> list[Link]:
    links = []
    for partition in filter(lambda name: has_link(scenario, name), scenario.partitions):
        described = scenario.partitions[partition]
        assert isinstance(described, McuPartition) and described.effective_link is not None
        wire = described.effective_link
        timing = LinkTiming(KINDS[wire.kind], wire.rate, wire.latency_ns, wire.mtu_bytes)
        name = link_name(partition)
        lanes = []
        for arriving, leaving in pairwise(legs):
            if arriving.target.participant == name:
                channel = scenario.channels[arriving.channel]
                sent = channel.source.node == partition
                wire_ns = timing.wire_ns(channel.payload_bytes)
                lanes.append(Lane(arriving.name, leaving.name, "sent" if sent else "received", wire_ns))
        if lanes:
            latency_ns = min(wire.latency_ns, LONGEST_NS)
            links.append(Link(name, tuple(lanes), latency_ns, timing.kind.full_duplex))
    return links
