"""Bounds of a whole plan: consumer after consumer along the channels, each from what arrives there.

As in real-time calculus (S. Chakraborty, S. Kuenzli and L. Thiele, A general framework for analysing system properties
in platform-based embedded system designs, DATE 2003) and compositional analysis (R. Henia et al., System level
performance analysis - the SymTA/S approach, IEE Proceedings 152(2), 2005), what one publishes is what the next gets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from sim.sizing.bounds import fifo
from sim.sizing.bounds.arrivals import Stream, samples_on
from sim.sizing.bounds.calls import Called
from sim.sizing.bounds.curves import NEVER_NS, Unbounded, delayed, summed
from sim.sizing.bounds.handling import Handled, Handling, Incoming
from sim.sizing.bounds.loop import Rival, Turn
from sim.sizing.bounds.services import Workload
from sim.sizing.bounds.supply import Execution
from sim.sizing.plan import Accelerator, Link, Node, Path, Plan, Sensor, Service, Sink


@dataclass(frozen=True)
class _Consumer:
    """Somebody that takes from rings.

    Attributes:
        needs: rings that it takes from, of which must be known what is published before it can be looked at.
        likes: rings that make its bounds tighter if they are known as well.
        look: returns what becomes of its inputs, and what it publishes.
    """

    needs: frozenset[str]
    likes: frozenset[str]
    look: Callable[[], Handled]


class Network:
    """One look at a plan, in which some rings may be full at times.

    Parameters:
        plan: the plan.
        full: rings that may be full; what is found holds if no other ring ever is.

    Attributes:
        rings: what becomes of the tensors of each ring that somebody takes from.
        lags_ns: of each ring that a sensor sends into: from a sample to its publication; None: no bound.
    """

    def __init__(self, plan: Plan, full: frozenset[str]) -> None:
        self._plan, self._full = plan, full
        self._told_ns = {node.name: node.bell_ns for node in plan.nodes}
        self._executions = {node.name: Execution(node, plan) for node in plan.nodes}
        self._streams: dict[str, Stream] = {}
        self._origins = dict(_origins(plan))
        self.rings: dict[str, Handling] = {}
        self.lags_ns: dict[str, int | None] = {}
        for device in plan.devices:
            if isinstance(device, Sensor):
                self._sense(device)
        self._compose(list(self._consumers()))

    def age_ns(self, path: Path) -> int | None:
        """Return the oldest age of a sample at the end of a path, by whatever way it comes; None: no bound."""
        ages = self._ages(path.rings[-1], path.source, frozenset())
        delay_ns = self.handling(path.rings[-1]).delay_ns
        if delay_ns is None or not ages or None in ages:
            return None
        return delay_ns + max(age for age in ages if age is not None)

    def _ages(self, ring: str, source: str, after: frozenset[str]) -> list[int | None]:
        """Return the oldest age of samples of a sensor when they are published on a ring, for each way to it."""
        if ring in after:
            return [None]
        if ring in self.lags_ns:
            return [self.lags_ns[ring]] if self._plan.rings[ring].source == source else []
        ages: list[int | None] = []
        for before in self._origins.get(ring, ()):
            transit_ns = self.handling(before).transits_ns.get(ring)
            for age_ns in self._ages(before, source, after | {ring}):
                ages.append(None if age_ns is None or transit_ns is None else age_ns + transit_ns)
        return ages

    def handling(self, ring: str) -> Handling:
        """Return the bounds of a ring."""
        return self.rings.get(ring, Handling(why=f"{ring} carries what is made of its own tensors"))

    # -- along the channels ----------------------------------------------------------------------------------------

    def _compose(self, waiting: list[_Consumer]) -> None:
        """Look at one consumer after the other; those that are left wait for their own results."""
        while waiting:
            known = self._streams.keys()
            ready = [each for each in waiting if each.needs <= known]
            if not ready:
                return
            consumer = next((each for each in ready if each.likes <= known), ready[0])
            waiting.remove(consumer)
            try:
                handled = consumer.look()
            except Unbounded as reason:  # it is not known when it is told what has come
                self.rings.update({ring: Handling(why=str(reason)) for ring in consumer.needs})
                continue
            self.rings.update(handled.rings)
            for ring, stream in handled.outputs.items():
                self._publish(ring, stream)

    def _publish(self, ring: str, stream: Stream) -> None:
        if ring in self._full and not self._blocks(ring):
            why = "" if stream.phase else stream.why
            stream = Stream(stream.curve, None, why or f"{ring} may be full and drops tensors then")
        self._streams[ring] = stream

    def _blocks(self, ring: str) -> bool:
        return self._plan.rings[ring].overflow == "block"

    def _stalling(self, rings: Sequence[str]) -> list[str]:
        """Return those of a producer's rings in which it may have to wait for room, or until they open."""
        return [ring for ring in rings if (ring in self._full and self._blocks(ring)) or self._opens_late(ring)]

    def _incoming(self, ring: str) -> Incoming:
        plan = self._plan.rings[ring]
        unseen_ns = self._unseen_ns(plan.source)
        return Incoming(ring, self._streams[ring], unseen_ns, plan.depth if ring in self._full else None)

    def _unseen_ns(self, source: str) -> int:
        """Return the longest time until what `source` sends is told: its doorbell, and a boundary.

        Raises:
            Unbounded: its schedule promises nothing.
        """
        if source not in self._executions:
            return 0
        bell_ns = self._told_ns[source]
        return self._plan.quantum_ns + (self._executions[source].time_ns(bell_ns) if bell_ns else 0)

    def _opens_late(self, ring: str) -> bool:
        """Tell whether something may be sent into a ring before that opens, and then waits."""
        return self._plan.rings[ring].open_ns > self._earliest_ns(ring, frozenset())

    def _earliest_ns(self, ring: str, after: frozenset[str]) -> int:
        """Return from when on something may be sent into a ring: when a ring of a sensor before it opens."""
        if ring in after:
            return NEVER_NS
        if ring not in self._origins:
            return self._plan.rings[ring].open_ns
        return min((self._earliest_ns(each, after | {ring}) for each in self._origins[ring]), default=0)

    def _sense(self, sensor: Sensor) -> None:
        for ring in sensor.outputs:
            may_wait = bool(self._stalling([ring]))
            stream, self.lags_ns[ring] = samples_on(sensor, self._plan.rings[ring], self._plan.quantum_ns, may_wait)
            self._publish(ring, stream)

    # -- consumers -------------------------------------------------------------------------------------------------

    def _consumers(self) -> Iterator[_Consumer]:
        for node in self._plan.nodes:
            yield from self._services(node)
        for device in self._plan.devices:
            if isinstance(device, Sink):
                for ring in device.inputs:
                    yield _of([ring], partial(self._sink, ring))
            elif isinstance(device, Accelerator):
                yield _of(device.inputs, partial(self._accelerator, device))
            elif isinstance(device, Link):
                for direction in ("sent", "received") if device.full_duplex else (None,):
                    lanes = [lane for lane in device.lanes if direction in (None, lane.direction)]
                    if lanes:
                        yield _of([lane.arriving for lane in lanes], partial(self._wire, device, direction))

    def _sink(self, ring: str) -> Handled:
        return fifo.sink([self._incoming(ring)])

    def _accelerator(self, device: Accelerator) -> Handled:
        stalls = "".join(self._stalling(device.outputs)[:1])
        inputs = [self._incoming(ring) for ring in device.inputs]
        return fifo.accelerator(device, inputs, stalls, self._plan.quantum_ns)

    def _wire(self, link: Link, direction: str | None) -> Handled:
        lanes = [lane for lane in link.lanes if direction in (None, lane.direction)]
        stalls = "".join(self._stalling([lane.leaving for lane in lanes])[:1])
        arriving = [(lane, self._incoming(lane.arriving)) for lane in lanes]
        return fifo.wire(link.name, arriving, link.latency_ns, stalls, self._plan.quantum_ns)

    # -- services of a node ----------------------------------------------------------------------------------------

    def _services(self, node: Node) -> Iterator[_Consumer]:
        execution = self._executions[node.name]
        every = frozenset(ring for service in node.services for ring in _asking(service))
        for service in node.services:
            called = partial(self._called, node, service, execution)
            asking = frozenset(_asking(service))
            yield _Consumer(asking, every, partial(_handle, called))
            if service.required and service.sampled:
                sampled = frozenset(service.sampled)
                yield _Consumer(sampled, sampled, partial(_handle_sampled, called))

    def _called(self, node: Node, service: Service, execution: Execution) -> Called:
        waits = {each.name: self._stalling(each.outputs) for each in node.services}
        stalling = waits[service.name]
        for each in node.services:  # firmware that waits for room does nothing else meanwhile
            stalling = stalling or (waits[each.name] if each.keeps else [])
        others = [each for each in node.services if each is not service]
        workloads = [Workload(each) for each in others]
        turn = Turn(
            node.name,
            execution,
            Workload(service),
            node.wake_ns + max(_taking_ns(each) for each in node.services) + _gap_ns(service),
            sum(each.longest_ns + each.gap_ns for each in workloads),
            None if any(waits.values()) else self._rivals(others, workloads),
        )
        required, sampled = (
            [self._incoming(ring) for ring in rings if ring in self._streams]
            for rings in (service.required, service.sampled)
        )
        return Called(service, turn, required, sampled, "".join(stalling[:1]), self._plan.quantum_ns)

    def _rivals(self, others: Sequence[Service], workloads: Sequence[Workload]) -> list[Rival] | None:
        """Return what the other services of a node ask for, as far as that is known of all of them."""
        rivals = []
        for service, workload in zip(others, workloads, strict=True):
            if any(ring not in self._streams for ring in _asking(service)):
                return None
            asking = [self._incoming(ring) for ring in _asking(service)]
            curves = [delayed(ring.stream.curve, ring.unseen_ns) for ring in asking]
            if len(service.required) > 1:
                return None
            rivals.append(Rival(workload, summed(curves)))
        return rivals


def _of(rings: Sequence[str], look: Callable[[], Handled]) -> _Consumer:
    inputs = frozenset(rings)
    return _Consumer(inputs, inputs, look)


def _handle(called: Callable[[], Called]) -> Handled:
    return called().handle()


def _handle_sampled(called: Callable[[], Called]) -> Handled:
    return called().handle_sampled()


def _origins(plan: Plan) -> Iterator[tuple[str, Sequence[str]]]:
    """Return for each ring those whose tensors tell the origin of what is published on it: sim/scenario/paths.py."""
    for node in plan.nodes:
        for service in node.services:
            for ring in service.outputs:
                yield ring, service.required[:1] or service.sampled
    for device in plan.devices:
        if isinstance(device, Accelerator):
            for ring in device.outputs:
                yield ring, device.inputs
        elif isinstance(device, Link):
            for lane in device.lanes:
                yield lane.leaving, (lane.arriving,)


def _taking_ns(service: Service) -> int:
    """Return the longest execution time from looking at a service of a node that was woken to taking its last input."""
    taking_ns = service.calls.take_ns
    return 0 if taking_ns is None else int(taking_ns.sum(axis=1).max(initial=0))


def _gap_ns(service: Service) -> int:
    """Return the longest execution time from the end of a call to looking at anything again."""
    rest_ns = service.calls.rest_ns
    return service.gap_ns + (0 if rest_ns is None else int(rest_ns.max()))


def _asking(service: Service) -> tuple[str, ...]:
    """Return the rings whose tensors make a service call."""
    return service.required or service.sampled
