"""Bounds of a service's rings, and what it publishes: each kind of inputs has its own.

One required input is a queue. Several are joined: a call needs the n-th tensor of each, so there is a bound only where
it is known when the n-th comes on each of them, which is so for equal intervals. Sampled inputs are emptied whenever
the loop looks at the service, so they wait for one look and hold one tensor more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import floor

from sim.sizing.bounds.arrivals import Phase, Stream
from sim.sizing.bounds.curves import (
    UNLIMITED,
    Curve,
    Served,
    Unbounded,
    busy_period,
    convolution,
    deconvolution,
    delayed,
    held_back,
    horizontal_deviation,
    summed,
    vertical_deviation,
)
from sim.sizing.bounds.handling import Handled, Handling, Incoming
from sim.sizing.bounds.loop import Server, Turn
from sim.sizing.bounds.services import Sends
from sim.sizing.plan import Service

_MOST_BUSY = 64
"""Tensors in a busy period up to which a deconvolution is worth its time."""


def _sent(sends: Sends) -> Callable[[Server], Served]:
    return lambda server: server.sent(sends)


def _later(served: Served, late_ns: int) -> Served:
    return lambda calls: late_ns + served(calls)


def _nothing(service: Service, ring: str) -> Stream:
    """Return what a service publishes that never sends."""
    return Stream(Curve(lambda n: 0, 0.0, 0), None, f"{service.name} sends nothing on {ring}")


@dataclass(frozen=True)
class Called:
    """A service to be looked at.

    Attributes:
        service: the service.
        turn: what it has to reckon with in its node's loop.
        required, sampled: its inputs.
        stalls: it may have to wait for room in this output; empty: never.
        quantum_ns: distance of boundaries.
    """

    service: Service
    turn: Turn
    required: Sequence[Incoming]
    sampled: Sequence[Incoming]
    stalls: str
    quantum_ns: int

    def handle(self) -> Handled:
        """Return what becomes of the inputs that call it, and what it publishes."""
        if self.stalls:
            return self._unbounded(self.required or self.sampled, self._why_stalled())
        if not self.required:
            return self._sampling()
        return self._queue(self.required[0]) if len(self.required) == 1 else self._join()

    def handle_sampled(self) -> Handled:
        """Return what becomes of the inputs that it only looks at when others call it."""
        if self.stalls:
            return Handled({ring.name: Handling(why=self._why_stalled()) for ring in self.sampled}, {})
        return Handled({ring.name: self._look(ring) for ring in self.sampled}, {})

    def _why_stalled(self) -> str:
        return f"{self.service.name} may have to wait for room in {self.stalls}"

    def _sends(self) -> dict[str, Sends]:
        least_ns = self.turn.execution.least_ns
        return {name: Sends(self.service, column, least_ns) for column, name in enumerate(self.service.outputs)}

    # -- one required input ----------------------------------------------------------------------------------------

    def _queue(self, ring: Incoming) -> Handled:
        calls = ring.stream.curve
        servers = [] if calls.most == 0 else self._servers(calls)

        def delay(until: Callable[[Server], Served]) -> int:
            return self._delay(ring, servers, until)

        try:
            delay_ns = delay(lambda server: server.begun)
        except Unbounded as reason:
            return self._unbounded([ring], str(reason))
        transits: dict[str, int | None] = {}
        outputs = {}
        for name, sends in self._sends().items():
            if not sends.share:
                outputs[name] = _nothing(self.service, name)
                continue
            transit_ns = delay(_sent(sends))
            transits[name] = transit_ns
            outputs[name] = self._published(ring.stream, sends, ring.unseen_ns, transit_ns, servers)
        backlog, seen = (self._backlog(ring, servers, late_ns) for late_ns in (0, ring.unseen_ns))
        why = "" if backlog is not None else ring.stream.why or self.turn.overload(calls)
        return Handled({ring.name: Handling(delay_ns, backlog, seen, transits, why)}, outputs)

    def _servers(self, calls: Curve) -> list[Server]:
        """Return the service curves under which these calls have a busy period that ends."""
        found = []
        for server in self.turn.servers(calls):
            try:
                found.append(replace(server, busy=busy_period(calls, server.ended)))
            except Unbounded:
                continue
        return found

    def _delay(self, ring: Incoming, servers: Sequence[Server], until: Callable[[Server], Served]) -> int:
        """Return the longest time from publication until something is done with a tensor.

        Raises:
            Unbounded: there is no bound.
        """
        calls = ring.stream.curve
        if calls.most == 0:
            return 0
        found = [horizontal_deviation(calls, until(server), server.busy) for server in servers]
        if ring.limit is not None:  # a tensor that finds room has so many before it at most
            found.append(until(Server(self.turn.own, self.turn.by_rounds))(ring.limit))
        if not found:
            raise Unbounded(ring.stream.why or self.turn.overload(calls))
        return ring.unseen_ns + min(found)

    def _backlog(self, ring: Incoming, servers: Sequence[Server], late_ns: int) -> int | None:
        """Return the most tensors in a ring if it is noticed late that one was given back; None: no bound."""
        if ring.stream.curve.most == 0:
            return 0
        found = []
        for server in servers:
            with suppress(Unbounded):
                found.append(vertical_deviation(ring.stream.curve, _later(server.ended, ring.unseen_ns + late_ns)))
        return min(found, default=None)

    def _published(
        self, asked: Stream, sends: Sends, unseen_ns: int, transit_ns: int, servers: Sequence[Server]
    ) -> Stream:
        """Return what is published on an output: by jitter, by deconvolution, and no faster than it can be made."""
        calls = delayed(asked.curve, transit_ns - sends.soonest_ns)
        curves = [calls]
        for server in servers:
            with suppress(Unbounded):
                busy = busy_period(asked.curve, _later(server.ended, unseen_ns))
                if busy > _MOST_BUSY:
                    continue
                curves.append(deconvolution(asked.curve, _later(server.sent(sends), unseen_ns), busy))
        phase = None
        if asked.phase is not None:
            sent = sends.thinned(asked.phase)
            earliest_ns, latest_ns = sent.earliest_ns + sends.soonest_ns, sent.latest_ns + transit_ns
            phase = Phase(sent.interval_ns, earliest_ns, latest_ns, sent.most)
        return Stream(self._made(curves, sends), phase, asked.why)

    def _made(self, calls: Sequence[Curve], sends: Sends) -> Curve:
        """Return the curve of what calls that keep to all these curves send."""
        rate = min(sends.rate, sends.share * calls[0].rate)
        most = calls[0].most  # a call sends one tensor at most

        def span(tensors: int) -> int:
            return max(curve.span(sends.calls_for(tensors)) for curve in calls)

        return convolution(Curve(span, rate, most), Curve(sends.spacing, sends.rate))

    # -- several required inputs -----------------------------------------------------------------------------------

    def _join(self) -> Handled:
        phases = [ring.stream.phase for ring in self.required]
        why = self._unmatched()
        known = [phase for phase in phases if phase is not None]
        if why:
            return self._unbounded(self.required, why)
        latest_ns = max(phase.latest_ns + ring.unseen_ns for phase, ring in zip(known, self.required, strict=True))
        earliest_ns = max(phase.earliest_ns for phase in known)
        together = Phase(known[0].interval_ns, earliest_ns, latest_ns, known[0].most)
        asked = Stream(together.curve(), together)
        servers = self._servers(asked.curve) if together.most != 0 else []
        if not servers:
            return self._unbounded(self.required, self.turn.overload(asked.curve))
        ready = Incoming("", asked, 0, None)
        begun_ns = self._delay(ready, servers, lambda server: server.begun)
        ended_ns = self._delay(ready, servers, lambda server: server.ended)
        transits: dict[str, int] = {}
        outputs: dict[str, Stream] = {}
        for name, sends in self._sends().items():
            if sends.share:
                transits[name] = self._delay(ready, servers, _sent(sends))
                outputs[name] = self._published(asked, sends, 0, transits[name], servers)
            else:
                outputs[name] = _nothing(self.service, name)
        rings = {}
        for ring, phase in zip(self.required, known, strict=True):
            before_ns = latest_ns - phase.earliest_ns
            backlog, seen = (
                floor((before_ns + ended_ns + late_ns) / phase.interval_ns) + 1 for late_ns in (0, ring.unseen_ns)
            )
            through = {name: before_ns + transit_ns for name, transit_ns in transits.items()}
            rings[ring.name] = Handling(before_ns + begun_ns, backlog, seen, through)
        return Handled(rings, outputs)

    def _unmatched(self) -> str:
        """Say why it is not known when the n-th tensor comes on each input; empty if it is."""
        unknown = [ring for ring in self.required if ring.stream.phase is None]
        if unknown:  # that one itself may be full is what follows if it has to wait for another
            causes = [ring for ring in unknown if not ring.stream.why.startswith(ring.name)] or unknown
            why = causes[0].stream.why or "some of their tensors may be missing"
            return f"{self.service.name} joins inputs, and {why}"
        rates = {(phase.interval_ns, phase.most) for ring in self.required if (phase := ring.stream.phase)}
        return f"{self.service.name} joins inputs that come at different rates" if len(rates) > 1 else ""

    # -- sampled inputs --------------------------------------------------------------------------------------------

    def _look(self, ring: Incoming) -> Handling:
        """Return bounds of a sampled ring: all of it is taken at the next look, and the newest is held."""
        try:
            delay_ns = ring.unseen_ns + self._look_ns()
        except Unbounded as reason:
            return Handling(why=str(reason))
        try:
            held = ring.stream.curve.count(delay_ns) + 1
            seen = ring.stream.curve.count(delay_ns + ring.unseen_ns) + 1
        except Unbounded as reason:
            return Handling(delay_ns, why=ring.stream.why or str(reason))
        return Handling(delay_ns, held, seen)

    def _look_ns(self, then_ns: int = 0) -> int:
        """Return the longest time until the loop looks at it, and has executed for so long: after a call of its own."""
        return self.turn.by_rounds(1, self.turn.own.of(1) + then_ns)

    def _sampling(self) -> Handled:
        """Return what becomes of a service with sampled inputs only, which any of them has called."""
        rings = {ring.name: self._look(ring) for ring in self.sampled}
        asked = Stream(summed([ring.stream.curve for ring in self.sampled]), None, "")
        if len(self.sampled) > 1:
            asked = Stream(asked.curve, None, f"{self.service.name} is called by any of its inputs")
        else:
            asked = Stream(asked.curve, None, f"{self.service.name} takes the newest of its input only")
        unseen_ns = max((ring.unseen_ns for ring in self.sampled), default=0)
        outputs: dict[str, Stream] = {}
        transits: dict[str, int | None] = {}
        for name, sends in self._sends().items():
            try:
                if not sends.share:
                    raise Unbounded(f"{self.service.name} sends nothing on {name}")
                transits[name] = unseen_ns + self._look_ns(sends.latest(1))
                outputs[name] = self._published(asked, sends, unseen_ns, transits[name] or 0, [])
            except Unbounded as reason:
                curve = UNLIMITED if sends.share else Curve(lambda n: 0, 0.0, 0)
                outputs[name] = Stream(curve, None, str(reason))
        if len(rings) == 1:
            ((name, one),) = rings.items()
            rings[name] = Handling(one.delay_ns, one.backlog, one.seen, transits, one.why)
        return Handled(rings, outputs)

    # -- without a bound -------------------------------------------------------------------------------------------

    def _unbounded(self, rings: Sequence[Incoming], why: str) -> Handled:
        """Return what is left without a bound: an output is no faster than an input, after what that one held."""
        curves = [
            held_back(delayed(ring.stream.curve, self.quantum_ns), ring.limit)
            for ring in rings
            if ring.limit is not None and self.required
        ]
        slowest = min(curves, key=lambda curve: curve.rate, default=UNLIMITED)
        outputs = {}
        for name, sends in self._sends().items():
            curve = self._made([slowest], sends) if sends.share else Curve(lambda n: 0, 0.0, 0)
            outputs[name] = Stream(curve, None, why)
        return Handled({ring.name: Handling(why=why) for ring in rings}, outputs)
