"""Upper bounds by network calculus: what no simulation and no run of the same plan may exceed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sim.sizing.bounds.network import Network
from sim.sizing.plan import Accelerator, Link, Plan


@dataclass(frozen=True, slots=True)
class RingBound:
    """Attributes: most tensors that a ring of endless depth ever holds, and longest time from published to taken;
    None where there is no bound, and why."""

    backlog: int | None
    delay_ns: int | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of a plan.

    Attributes:
        rings: by name.
        paths_ns: oldest age of a sample at the end of each path; None where there is no bound.
    """

    rings: Mapping[str, RingBound]
    paths_ns: Mapping[str, int | None]


def bounds(plan: Plan) -> Bounds:
    """Return upper bounds of a plan.

    The backlog is that of endless rings; where it is not above a ring's depth, it also holds with all the depths of the
    plan. Delays and ages are those with these depths: a ring that may be full bounds how long its tensors wait, and
    what may have to wait for room in it has no bound.
    """
    endless = Network(plan, frozenset())
    given = _given(plan, endless)
    found = {ring: _ring(endless, given, ring, one.depth) for ring, one in plan.rings.items()}
    return Bounds(found, {name: given.age_ns(path) for name, path in plan.paths.items()})


def _ring(endless: Network, given: Network, ring: str, depth: int) -> RingBound:
    alone, found = endless.handling(ring), given.handling(ring)
    backlog = alone.backlog
    if backlog is not None and backlog <= depth:  # no less with what others do that may have to wait
        backlog = None if found.backlog is None else max(backlog, found.backlog)
    why = "" if backlog is not None and found.delay_ns is not None else alone.why or found.why
    return RingBound(backlog, found.delay_ns, why)


def _given(plan: Plan, endless: Network) -> Network:
    """Look at a plan with its depths: find the rings that may be full, those first that others follow from.

    If no ring outside a set can hold more than its depth while only those within may be full, none ever does: at the
    first moment at which one did, all would have been as assumed until then.
    """
    before = _before(plan)
    full: frozenset[str] = frozenset()
    found = endless
    while True:
        seen = {ring: found.handling(ring).seen for ring in plan.rings}
        more = {
            ring for ring, most in seen.items() if ring not in full and (most is None or most > plan.rings[ring].depth)
        }
        if not more:
            return found
        first = {ring for ring in more if not before[ring] & (more - {ring})}
        full |= first or more
        found = Network(plan, full)


def _before(plan: Plan) -> dict[str, set[str]]:
    """Return for each ring those from which tensors can come into it, or into what it is joined with."""
    steps: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
        ((*service.required, *service.sampled), service.outputs) for node in plan.nodes for service in node.services
    ]
    for device in plan.devices:
        if isinstance(device, Accelerator):
            steps.append((device.inputs, device.outputs))
        elif isinstance(device, Link):
            steps += [((lane.arriving,), (lane.leaving,)) for lane in device.lanes]
    found: dict[str, set[str]] = {ring: set() for ring in plan.rings}
    for _ in plan.rings:  # no way is longer
        for inputs, outputs in steps:
            for ring in outputs:
                found[ring].update(inputs, *(found[each] for each in inputs))
    joined = {ring: set(inputs) - {ring} for inputs, _ in steps for ring in inputs}
    return {
        ring: each.union(*(found[other] | {other} for other in joined.get(ring, ()))) for ring, each in found.items()
    }
