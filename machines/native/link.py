"""The link of a board that is not on the chip: carries tensors from ring to ring over wires, in virtual time.

A tensor waits for its wire, keeps it busy for the time of its packets, and arrives a latency later; it is put into its
ring at the first boundary after that. Times on the wires are exact, also within a quantum: what went on since the last
boundary is made up for at this one, in the order in which it happened.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from machines.native.link_timing import LinkTiming
from machines.native.participant import ChannelEnd, NativeDevice
from machines.participant import NEVER_NS
from virtio_shm import Consumer, Frame, Producer, TensorSpec

Direction = Literal["sent", "received"]
"""As the board sees it."""

BUFFERS = 8
"""Tensors of one channel that a link holds: a sender starts with one only when the other side has room to store it."""

_MOST_QUANTISATIONS = 16
"""Different scales and zero points that a channel may carry; a sender that always makes up new ones is given up."""


@dataclass
class LinkStatistics:
    """What went over a link in one direction.

    Attributes:
        tensors, bytes, packets: that were sent; bytes are those of payloads.
        busy_ns: time that they kept the wire busy.
        worst_transit_ns: longest time from a tensor's publication to its arrival at the other side of the link.
    """

    tensors: int = 0
    bytes: int = 0
    packets: int = 0
    busy_ns: int = 0
    worst_transit_ns: int = 0


@dataclass
class _Wire:
    """A wire, and from when on it is free."""

    free_ns: int = 0


class _Transit(NamedTuple):
    """A tensor that was sent and not yet delivered."""

    arrival_ns: int
    spec: TensorSpec
    content: NDArray[np.generic]
    origin_sequence: int
    origin_ns: int


class _Lane:
    """One channel's way over a link."""

    def __init__(self, source: int, target: int, wire: _Wire, statistics: LinkStatistics) -> None:
        self.source, self.target, self.wire, self.statistics = source, target, wire, statistics
        self.next: Frame | None = None  # waits for the wire
        self.ready_ns = 0  # from when on it could be sent
        self.sending: Frame | None = None  # its slot is free once the wire is
        self.flight: deque[_Transit] = deque()
        self.held_up = False
        # When the last tensors left the buffers that they were stored in, oldest first. While n tensors are under way,
        # the next one gets the buffer that number n left.
        self.freed_ns = deque([0] * BUFFERS, BUFFERS)
        self._specs: dict[tuple[float, int], TensorSpec] = {}

    def spec(self, frame: Frame) -> TensorSpec | None:
        """Return what a frame is, None if its channel carried too many kinds already."""
        quantisation = frame.scale, frame.zero_point
        if quantisation not in self._specs:
            if len(self._specs) == _MOST_QUANTISATIONS:
                return None
            self._specs[quantisation] = TensorSpec(frame.dtype, frame.shape, *quantisation)
        return self._specs[quantisation]


class LinkDevice(NativeDevice):
    """A link as a participant.

    Where a channel blocks, the link holds what has arrived until there is room, and takes no more from its sender than
    `BUFFERS` tensors. Where it drops, it drops at both rings.

    Parameters:
        name: the link.
        timing: its kind, rate, latency and packets.

    Attributes:
        statistics: of each direction.
    """

    def __init__(self, name: str, timing: LinkTiming) -> None:
        super().__init__(name)
        self.timing = timing
        self.statistics: dict[Direction, LinkStatistics] = {"sent": LinkStatistics(), "received": LinkStatistics()}
        there = _Wire()
        back = _Wire() if timing.kind.full_duplex else there
        self._wires: dict[Direction, _Wire] = {"sent": there, "received": back}
        self._lanes: list[_Lane] = []
        self._at: dict[int, _Lane] = {}

    def connect(self, direction: Direction, source: int, consumer: Consumer, target: int, producer: Producer) -> None:
        """Carry one channel; those that are connected first go first where tensors were published at the same time.

        Parameters:
            direction: "sent" by the board or "received" by it.
            source: doorbell of the ring that tensors come from.
            consumer: the consuming end of that ring; it must ask for the channel's dtype and shape.
            target: doorbell of the ring that they are put into.
            producer: the producing end of that ring.
        """
        lane = _Lane(source, target, self._wires[direction], self.statistics[direction])
        self._lanes.append(lane)
        self._at[source] = self._at[target] = lane
        self.attach(target, producer)  # served first: what is delivered makes room for what is fetched
        self.attach(source, consumer)

    @property
    def wake_ns(self) -> int:
        """When a wire becomes free, or a tensor arrives that nothing holds up."""
        wires = [wire.free_ns for wire in self._wires.values() if wire.free_ns > self.now_ns]
        flights = [lane.flight[0].arrival_ns for lane in self._lanes if lane.flight and self._delivers(lane)]
        return min((*wires, *flights), default=NEVER_NS)

    def _delivers(self, lane: _Lane) -> bool:
        return self.works(lane.target) and not lane.held_up

    def settle(self) -> None:
        """Do all that was due since the last boundary, one tensor on each wire after the other."""
        super().settle()
        while self._start():
            super().settle()

    def _serve(self, vector: int, end: ChannelEnd) -> bool:
        lane = self._at[vector]
        return self._deliver(lane, end) if isinstance(end, Producer) else self._fetch(lane, end)

    def _fetch(self, lane: _Lane, end: Consumer) -> bool:
        """Give back what has been sent, and take what is to be sent next; not before its wire is free."""
        kick = False
        if lane.wire.free_ns > self.now_ns:
            return kick
        if lane.sending is not None:
            kick = end.give_back(lane.sending)
            lane.sending = None
        if lane.next is None and self.works(lane.target) and len(lane.flight) < BUFFERS:
            lane.next = end.take()
            if lane.next is not None:
                lane.ready_ns = max(lane.next.produced_ns, lane.freed_ns[len(lane.flight)])
        return kick

    def _start(self) -> bool:
        """Put the tensor that was ready first on each wire that is free; False: there was nothing to start."""
        started = False
        for wire in {id(wire): wire for wire in self._wires.values()}.values():
            waiting = [lane for lane in self._lanes if lane.wire is wire and lane.next]
            if waiting and wire.free_ns <= self.now_ns:
                self._send(min(waiting, key=lambda lane: lane.ready_ns))
                started = True
        return started

    def _send(self, lane: _Lane) -> None:
        frame, lane.next = lane.next, None
        assert frame is not None
        spec = lane.spec(frame)
        if spec is None:
            del self._ends[lane.source]
            self._broken.append((lane.source, f"more than {_MOST_QUANTISATIONS} different quantisations"))
            return
        busy_ns = self.timing.wire_ns(spec.bytes)
        end_ns = max(lane.wire.free_ns, lane.ready_ns) + busy_ns
        arrival_ns = end_ns + self.timing.latency_ns
        lane.wire.free_ns, lane.sending = end_ns, frame
        lane.flight.append(_Transit(arrival_ns, spec, frame.array.copy(), frame.origin_sequence, frame.origin_ns))
        count = lane.statistics
        count.tensors += 1
        count.bytes += spec.bytes
        count.packets += self.timing.packets(spec.bytes)
        count.busy_ns += busy_ns
        count.worst_transit_ns = max(count.worst_transit_ns, arrival_ns - frame.produced_ns)

    def _deliver(self, lane: _Lane, end: Producer) -> bool:
        """Put what has arrived into its ring."""
        kick, late, lane.held_up = False, lane.held_up, False
        is_open = end.poll_ready()
        while lane.flight and lane.flight[0].arrival_ns <= self.now_ns:
            transit = lane.flight[0]
            slot = end.reserve(transit.spec) if is_open else None
            if slot is not None:
                slot[...] = transit.content
                kick |= end.commit(origin_sequence=transit.origin_sequence, origin_ns=transit.origin_ns)
            elif end.overflow == "block" or not is_open:
                lane.held_up = True
                break
            lane.flight.popleft()
            lane.freed_ns.append(self.now_ns if late else transit.arrival_ns)
        return kick
