"""Devices that do one thing after the other, first come first served: accelerators, and the wires of links.

All that has come by some moment is done before what comes later, so a tensor waits for the whole of it at most: the
horizontal deviation of the sum of all arrival curves, each times what a tensor takes, from a server of rate 1 (Le
Boudec and Thiran, Network Calculus, section 6.2.2 with beta(t) = t; R. L. Cruz, A calculus for network delay, part I,
IEEE Transactions on Information Theory 37(1), 1991, section IV).

Both act at boundaries. An accelerator begins and ends jobs there; a wire goes on within a quantum, but what it did is
seen at the next boundary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf

from machines.native.link import BUFFERS
from sim.sizing.bounds.arrivals import Phase, Stream
from sim.sizing.bounds.curves import NEVER_NS, UNLIMITED, Curve, Unbounded, delayed, held_back, summed
from sim.sizing.bounds.handling import Handled, Handling, Incoming
from sim.sizing.plan import Accelerator, Lane

_FULL = 1 - 1e-9
"""Utilisation from which on there is no bound; rates are floating-point numbers."""

_MOST_STEPS = 1_000
"""Moments at which something comes in one busy period, from which on it is taken to have no end."""


@dataclass(frozen=True)
class Queue:
    """Jobs of several rings before one server.

    Attributes:
        name: of the device, for messages.
        rings: with the time in ns that each tensor of it takes.
    """

    name: str
    rings: Sequence[tuple[Incoming, int]]

    def worst_ns(self) -> int:
        """Return the longest time from when a tensor comes to when the server is done with it.

        Raises:
            Unbounded: there is none.
        """
        try:
            return self._deviation()
        except Unbounded:
            limits = [(ring.limit, each_ns) for ring, each_ns in self.rings]
            if any(limit is None for limit, _ in limits):
                raise
            longest_ns = max(each_ns for _, each_ns in self.rings)  # of what it works on, which has left its ring
            return longest_ns + sum((limit or 0) * each_ns for limit, each_ns in limits)

    def _deviation(self) -> int:
        working = [(ring.stream, each_ns) for ring, each_ns in self.rings if each_ns]
        asked = sum(stream.curve.rate * each_ns for stream, each_ns in working)
        if asked >= _FULL:
            if asked == inf:
                raise Unbounded(next(stream.why for stream, _ in working if stream.curve.rate == inf))
            raise Unbounded(f"{self.name} is asked for {asked:.2f} times what it can do")
        time_ns = longest_ns = 0
        curves = [stream.curve for stream, _ in working]
        counts = [0] * len(curves)
        for _ in range(_MOST_STEPS):
            for place, curve in enumerate(curves):
                while curve.span(counts[place] + 1) <= time_ns:
                    counts[place] += 1
            done_ns = sum(count * each_ns for count, (_, each_ns) in zip(counts, working, strict=True))
            longest_ns = max(longest_ns, done_ns - time_ns)
            following = (curve.span(count + 1) for curve, count in zip(curves, counts, strict=True))
            time_ns = min(following, default=NEVER_NS)
            if time_ns >= done_ns:
                return longest_ns
        raise Unbounded(f"{self.name} may be busy for ever")


def accelerator(device: Accelerator, rings: Sequence[Incoming], stalls: str, quantum_ns: int) -> Handled:
    """Return what becomes of an accelerator's jobs, and what it publishes.

    Parameters:
        device: the accelerator.
        rings: its inputs.
        stalls: it may have to wait for room in this output; empty: never.
        quantum_ns: distance of boundaries.
    """
    each_ns = -(-device.job_ns // quantum_ns) * quantum_ns
    together = summed([ring.stream.curve for ring in rings])
    try:
        if stalls:
            raise Unbounded(f"{device.name} may have to wait for room in {stalls}")
        worst_ns = Queue(device.name, [(ring, each_ns) for ring in rings]).worst_ns()
    except Unbounded as reason:
        limits = [ring.limit for ring in rings if ring.limit is not None]
        curve = UNLIMITED
        if len(limits) == len(rings):
            curve = held_back(delayed(together, quantum_ns), sum(limits) + 1)
        stream = Stream(_at_boundaries(curve, device.job_ns, quantum_ns), None, str(reason))
        return Handled({ring.name: Handling(why=str(reason)) for ring in rings}, dict.fromkeys(device.outputs, stream))
    unseen_ns = max(ring.unseen_ns for ring in rings)
    curve = delayed(together, unseen_ns + worst_ns - device.job_ns)
    phase = _later(_together(rings), device.job_ns, unseen_ns + worst_ns)
    whys = [ring.stream.why for ring in rings if ring.stream.why] or [f"{device.name} takes tensors at different rates"]
    stream = Stream(_at_boundaries(curve, device.job_ns, quantum_ns), phase, "" if phase else whys[0])
    handlings = {}
    for ring in rings:
        done_ns = unseen_ns + worst_ns
        transits = dict.fromkeys(device.outputs, done_ns)
        handlings[ring.name] = _handling(ring, max(0, done_ns - each_ns), done_ns, transits)
    return Handled(handlings, dict.fromkeys(device.outputs, stream))


def wire(
    name: str,
    lanes: Sequence[tuple[Lane, Incoming]],
    latency_ns: int,
    stalls: str,
    quantum_ns: int,
) -> Handled:
    """Return what becomes of the tensors that share a wire of a link, and what comes out of it.

    Parameters:
        name: of the link.
        lanes: on this wire, each with what arrives.
        latency_ns: from the end of a tensor on the wire to its arrival.
        stalls: it may have to wait for room in this output; empty: never.
        quantum_ns: distance of boundaries.
    """
    try:
        if stalls:
            raise Unbounded(f"{name} may have to wait for room in {stalls}")
        worst_ns = Queue(name, [(ring, lane.wire_ns) for lane, ring in lanes]).worst_ns()
        for lane, ring in lanes:
            _buffered(name, lane, ring, worst_ns, lane.wire_ns + latency_ns + quantum_ns + ring.unseen_ns)
    except Unbounded as reason:
        return _unbounded(lanes, quantum_ns, str(reason))
    rings, outputs = {}, {}
    told_ns = quantum_ns + max(max(0, ring.unseen_ns - quantum_ns) for _, ring in lanes)
    for lane, ring in lanes:
        through_ns = worst_ns + latency_ns + told_ns
        least_ns = lane.wire_ns + latency_ns
        curve = _at_boundaries(delayed(ring.stream.curve, through_ns - least_ns), lane.wire_ns, quantum_ns)
        phase = _later(ring.stream.phase, least_ns, through_ns)
        outputs[lane.leaving] = Stream(curve, phase, "" if phase else ring.stream.why)
        taken_ns, done_ns = max(0, worst_ns - lane.wire_ns) + told_ns, worst_ns + told_ns
        rings[ring.name] = _handling(ring, taken_ns, done_ns, {lane.leaving: through_ns})
    return Handled(rings, outputs)


def _unbounded(lanes: Sequence[tuple[Lane, Incoming]], quantum_ns: int, why: str) -> Handled:
    """Return what is known of a wire whose delays have no bound: how close to each other tensors leave it."""
    outputs = {}
    for lane, ring in lanes:
        curve = UNLIMITED
        if ring.limit is not None:
            curve = held_back(delayed(ring.stream.curve, quantum_ns), ring.limit + BUFFERS)
        outputs[lane.leaving] = Stream(_at_boundaries(curve, lane.wire_ns, quantum_ns), None, why)
    return Handled({ring.name: Handling(why=why) for _, ring in lanes}, outputs)


def sink(rings: Sequence[Incoming]) -> Handled:
    """Return what becomes of the tensors before a sink, which takes them when it is told."""
    return Handled({ring.name: _handling(ring, ring.unseen_ns, ring.unseen_ns, {}) for ring in rings}, {})


def _handling(ring: Incoming, taken_ns: int, done_ns: int, transits: Mapping[str, int]) -> Handling:
    """Return the bounds that follow from how long a slot is in use: alpha(t) tensors come in that time."""
    try:
        held = ring.stream.curve.count(done_ns)
        seen = ring.stream.curve.count(done_ns + ring.unseen_ns)
    except Unbounded as reason:
        return Handling(taken_ns, None, None, transits, ring.stream.why or str(reason))
    return Handling(taken_ns, held, seen, transits)


def _together(rings: Sequence[Incoming]) -> Phase | None:
    """Return when each tensor of several rings comes, in the order in which they come; None where it is not known.

    Of n rings with the interval T, tensor k = n m + j has come when all have brought their m-th, and not before one of
    them has. That is k T / n, and from 0 to j T / n less.
    """
    phases = [ring.stream.phase for ring in rings]
    known = [phase for phase in phases if phase is not None]
    if len(known) < len(phases) or len({(phase.interval_ns, phase.most) for phase in known}) > 1:
        return None
    interval_ns, most = known[0].interval_ns / len(known), known[0].most
    earliest_ns = min(phase.earliest_ns for phase in known) - ceil((len(known) - 1) * interval_ns)
    latest_ns = max(phase.latest_ns for phase in known)
    return Phase(interval_ns, earliest_ns, latest_ns, None if most is None else most * len(known))


def _later(phase: Phase | None, least_ns: int, most_ns: int) -> Phase | None:
    if phase is None:
        return None
    return Phase(phase.interval_ns, phase.earliest_ns + least_ns, phase.latest_ns + most_ns, phase.most)


def _buffered(name: str, lane: Lane, ring: Incoming, worst_ns: int, away_ns: int) -> None:
    """Make sure that a lane never has to wait for one of its buffers.

    Raises:
        Unbounded: it may.
    """
    if lane.wire_ns and away_ns // lane.wire_ns < BUFFERS:
        return
    if ring.stream.curve.count(worst_ns + away_ns) > BUFFERS:
        raise Unbounded(f"the {BUFFERS} buffers of {name} for {lane.arriving} may be full")


def _at_boundaries(curve: Curve, each_ns: int, quantum_ns: int) -> Curve:
    """Return the curve of what one server is done with, one after the other, each published at the next boundary."""
    rate = 1 / each_ns if each_ns else inf
    spaced = Curve(lambda n: max(0, (n - 1) * each_ns - quantum_ns), rate)

    def span(tensors: int) -> int:
        return -(-max(curve.span(tensors), spaced.span(tensors)) // quantum_ns) * quantum_ns

    return Curve(span, min(curve.rate, rate), curve.most)
