"""From a plan to the engine's structures."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.sizing.model.engine import interface as c
from sim.sizing.model.engine.policy import Scheduling
from sim.sizing.plan import Accelerator, Device, Lane, Link, Node, Plan, Sensor, Service, Sink


class Lowered:
    """A plan as the engine takes it.

    Parameters:
        plan: what is simulated.
        step_ns: of the occupancy over time; 0: none.

    Attributes:
        structure: for `sz_simulate`.
        scheduling: asks the policy; None where there is none.
    """

    def __init__(self, plan: Plan, step_ns: int) -> None:
        self._kept: list[Any] = []  # what the structures point to
        self._rings = {name: number for number, name in enumerate(plan.rings)}
        nodes, devices = [each.name for each in plan.nodes], [each.name for each in plan.devices]
        self._devices = {name: number for number, name in enumerate(devices)}
        numbers = {name: number for number, name in enumerate(nodes + devices)}
        self.scheduling = Scheduling(plan.policy(), plan.nodes) if plan.policy is not None else None
        self.structure = c.PlanStructure(
            plan.quantum_ns,
            plan.duration_ns,
            self._array(
                c.RingPlan,
                (
                    (numbers[r.source], numbers[r.target], r.depth, c.OVERFLOWS[r.overflow], r.open_ns)
                    for r in plan.rings.values()
                ),
            ),
            self._array(c.NodePlan, map(self._node, plan.nodes)),
            self._array(c.DevicePlan, map(self._device, plan.devices)),
            self._array(c.PathPlan, self._paths(plan)),
            ctypes.pointer(self.scheduling.structure) if self.scheduling else None,
            len(plan.rings),
            len(plan.nodes),
            len(plan.devices),
            len(plan.paths),
            step_ns,
        )

    def _array(self, kind: Any, rows: Iterable[tuple[Any, ...]]) -> Any:
        found = list(rows)
        array = (kind * len(found))(*found)
        self._kept.append(array)
        return array

    def _numbers(self, rings: Sequence[str]) -> Any:
        array = (ctypes.c_int32 * len(rings))(*(self._rings[name] for name in rings))
        self._kept.append(array)
        return array

    def _pointer(self, values: NDArray[np.int64]) -> Any:
        values = np.ascontiguousarray(values, np.int64)
        self._kept.append(values)
        return ctypes.cast(values.ctypes.data, c.Ints64)

    def _node(self, node: Node) -> tuple[Any, ...]:
        services = self._array(c.ServicePlan, map(self._service, node.services))
        duty = node.duty.numerator, node.duty.denominator
        return services, len(node.services), node.scheduled, node.wake_ns, node.bell_ns, *duty

    def _service(self, service: Service) -> tuple[Any, ...]:
        rings = (self._numbers(names) for names in (service.required, service.sampled, service.outputs))
        calls = service.calls
        shape = len(calls.hold_ns), len(service.required)
        take_ns = np.zeros(shape, np.int64) if calls.take_ns is None else calls.take_ns
        if take_ns.shape != shape or calls.offsets_ns.shape != (shape[0], len(service.outputs)):
            raise ValueError(f"{service.name}: times of calls are not those of its inputs and outputs")
        return (
            *rings,
            len(service.required),
            len(service.sampled),
            len(service.outputs),
            service.keeps,
            len(calls.hold_ns),
            service.gap_ns,
            self._pointer(take_ns),
            self._pointer(calls.hold_ns),
            self._pointer(np.zeros_like(calls.hold_ns) if calls.rest_ns is None else calls.rest_ns),
            self._pointer(calls.offsets_ns),
        )

    def _device(self, device: Device) -> tuple[Any, ...]:
        return _LOWERED[type(device)](self, device)

    def _sensor(self, sensor: Sensor) -> tuple[Any, ...]:
        rings, interval = self._numbers(sensor.outputs), sensor.interval_ns
        if interval.numerator > c.NEVER:  # more digits than any time of a run can tell apart
            interval = interval.limit_denominator(int(c.NEVER / (interval + 1)))
        count = -1 if sensor.count is None else sensor.count
        timing = interval.numerator, interval.denominator, sensor.jitter_ns, count
        return c.SENSOR, len(sensor.outputs), 0, 0, rings, None, None, *timing, sensor.seed, sensor.waits, 0, 0, 0

    def _sink(self, sink: Sink) -> tuple[Any, ...]:
        return c.SINK, len(sink.inputs), 0, 0, self._numbers(sink.inputs)

    def _accelerator(self, device: Accelerator) -> tuple[Any, ...]:
        rings, outputs = self._numbers(device.inputs), self._numbers(device.outputs)
        counts = c.ACCELERATOR, len(device.inputs), len(device.outputs), 0
        return *counts, rings, outputs, None, 0, 1, 0, -1, 0, 0, 0, device.job_ns, 0

    def _link(self, link: Link) -> tuple[Any, ...]:
        lanes = self._array(c.LanePlan, (self._lane(link, lane) for lane in link.lanes))
        return c.LINK, 0, 0, len(link.lanes), None, None, lanes, 0, 1, 0, -1, 0, 0, 0, 0, link.latency_ns

    def _lane(self, link: Link, lane: Lane) -> tuple[int, ...]:
        wire = int(link.full_duplex and lane.direction == "received")
        return self._rings[lane.arriving], self._rings[lane.leaving], wire, 0, lane.wire_ns

    def _paths(self, plan: Plan) -> Iterable[tuple[int, ...]]:
        for path in plan.paths.values():
            ends = self._rings[path.rings[0]], self._rings[path.rings[-1]]
            deadline = c.NEVER if path.deadline_ns is None else min(path.deadline_ns, c.NEVER)
            yield self._devices[path.source], *ends, 0, deadline


_LOWERED: dict[type, Callable[[Lowered, Any], tuple[Any, ...]]] = {
    Sensor: Lowered._sensor,
    Sink: Lowered._sink,
    Accelerator: Lowered._accelerator,
    Link: Lowered._link,
}
