"""The model: simulates a plan, boundary by boundary as the executive does it, without running anything.

The engine is in C (`sim/sizing/model/engine`), since a sweep simulates ten thousand plans in a minute; the policies
that it asks who executes when are the executive's own.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from sim.sizing.errors import SizingError
from sim.sizing.model.engine import interface as c
from sim.sizing.model.engine import load
from sim.sizing.model.engine.lowering import Lowered
from sim.sizing.model.outcome import NodeOutcome, Outcome, PathOutcome, RingOutcome, Series, Times
from sim.sizing.plan import Plan, Sink

_NO_MEMORY, _ENDLESS = -1, -2


def simulate(plan: Plan, steps: int = 0) -> Outcome:
    """Simulate a plan from time 0 to its end.

    Parameters:
        plan: what to simulate.
        steps: into how many steps the occupancy over time is cut; 0: not kept.

    Raises:
        LibraryError: the engine cannot be compiled.
        SizingError: participants of the plan answer each other without end while no time passes.
        MemoryError: there is not enough memory.
    """
    step_ns = -(-plan.duration_ns // steps) if steps else 0
    lowered = Lowered(plan, step_ns)
    room = _Room(plan, steps)
    code = load().sz_simulate(ctypes.byref(lowered.structure), ctypes.byref(room.structure))
    if lowered.scheduling is not None and lowered.scheduling.error is not None:
        raise lowered.scheduling.error
    if code == _NO_MEMORY:
        raise MemoryError("the model has no memory left")
    if code == _ENDLESS:
        raise SizingError(
            f"{plan.scenario}: it does not come to rest; look for a loop of channels in which nothing takes time"
        )
    return room.outcome(plan, step_ns)


class _Room:
    """Where the engine puts what it finds."""

    def __init__(self, plan: Plan, steps: int) -> None:
        rings, paths = len(plan.rings), len(plan.paths)
        self._rings, self._paths = (c.RingResult * rings)(), (c.PathResult * paths)()
        self._levels = [np.zeros(ring.depth + 1, np.int64) for ring in plan.rings.values()]
        self._series = [np.zeros(steps, np.int32) for _ in range(rings)] if steps else []
        for place, levels in zip(self._rings, self._levels, strict=True):
            place.level_ns = ctypes.cast(levels.ctypes.data, c.Ints64)
        for place, series in zip(self._rings, self._series, strict=False):
            place.series = ctypes.cast(series.ctypes.data, c.Ints32)
        participants = len(plan.nodes) + len(plan.devices)
        self._busy = (ctypes.c_int64 * participants)()
        self._calls = (ctypes.c_int64 * (sum(len(node.services) for node in plan.nodes) + len(plan.devices)))()
        self.structure = c.ResultStructure(self._rings, self._paths, self._busy, self._calls, 0)

    def outcome(self, plan: Plan, step_ns: int) -> Outcome:
        """Return it as plain values."""
        rings = {
            name: RingOutcome(
                one.offered,
                one.delivered,
                one.dropped,
                one.refused,
                one.stalls,
                one.occupancy_max,
                levels,
                _times(one.latency),
                _times(one.age),
            )
            for name, one, levels in zip(plan.rings, self._rings, self._levels, strict=True)
        }
        paths = {
            name: PathOutcome(one.delivered, one.missing, one.late, _times(one.age))
            for name, one in zip(plan.paths, self._paths, strict=True)
        }
        series = {name: Series(step_ns, levels) for name, levels in zip(plan.rings, self._series, strict=False)}
        return Outcome(rings, paths, self._nodes(plan), self.structure.events, plan.duration_ns, series)

    def _nodes(self, plan: Plan) -> dict[str, NodeOutcome]:
        nodes, calls = {}, iter(self._calls)
        for busy_ns, node in zip(self._busy, plan.nodes, strict=False):
            nodes[node.name] = NodeOutcome(busy_ns, {service.name: next(calls) for service in node.services})
        for busy_ns, device in zip(self._busy[len(plan.nodes) :], plan.devices, strict=True):
            jobs = next(calls)
            if not isinstance(device, Sink) and (busy_ns or jobs):
                nodes[device.name] = NodeOutcome(busy_ns, {device.name: jobs})
        return nodes


def _times(found: Any) -> Times:
    return Times(found.count, found.min_ns, found.p50_ns, found.p95_ns, found.p99_ns, found.p99_9_ns, found.max_ns)
