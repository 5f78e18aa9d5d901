"""Who is the bottleneck: how much of the time that it has each participant of a plan would need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sim.sizing.bounds.curves import Unbounded
from sim.sizing.bounds.supply import Execution
from sim.sizing.model.outcome import Outcome
from sim.sizing.plan import Accelerator, Link, Node, Plan, Service

Shares = Mapping[str, float]
"""Share of the time that the schedule gives a node in the long run, by its name; 1 for who is left out."""


@dataclass(frozen=True, slots=True)
class Load:
    """How busy a node, an accelerator or a link is, or would be.

    Attributes:
        name: of the device; of a node with one service, `NODE.SERVICE`.
        demand: share of the time for which it was busy, and would have been for what was lost before it.
        given: share of the time that it has.
        inputs: channels of the rings that it takes from.
    """

    name: str
    demand: float
    given: float
    inputs: frozenset[str]

    @property
    def ratio(self) -> float:
        """Demand over what is given: above 1 it cannot keep up, however deep rings are."""
        return self.demand / self.given

    @property
    def words(self) -> str:
        """What it is in words: `perception.detector would be busy 101 % of the time`."""
        conditional = round(100 * self.ratio) > 100
        if self.given < 1:
            needs = "would need" if conditional else "needs"
            return f"{self.name} {needs} {100 * self.demand:.0f} % of the time and is given {100 * self.given:.0f} %"
        return f"{self.name} {'would be' if conditional else 'is'} busy {100 * self.demand:.0f} % of the time"


def shares_of(plan: Plan) -> dict[str, float]:
    """Return what the schedule gives the nodes that it schedules: what it promises, where that depends on others.

    Parameters:
        plan: any; nodes to which its schedule promises nothing are left out.
    """
    found = {}
    for node in plan.nodes:
        try:
            found[node.name] = Execution(node, plan).share()
        except Unbounded:
            continue
    return {name: share for name, share in found.items() if share < 1}


def busiest(plan: Plan, outcome: Outcome, shares: Shares, before: Outcome | None = None) -> Load | None:
    """Return the participant that needs most of what it is given; None where nobody takes any time.

    Parameters:
        plan: what was simulated.
        outcome: what came of it.
        shares: of its nodes.
        before: of the same plan for a shorter time: only what came after that counts.
    """
    span_ns = outcome.virtual_ns - (before.virtual_ns if before else 0)

    def busy_ns(name: str) -> int:
        spans = [each.nodes[name].busy_ns if name in each.nodes else 0 for each in (outcome, before) if each]
        return spans[0] - sum(spans[1:])

    def lost(ring: str) -> int:
        return outcome.rings[ring].dropped - (before.rings[ring].dropped if before else 0)

    lost_by_ring = {ring: lost(ring) for ring in plan.rings}
    loads = []
    for name, shown, extra_ns, rings in _participants(plan, lost_by_ring):
        demand = (busy_ns(name) + extra_ns) / span_ns
        inputs = frozenset(plan.rings[ring].channel for ring in rings)
        loads.append(Load(shown, demand, shares.get(name, 1.0), inputs))
    return max((each for each in loads if each.demand), key=lambda each: each.ratio, default=None)


def _participants(plan: Plan, lost: Mapping[str, int]) -> Iterator[tuple[str, str, float, tuple[str, ...]]]:
    """Give who takes time: its name, how it is shown, what lost tensors would have taken in ns, rings that it takes."""
    for node in plan.nodes:
        shown = f"{node.name}.{node.services[0].name}" if len(node.services) == 1 else node.name
        yield node.name, shown, sum(_lost_ns(each, lost) for each in node.services), _taken(node)
    for device in plan.devices:
        if isinstance(device, Accelerator):
            extra_ns = float(device.job_ns * sum(lost[ring] for ring in device.inputs))
            yield device.name, device.name, extra_ns, device.inputs
        elif isinstance(device, Link):
            yield device.name, device.name, _wire_ns(device, lost), tuple(lane.arriving for lane in device.lanes)


def _taken(node: Node) -> tuple[str, ...]:
    return tuple(ring for service in node.services for ring in service.required)


def _lost_ns(service: Service, lost: Mapping[str, int]) -> float:
    """Return how long the calls would have taken that a service could have made of what was dropped before it."""
    calls = min((lost[ring] for ring in service.required), default=0)  # a call takes one of each
    rest_ns = 0.0 if service.calls.rest_ns is None else float(service.calls.rest_ns.mean())
    return calls * (float(service.calls.hold_ns.mean()) + service.gap_ns + rest_ns)


def _wire_ns(link: Link, lost: Mapping[str, int]) -> float:
    """Return how much longer the wire that lost most would have been busy."""
    by_wire: dict[str, float] = {}
    for lane in link.lanes:
        wire = lane.direction if link.full_duplex else ""
        by_wire[wire] = by_wire.get(wire, 0.0) + lane.wire_ns * lost[lane.arriving]
    return max(by_wire.values(), default=0.0)
