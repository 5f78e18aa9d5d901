"""The last camera of a plan is copied, with what it alone feeds; what it shares with others takes one more input."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from dataclasses import replace
from fractions import Fraction

from sim.sizing.cameras.draft import Draft, calling, with_inputs, with_outputs
from sim.sizing.plan import Accelerator, Device, Lane, Link, Path, Sensor, Service, Sink


def copy_last(draft: Draft) -> None:
    """Add a copy of the last camera to a draft; what that means, `sim.sizing.cameras` says."""
    _Copy(draft).make()


def next_name(name: str, taken: Container[str]) -> str:
    """Return the name of a copy: the number at the end of the name, before any `@`, counted on until it is free."""
    head, at, tail = name.partition("@")
    match = re.fullmatch(r"(.+)_([1-9][0-9]{0,8})", head)
    base, number = (match[1], int(match[2])) if match else (head, 1)
    while (found := f"{base}_{number + 1}{at}{tail}") in taken:
        number += 1
    return found


class _Copy:
    """One copy of the last camera.

    Attributes:
        rings: name of the copy of each ring that is copied.
        branches: name of the further ring beside each ring that a repeated service needs from elsewhere.
        services: (node, name) of each service that is repeated.
    """

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.camera = draft.cameras[-1]
        self.name = next_name(self.camera.name, {device.name for device in draft.devices} | set(draft.services))
        self.feeding = draft.cameras_of_rings()
        self.rings: dict[str, str] = {}
        self.branches: dict[str, str] = {}
        self.lanes = [lane for link in draft.devices if isinstance(link, Link) for lane in link.lanes]
        self.services: dict[tuple[str, str], None] = {}

    def make(self) -> None:
        """Change the draft."""
        self._choose()
        for node, services in self.draft.services.items():
            taken = {service.name for service in services}
            copies: list[Service] = []
            for number, service in enumerate(services):
                if (node, service.name) in self.services:
                    name = next_name(service.name, taken)
                    taken.add(name)
                    copies.append(replace(self._repeated(service), name=name))
                else:
                    services[number] = self._shared(node, service)
            services += copies
        place = self.draft.devices.index(self.camera)
        self.draft.devices[:] = [self._device(device) for device in self.draft.devices]
        self.draft.devices.insert(place + 1, self._camera())
        for ring, made_of in list(self.draft.made_of.items()):
            if ring in self.rings and made_of in self.rings:
                self.draft.made_of[self.rings[ring]] = self.rings[made_of]
        for path in list(self.draft.paths.values()):
            if path.source == self.camera.name:
                self._add_path(path)

    def _choose(self) -> None:
        """Find what is copied: from the camera on, through links and services that it alone feeds."""
        alone = {self.camera.name}
        waiting = list(self.camera.outputs)
        leaving = {lane.arriving: lane.leaving for lane in self.lanes}
        while waiting:
            ring = waiting.pop(0)
            if ring in self.rings:
                continue
            self.rings[ring] = self._add_ring(ring)
            if ring in leaving:
                waiting.append(leaving[ring])
            for node, service in self.draft.all_services():
                if ring not in calling(service):
                    continue
                if self._cameras(calling(service)) == alone:
                    self.services[node, service.name] = None
                    waiting += service.outputs
                else:
                    waiting += (output for output in service.outputs if self.draft.made_of.get(output) == ring)
        for node, service in self.draft.all_services():
            if (node, service.name) in self.services:
                for ring in service.required:
                    if ring not in self.rings:
                        self._branch(ring)

    def _cameras(self, rings: Iterable[str]) -> frozenset[str]:
        """Return the cameras that feed any of some rings."""
        return frozenset[str]().union(*(self.feeding[ring] for ring in rings))

    def _branch(self, ring: str) -> None:
        """Let the producer of a ring send into a further one as well, also where it is behind a link."""
        self.branches[ring] = self._add_ring(ring)
        for lane in self.lanes:
            if lane.leaving == ring:
                self._branch(lane.arriving)

    def _add_ring(self, ring: str) -> str:
        """Add a ring like another one and return its name."""
        draft, original = self.draft, self.draft.rings[ring]
        name = next_name(ring, draft.rings)
        source = self.name if original.source == self.camera.name else original.source
        draft.rings[name] = replace(original, name=name, source=source)
        draft.ring_origins[name] = draft.ring_origins.get(ring, ring)
        return name

    def _camera(self) -> Sensor:
        outputs = tuple(self.rings[ring] for ring in self.camera.outputs)
        return replace(self.camera, name=self.name, outputs=outputs, seed=self.camera.seed + 1)

    def _copies(self, rings: Iterable[str]) -> tuple[str, ...]:
        """Return the copies of those rings that are copied."""
        return tuple(self.rings[ring] for ring in rings if ring in self.rings)

    def _repeated(self, service: Service) -> Service:
        """Return the copy of a service, but for its name."""
        return replace(
            service,
            required=tuple(self.rings.get(ring) or self.branches[ring] for ring in service.required),
            sampled=self._copies(service.sampled),
            outputs=self._copies(service.outputs),
        )

    def _shared(self, node: str, service: Service) -> Service:
        """Return a service that also takes what is copied for it, and sends what comes of that or others need."""
        further = self.rings | self.branches
        like = tuple(ring for ring in service.outputs if ring in further)
        if like:
            names = service.outputs + tuple(further[ring] for ring in like)
            service = replace(with_outputs(service, service.outputs + like), outputs=names)
        required, sampled = self._copies(service.required), self._copies(service.sampled)
        if required:
            cameras = len(self._cameras(service.required))
            self.draft.lengthen(node, service.name, Fraction(cameras + 1, cameras))
        if required or sampled:
            service = with_inputs(service, service.required + required, service.sampled + sampled)
        return service

    def _device(self, device: Device) -> Device:
        """Return a device that also takes what is copied for it, and sends what others need of it."""
        if isinstance(device, Link):
            return replace(device, lanes=device.lanes + self._further_lanes(device))
        if isinstance(device, (Sink, Accelerator)):
            device = replace(device, inputs=device.inputs + self._copies(device.inputs))
        if isinstance(device, (Sensor, Accelerator)):
            further = tuple(self.branches[ring] for ring in device.outputs if ring in self.branches)
            device = replace(device, outputs=device.outputs + further)
        return device

    def _further_lanes(self, link: Link) -> tuple[Lane, ...]:
        return tuple(
            replace(lane, arriving=names[lane.arriving], leaving=names[lane.leaving])
            for names in (self.rings, self.branches)
            for lane in link.lanes
            if lane.leaving in names
        )

    def _add_path(self, path: Path) -> None:
        paths = self.draft.paths
        start, arrow, end = path.name.partition("->")
        name = f"{self.name}{arrow}{end}" if arrow and start == path.source else next_name(path.name, paths)
        rings = tuple(self.rings.get(ring, ring) for ring in path.rings)
        paths[name] = replace(path, name=name, source=self.name, rings=rings)
        self.draft.path_origins[name] = self.draft.path_origins.get(path.name, path.name)
