"""A plan in the making: its parts in containers that can be changed, and who feeds whom."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np

from sim.sizing.plan import Accelerator, Device, Link, Plan, Sensor, Service


class Draft:
    """A plan whose parts can be changed.

    Parameters:
        plan: what it starts as.

    Attributes:
        rings, paths: by name.
        services: of each node, in order.
        devices: in order.
        factors: how many times longer than planned a service's calls take, by (node, service); 1 where left out.
        ring_origins, path_origins: the original of each copy.
        made_of: the one input of which an output is made, where a service makes one output of each of several inputs.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.rings, self.paths = dict(plan.rings), dict(plan.paths)
        self.services = {node.name: list(node.services) for node in plan.nodes}
        self.devices: list[Device] = list(plan.devices)
        self.factors: dict[tuple[str, str], Fraction] = {}
        self.ring_origins: dict[str, str] = {}
        self.path_origins: dict[str, str] = {}
        self.made_of = {
            output: ring for _, service in self.all_services() for output, ring in self._pairs(service).items()
        }

    @property
    def cameras(self) -> list[Sensor]:
        """The cameras, in order."""
        return [device for device in self.devices if isinstance(device, Sensor) and device.camera]

    def all_services(self) -> Iterator[tuple[str, Service]]:
        """Yield (node, service) of each service."""
        for node, services in self.services.items():
            for service in services:
                yield node, service

    def lengthen(self, node: str, service: str, factor: Fraction) -> None:
        """Make calls of a service take `factor` times as long."""
        self.factors[node, service] = self.factors.get((node, service), Fraction(1)) * factor

    def plan(self) -> Plan:
        """Return what it has become. A node that has lost all services is none, as in a plan made of a scenario."""
        nodes = tuple(
            replace(node, services=tuple(self._timed(node.name, service) for service in self.services[node.name]))
            for node in self._plan.nodes
            if self.services[node.name] or not node.services
        )
        return replace(self._plan, rings=self.rings, nodes=nodes, devices=tuple(self.devices), paths=self.paths)

    def _timed(self, node: str, service: Service) -> Service:
        factor = self.factors.get((node, service.name), Fraction(1))
        return service if factor == 1 else replace(service, calls=service.calls.scaled(float(factor)))

    def _pairs(self, service: Service) -> dict[str, str]:
        """Return the required input of which each output is made, where a service makes one of each.

        Its outputs are told from others by their names: they differ in a number only, as the inputs do, are as many as
        these, and all have one size.
        """
        inputs = list(self._numbered(service.required).values())
        found: dict[str, str] = {}
        for outputs in self._numbered(service.outputs).values():
            group = next((each for each in inputs if len(each) == len(outputs) > 1), [])
            found.update(zip(outputs, group, strict=False))
        return found

    def _numbered(self, rings: tuple[str, ...]) -> dict[tuple[str, int], list[str]]:
        """Return rings by size and by name without its number."""
        found: dict[tuple[str, int], list[str]] = {}
        for name in rings:
            stem = re.sub(r"_\d+(?=@|$)", "", name)
            found.setdefault((stem, self.rings[name].payload_bytes), []).append(name)
        return found

    def cameras_of_rings(self) -> dict[str, frozenset[str]]:
        """Return the cameras whose samples come into each ring, in whatever form: what calls a service is its input."""
        steps: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
        found: dict[str, frozenset[str]] = dict.fromkeys(self.rings, frozenset())
        for device in self.devices:
            if isinstance(device, Sensor) and device.camera:
                found.update(dict.fromkeys(device.outputs, frozenset({device.name})))
            elif isinstance(device, Accelerator):
                steps.append((device.inputs, device.outputs))
            elif isinstance(device, Link):
                steps += [((lane.arriving,), (lane.leaving,)) for lane in device.lanes]
        for _, service in self.all_services():
            steps += [((self.made_of[output],), (output,)) for output in service.outputs if output in self.made_of]
            others = tuple(output for output in service.outputs if output not in self.made_of)
            steps.append((calling(service), others))
        changed = True
        while changed:
            changed = False
            for inputs, outputs in steps:
                cameras = frozenset[str]().union(*(found[ring] for ring in inputs))
                for ring in outputs:
                    if not cameras <= found[ring]:
                        found[ring] |= cameras
                        changed = True
        return found


def calling(service: Service) -> tuple[str, ...]:
    """Return the rings by which a service is called: the required ones, of one that only samples the sampled ones."""
    return service.required or service.sampled


def with_outputs(service: Service, rings: tuple[str, ...]) -> Service:
    """Return a service that sends into some of its outputs only, or into further ones as into those named.

    Parameters:
        service: as it is.
        rings: of its present outputs, in the new order; a ring that is named twice gives two columns of calls, of
            which the caller names the second.
    """
    columns = [service.outputs.index(ring) for ring in rings]
    offsets = np.ascontiguousarray(service.calls.offsets_ns[:, columns])
    return replace(service, outputs=rings, calls=replace(service.calls, offsets_ns=offsets))


def with_inputs(service: Service, required: tuple[str, ...], sampled: tuple[str, ...]) -> Service:
    """Return a service that takes other inputs, as long as it took before for each."""
    return replace(service, required=required, sampled=sampled, calls=service.calls.for_inputs(len(required)))
