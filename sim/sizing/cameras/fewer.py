"""The last camera of a plan goes, and what only it feeds."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import replace
from fractions import Fraction

from sim.sizing.cameras.draft import Draft, calling, with_inputs, with_outputs
from sim.sizing.plan import Accelerator, Device, Link, Sensor, Service, Sink


def remove_last(draft: Draft) -> None:
    """Remove the last camera of a draft that has several; what that means, `sim.sizing.cameras` says."""
    camera = draft.cameras[-1]
    feeding = {(node, service.name): cameras for node, service, cameras in _feeding(draft) if calling(service)}
    alone = {key for key, cameras in feeding.items() if cameras == {camera.name}}
    gone = _lost_rings(draft, camera, alone)
    for node, services in draft.services.items():
        kept: list[Service] = []
        for service in services:
            if (node, service.name) in alone:
                continue
            before = len(feeding.get((node, service.name), ()))
            if before > 1 and not gone.isdisjoint(service.required):
                draft.lengthen(node, service.name, Fraction(before - 1, before))
            kept.append(_service_without(service, gone))
        services[:] = kept
    devices = (_device_without(device, gone) for device in draft.devices if device is not camera)
    draft.devices[:] = [device for device in devices if device is not None]
    for ring in gone:
        del draft.rings[ring]
        draft.made_of.pop(ring, None)
    for name, path in list(draft.paths.items()):
        if path.source == camera.name or not gone.isdisjoint(path.rings):
            del draft.paths[name]


def _feeding(draft: Draft) -> Iterator[tuple[str, Service, frozenset[str]]]:
    """Yield node, service and the cameras that feed it."""
    rings = draft.cameras_of_rings()
    for node, service in draft.all_services():
        yield node, service, frozenset[str]().union(*(rings[ring] for ring in calling(service)))


def _starved(inputs: tuple[str, ...], gone: set[str]) -> bool:
    """Return whether nothing comes in any more where something did."""
    return bool(inputs) and gone.issuperset(inputs)


def _lost_rings(draft: Draft, camera: Sensor, alone: Container[tuple[str, str]]) -> set[str]:
    """Return the rings that go with a camera and the services that it alone feeds: those without one of their ends."""
    gone = set(camera.outputs)
    for node, service in draft.all_services():
        if (node, service.name) in alone:
            gone.update(service.required, service.sampled, service.outputs)
    size = 0
    while size < len(gone):
        size = len(gone)
        gone.update(output for output, ring in draft.made_of.items() if ring in gone)
        for device in draft.devices:
            if isinstance(device, Accelerator) and _starved(device.inputs, gone):
                gone.update(device.outputs)
            elif isinstance(device, Link):
                for lane in device.lanes:
                    if not gone.isdisjoint((lane.arriving, lane.leaving)):
                        gone.update((lane.arriving, lane.leaving))
    return gone


def _without(rings: tuple[str, ...], gone: set[str]) -> tuple[str, ...]:
    return tuple(ring for ring in rings if ring not in gone)


def _service_without(service: Service, gone: set[str]) -> Service:
    if not gone.isdisjoint(service.outputs):
        service = with_outputs(service, _without(service.outputs, gone))
    if gone.isdisjoint(service.required) and gone.isdisjoint(service.sampled):
        return service
    return with_inputs(service, _without(service.required, gone), _without(service.sampled, gone))


def _device_without(device: Device, gone: set[str]) -> Device | None:
    """Return a device without some rings; None where it has nothing to do any more. A camera stays: it is counted."""
    if isinstance(device, Link):
        lanes = tuple(lane for lane in device.lanes if lane.arriving not in gone)
        return replace(device, lanes=lanes) if lanes else None
    if isinstance(device, Sensor):
        outputs = _without(device.outputs, gone)
        return replace(device, outputs=outputs) if outputs or device.camera else None
    inputs = _without(device.inputs, gone)
    if not inputs:
        return None
    if isinstance(device, Sink):
        return replace(device, inputs=inputs)
    return replace(device, inputs=inputs, outputs=_without(device.outputs, gone))
