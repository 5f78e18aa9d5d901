"""The rings at the ports of a service, in the order in which it looks at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sim.host.legs import Leg
from sim.scenario.firmware import declarations, elf_ports
from sim.scenario.model import LinuxPartition, McuPartition, Scenario
from sim.scenario.services import required_inputs, signature_of


@dataclass(frozen=True, slots=True)
class Ports:
    """Rings of a service.

    Attributes:
        required: of each of which it holds a tensor while it is called; the first tells the origin of what it sends.
        sampled: of which it looks at the newest tensor only.
        outputs: that it sends into.
    """

    required: tuple[str, ...]
    sampled: tuple[str, ...]
    outputs: tuple[str, ...]


def services_of(scenario: Scenario) -> list[tuple[str, str]]:
    """Return (partition, service) of all that a scenario runs, in its order."""
    return [(name, service) for name, partition in scenario.partitions.items() for service in partition.service_names]


def ports_of(scenario: Scenario, legs: Sequence[Leg], partition: str, service: str) -> Ports:
    """Return the rings of a service.

    Parameters:
        scenario: one that was loaded, so that its programs are sound.
        legs: all its rings (`sim.host.legs.legs_of`).
        partition, service: whose.
    """
    described = scenario.partitions[partition]
    assert isinstance(described, (LinuxPartition, McuPartition)), "there are no others"
    taken = scenario.inputs_of(partition, service)
    needed = required_inputs(described, service)
    inputs, outputs = _declared(described, service)
    first: Mapping[str, str] = {leg.channel: leg.name for leg in reversed(legs)}
    sent = scenario.outputs_of(partition, service)
    return Ports(
        tuple(taken[port] for port in needed if port in taken),
        tuple(taken[port] for port in inputs if port in taken and port not in needed),
        tuple(first[channel] for port in outputs for channel in sent.get(port, ())),
    )


def _declared(partition: LinuxPartition | McuPartition, service: str) -> tuple[list[str], list[str]]:
    """Return the input and the output ports of a service in the order of their declaration."""
    if isinstance(partition, LinuxPartition):
        signature = signature_of(partition.services[service].run)
        return list(signature.inputs), list(signature.outputs)
    if partition.firmware is not None:
        found = elf_ports(partition.firmware.path, partition.board, partition.backends)
        ways = [(port.name, port.direction) for port in found]
    else:
        declared = declarations(partition.services[service].source.path).ports
        ways = [(name, port.direction) for name, port in declared.items()]
    return [name for name, way in ways if way == "input"], [name for name, way in ways if way == "output"]
