"""Links on real rings: when tensors arrive, what waits, what is dropped, who is blamed."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pytest
from host.participants import MS, SPEC, US, Bench, Ringed, record
from hypothesis import given, settings
from hypothesis import strategies as st

from machines.memory import SharedRegion
from machines.native.link import BUFFERS, Direction, LinkDevice
from machines.native.link_timing import KINDS, LinkTiming
from machines.participant import NEVER_NS, State
from sim.host.channel import Channel, End
from sim.report.record import MessageRecord
from virtio_shm import Consumer, Frame, Layout, Producer, TensorSpec

MEGABAUD = LinkTiming(KINDS["uart"], Fraction(1_000_000), 100 * US, 1024)
"""A tensor of 16 bytes takes 440 us."""


# -- with the executive ------------------------------------------------------------------------------------------------


class Linked:
    """A board, the rest, and channels between them over a link."""

    def __init__(self, timing: LinkTiming, directions: list[Direction], work_ns: int = 0, depth: int = 32) -> None:
        self.link = LinkDevice("link", timing)
        self.channels: list[Channel] = []
        self.ends: list[tuple[Ringed, Ringed]] = []
        for number, direction in enumerate(directions):
            sender, taker = Ringed(f"sender{number}"), Ringed(f"taker{number}", work_ns)
            near, far = (self._ring(f"{side}{number}", depth) for side in ("near", "far"))
            source, target = 1 + 2 * number, 2 + 2 * number
            sender.attach(1, Producer(near.view, layout_of(depth), overflow="block", clock=sender.clock))
            taker.attach(1, Consumer(far.view, layout_of(depth), spec=SPEC, clock=taker.clock))
            self.link.connect(
                direction,
                source,
                Consumer(near.view, layout_of(depth), spec=SPEC, clock=self.link.clock),
                target,
                Producer(far.view, layout_of(depth), overflow="block", clock=self.link.clock),
            )
            wired = ((near, End(sender.name, 1), End("link", source)), (far, End("link", target), End(taker.name, 1)))
            for region, start, end in wired:
                self.channels.append(Channel(region.name, region, layout_of(depth), start, end, record()))
            self.ends.append((sender, taker))

    @staticmethod
    def _ring(name: str, depth: int) -> SharedRegion:
        region = SharedRegion(name, layout_of(depth).mapping_bytes)
        region.close()
        return region

    def send(self, number: int, t_ns: int, content: bytes = b"") -> None:
        sender = self.ends[number][0]
        sender.at(t_ns, partial(sender.produce, content))

    def run(self, until_ns: int) -> Bench:
        guests = [guest for pair in self.ends for guest in pair]
        bench = Bench(guests, self.channels, [self.link])  # type: ignore[list-item]
        bench.run(until_ns)
        assert not bench.failures
        return bench

    def near(self, number: int = 0) -> list[MessageRecord]:
        return self.channels[2 * number].record.messages

    def far(self, number: int = 0) -> list[MessageRecord]:
        return self.channels[2 * number + 1].record.messages


def layout_of(depth: int) -> Layout:
    return Layout.for_tensor(SPEC, depth)


def test_a_tensor_arrives_at_the_first_boundary_after_its_time_on_the_wire() -> None:
    linked = Linked(MEGABAUD, ["sent"])
    linked.send(0, 10 * MS + 200 * US, b"one")  # on the wire until 10.64, there at 10.74
    linked.send(0, 10 * MS + 300 * US, b"two")  # from 10.64 to 11.08, there at 11.18
    linked.run(20 * MS)
    assert [message.produced_ns for message in linked.near()] == [10 * MS + 200 * US, 10 * MS + 300 * US]
    assert [message.produced_ns for message in linked.far()] == [11 * MS, 12 * MS]
    assert [message.taken_ns for message in linked.far()] == [11 * MS, 12 * MS]
    assert [message.returned_ns for message in linked.near()] == [11 * MS, 12 * MS]
    sent = linked.link.statistics["sent"]
    assert (sent.tensors, sent.bytes, sent.packets, sent.busy_ns) == (2, 32, 2, 880 * US)
    assert sent.worst_transit_ns == 880 * US  # from 10.30 to 11.18
    assert linked.link.statistics["received"].tensors == 0


def test_content_and_origin_pass_through() -> None:
    linked = Linked(MEGABAUD, ["received"])
    for number in range(5):
        linked.send(0, (5 + number) * MS, bytes([number]))
    linked.run(20 * MS)
    assert len(linked.far()) == 5
    for sent, arrived in zip(linked.near(), linked.far(), strict=True):
        assert (arrived.hash, arrived.origin_ns) == (sent.hash, sent.produced_ns)
        assert arrived.origin_sequence == sent.sequence


def test_the_link_wakes_only_when_something_is_due() -> None:
    linked = Linked(MEGABAUD, ["sent"])
    linked.send(0, 50 * MS)
    bench = linked.run(200 * MS)
    assert [t_ns for t_ns in bench.boundaries if t_ns > 10 * MS] == [51 * MS, 52 * MS, 200 * MS]  # the taker gives back
    assert linked.link.wake_ns == NEVER_NS


def expected(linked: Linked, directions: list[Direction]) -> tuple[list[list[int]], list[int]]:
    """Return when tensors are there and the most that each wire is busy, by a simulation from event to event."""
    timing = linked.link.timing
    shared = not timing.kind.full_duplex
    arrivals: list[list[int]] = [[] for _ in directions]
    busy = []
    for wire in ("sent", "received"):
        lanes = [number for number, direction in enumerate(directions) if shared or direction == wire]
        waiting = {number: deque(message.produced_ns for message in linked.near(number)) for number in lanes}
        free_ns = count = 0
        while any(waiting.values()) and not (shared and wire == "received"):
            ready = {
                number: max(queue[0], arrivals[number][-BUFFERS] if len(arrivals[number]) >= BUFFERS else 0)
                for number, queue in waiting.items()
                if queue
            }
            first = min(ready, key=lambda number: (ready[number], number))
            free_ns = max(free_ns, ready[first]) + timing.wire_ns(SPEC.bytes)
            arrivals[first].append(free_ns + timing.latency_ns)
            waiting[first].popleft()
            count += 1
        busy.append(count * timing.wire_ns(SPEC.bytes))
    return arrivals, busy


@settings(deadline=None, max_examples=150)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    slower=st.integers(1, 40),
    latency_ns=st.integers(0, 6 * MS),
    sends=st.lists(
        st.tuples(st.sampled_from(["sent", "received"]), st.lists(st.integers(0, 12 * MS), max_size=14)),
        min_size=1,
        max_size=3,
    ),
)
def test_it_is_as_exact_as_a_simulation_from_event_to_event(
    kind: str, slower: int, latency_ns: int, sends: list[tuple[Direction, list[int]]]
) -> None:
    timing = LinkTiming(KINDS[kind], KINDS[kind].rate / slower, latency_ns, KINDS[kind].mtu)
    directions = [direction for direction, _ in sends]
    linked = Linked(timing, directions)
    for number, (_, times) in enumerate(sends):
        for t_ns in times:
            linked.send(number, 3 * MS + t_ns)
    linked.run(5000 * MS)
    arrivals, busy = expected(linked, directions)
    for number, (_, times) in enumerate(sends):
        boundaries = [-(-arrival // MS) * MS for arrival in arrivals[number]]
        assert [message.produced_ns for message in linked.far(number)] == boundaries
        assert len(boundaries) == len(times)
    statistics = linked.link.statistics
    assert sum(each.busy_ns for each in statistics.values()) == sum(busy)
    assert sum(each.tensors for each in statistics.values()) == sum(len(times) for _, times in sends)


@settings(deadline=None, max_examples=15)
@given(work_us=st.integers(100, 3000), depth=st.sampled_from([2, 4]), count=st.integers(1, 40))
def test_a_slow_taker_loses_nothing(work_us: int, depth: int, count: int) -> None:
    linked = Linked(MEGABAUD, ["sent"], work_us * US, depth)
    for number in range(count):
        linked.send(0, 5 * MS + number * 100 * US, bytes([number]))
    linked.run(5000 * MS)
    assert [message.hash for message in linked.far()] == [message.hash for message in linked.near()]
    assert len(linked.far()) == count
    assert all(message.returned_ns is not None for message in linked.near() + linked.far())


def test_the_ninth_tensor_waits_for_the_first_to_arrive() -> None:
    """The other side has eight buffers; the sender hears at once, also within a quantum, when one is free."""
    timing = LinkTiming(KINDS["spi"], Fraction(40_000_000), 5250 * US, 4096)  # 8.85 us on the wire
    linked = Linked(timing, ["sent"])
    for _ in range(9):
        linked.send(0, 10 * MS)
    linked.run(40 * MS)
    assert [message.produced_ns for message in linked.far()] == [*[16 * MS] * 8, 21 * MS]  # 15.26 and 20.52 ms


def test_half_duplex_directions_wait_for_each_other_and_full_duplex_ones_do_not() -> None:
    times = {}
    for kind in ("sdio", "spi"):
        linked = Linked(LinkTiming(KINDS[kind], Fraction(1_000_000), 0, 4096), ["sent", "received"])
        linked.send(0, 10 * MS)
        linked.send(1, 10 * MS)
        linked.run(30 * MS)
        times[kind] = [linked.far(number)[0].produced_ns for number in (0, 1)]
    assert times == {"sdio": [12 * MS, 13 * MS], "spi": [11 * MS, 11 * MS]}  # 1.219 ms each, 0.354 ms each


# -- by hand -----------------------------------------------------------------------------------------------------------


@dataclass
class Wired:
    """One channel over a link whose both outer ends the test plays, at the link's time."""

    link: LinkDevice
    sender: Producer
    taker: Consumer
    near: SharedRegion
    far: SharedRegion

    @classmethod
    def make(cls, link: LinkDevice, overflow: str = "block", depth: int = 4, first: int = 1) -> Wired:
        layout = layout_of(depth)
        near, far = (SharedRegion(name, layout.mapping_bytes) for name in ("near", "far"))
        near.close()
        far.close()
        policy: dict[str, Any] = {"overflow": overflow, "clock": link.clock}
        consumer = Consumer(near.view, layout, spec=SPEC, clock=link.clock)
        link.connect("sent", first, consumer, first + 1, Producer(far.view, layout, **policy))
        sender = Producer(near.view, layout, **policy)
        return cls(link, sender, Consumer(far.view, layout, clock=link.clock), near, far)

    def open(self) -> None:
        for _ in range(4):
            self.sender.poll_ready()
            self.taker.poll_ready()
            act(self.link, self.link.now_ns)
        assert self.sender.poll_ready() and self.taker.poll_ready()

    def send(self, value: int, spec: TensorSpec = SPEC) -> bool:
        slot = self.sender.reserve(spec)
        if slot is None:
            return False
        slot[...] = value
        self.sender.commit(origin_sequence=value, origin_ns=0)
        return True

    def take(self) -> list[Frame]:
        taken = []
        while (frame := self.taker.take()) is not None:
            taken.append(frame)
            frame.array = frame.array.copy()
            self.taker.give_back(frame)
        return taken


def act(link: LinkDevice, now_ns: int) -> list[int]:
    link.grant(now_ns)
    link.settle()
    return list(link.collect())


def keep_sending(wired: Wired, milliseconds: int) -> int:
    """Send as often as there is room; return how many."""
    sent = 0
    for _ in range(milliseconds):
        while wired.send(sent):
            sent += 1
        act(wired.link, wired.link.now_ns + MS)
    return sent


def test_what_nobody_takes_holds_up_the_sender() -> None:
    wired = Wired.make(LinkDevice("link", MEGABAUD))
    wired.open()
    sent = keep_sending(wired, 50)
    assert sent == 4 + BUFFERS + 4  # in the far ring, in the link, in the near ring
    assert wired.link.wake_ns == NEVER_NS  # only a doorbell helps
    busy_ns = wired.link.statistics["sent"].busy_ns
    assert busy_ns == (4 + BUFFERS) * 440 * US
    assert [frame.origin_sequence for frame in wired.take()] == [0, 1, 2, 3]
    assert act(wired.link, wired.link.now_ns) != []
    seen = wired.take()
    while len(seen) < sent - 4:
        act(wired.link, wired.link.now_ns + MS)
        seen += wired.take()
    assert [frame.origin_sequence for frame in seen] == list(range(4, sent))
    assert [int(frame.array[0]) for frame in seen] == list(range(4, sent))


def test_after_a_hold_up_the_wire_begins_when_a_buffer_is_free() -> None:
    wired = Wired.make(LinkDevice("link", MEGABAUD), depth=2)
    wired.open()
    keep_sending(wired, 50)
    wired.take()
    held_until_ns = wired.link.now_ns
    act(wired.link, held_until_ns)
    assert wired.link.wake_ns == held_until_ns + 440 * US
    assert wired.link.statistics["sent"].worst_transit_ns > 30 * MS


@pytest.mark.parametrize(("overflow", "kept"), [("drop_newest", range(4)), ("drop_oldest", range(16, 20))])
def test_where_the_channel_drops_the_link_goes_on(overflow: str, kept: range) -> None:
    wired = Wired.make(LinkDevice("link", MEGABAUD), overflow)
    wired.open()
    for value in range(20):
        assert wired.send(value)
        act(wired.link, wired.link.now_ns + MS)
    act(wired.link, wired.link.now_ns + MS)
    assert [frame.origin_sequence for frame in wired.take()] == list(kept)
    assert wired.link.statistics["sent"].tensors == 20


@pytest.mark.parametrize("overflow", ["block", "drop_newest", "drop_oldest"])
def test_what_comes_before_the_other_side_is_there_waits_for_it(overflow: str) -> None:
    wired = Wired.make(LinkDevice("link", MEGABAUD), overflow)
    for _ in range(4):
        wired.sender.poll_ready()
        act(wired.link, 0)
    for value in range(3):
        assert wired.send(value)
    for _ in range(10):
        act(wired.link, wired.link.now_ns + MS)
    wired.open()
    assert [frame.origin_sequence for frame in wired.take()] == [0, 1, 2]


def test_an_oldest_tensor_that_waits_for_the_wire_can_be_withdrawn() -> None:
    """The link claims what it sends and not what waits: a slow wire carries what is new."""
    slow = LinkTiming(KINDS["uart"], Fraction(10_000), 0, 1024)  # 44 ms for each
    wired = Wired.make(LinkDevice("link", slow), "drop_oldest")
    wired.open()
    seen = []
    for value in range(200):
        assert wired.send(value)
        act(wired.link, wired.link.now_ns + MS)
        seen += [frame.origin_sequence for frame in wired.take()]
    assert seen[0] == 0
    steps = np.diff(seen)
    assert len(seen) >= 4 and steps.min() > 30


def test_quantisation_passes_through_but_not_without_end() -> None:
    wired = Wired.make(LinkDevice("link", MEGABAUD))
    wired.open()
    seen = []
    for value in range(20):
        wired.send(value, TensorSpec(SPEC.dtype, SPEC.shape, 0.5 + value, value))
        act(wired.link, wired.link.now_ns + 2 * MS)
        seen += [(frame.scale, frame.zero_point) for frame in wired.take()]
    assert seen == [(0.5 + value, value) for value in range(16)]
    ((vector, reason),) = wired.link.broken()
    assert (vector, reason) == (1, "more than 16 different quantisations")


@pytest.mark.parametrize("side", ["near", "far"])
def test_a_ring_that_is_broken_costs_that_channel_only(side: str) -> None:
    link = LinkDevice("link", MEGABAUD)
    broken, sound = Wired.make(link, first=1), Wired.make(link, first=3)
    broken.open()
    sound.open()
    broken.send(1)
    act(link, link.now_ns + 100 * US)  # on the wire now
    region, end = (broken.near, layout_of(4).available) if side == "near" else (broken.far, layout_of(4).used)
    region.view[end + 2 : end + 4] = b"\xff\x7f"
    for value in range(6):
        sound.send(value)
        if side == "far":
            broken.send(value)
        act(link, link.now_ns + MS)
    ((vector, reason),) = link.broken()
    assert (vector, "lied" in reason) == (1 if side == "near" else 2, True)
    if side == "near":
        assert [frame.origin_sequence for frame in broken.take()] == [1]  # what was sent before arrives
    for _ in range(4):
        act(link, link.now_ns + MS)
    assert [frame.origin_sequence for frame in sound.take()] == [0, 1, 2, 3]
    assert link.broken() == []
    assert link.state is State.RUNNING
    assert link.wake_ns == NEVER_NS
    assert link.statistics["sent"].tensors == 1 + 6  # what can no longer arrive is not sent


def test_a_tensor_of_another_kind_is_the_senders_fault() -> None:
    wired = Wired.make(LinkDevice("link", MEGABAUD))
    wired.open()
    wired.send(1, TensorSpec("float32", (2,)))
    act(wired.link, wired.link.now_ns + MS)
    assert [vector for vector, _ in wired.link.broken()] == [1]
    assert wired.link.statistics["sent"].tensors == 0


def test_what_the_sender_writes_after_it_was_taken_does_not_count() -> None:
    wired = Wired.make(LinkDevice("link", MEGABAUD))
    wired.open()
    slot = wired.sender.reserve(SPEC)
    assert slot is not None
    slot[...] = 7
    wired.sender.commit()
    act(wired.link, wired.link.now_ns)
    slot[...] = 99
    act(wired.link, wired.link.now_ns + MS)
    assert [int(frame.array[0]) for frame in wired.take()] == [7]
