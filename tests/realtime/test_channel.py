"""What the host sees of a ring that two processes use as fast as they can, while it looks."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from multiprocessing.synchronize import Barrier

import numpy as np
import pytest

from machines.errors import ParticipantFailed
from machines.memory import SharedRegion
from sim.host.channel import End, Published
from sim.host.realtime.channel import FreeChannel
from sim.host.trace import Trace
from sim.report.record import ChannelRecord
from virtio_shm import Consumer, Layout, Producer, TapEvent, TensorSpec
from virtio_shm.layout import RECEIPT_BYTES, REFUSED_OFFSET

FORK = multiprocessing.get_context("fork")
DEPTH = 4
PARTS = 10
"""After each the ends rest, until the host has looked at them at rest."""

LONGEST_S = 60


def make(spec: TensorSpec, overflow: str) -> FreeChannel:
    layout = Layout.for_tensor(spec, DEPTH)
    region = SharedRegion("busy", layout.mapping_bytes)
    record = ChannelRecord("a", "b", spec.dtype, spec.shape, DEPTH, overflow, layout.region_bytes)
    channel = FreeChannel("busy", region, layout, End("a", 1), End("b", 1), record)
    channel.clock = time.monotonic_ns
    channel.tolerance_ns = 1_000_000
    return channel


def refused(channel: FreeChannel) -> int:
    """Return how many tensors the producer dropped before they were published, as it says."""
    at = channel.layout.driver + REFUSED_OFFSET
    return int.from_bytes(channel.region.view[at : at + 4], "little")


def produce(channel: FreeChannel, spec: TensorSpec, overflow: str, count: int, rest: Barrier) -> None:
    """Send tensors of which each element is the number of the tensor; wait after each part of them.

    Where all slots are claimed for a moment, `drop_oldest` drops the new one: its number is used up.
    """
    producer = Producer(channel.region.view, channel.layout, overflow=overflow, clock=time.monotonic_ns)  # type: ignore[arg-type]
    sent = 0
    while sent < count:
        producer.poll_ready()
        slot = producer.reserve(spec)
        if slot is None:
            time.sleep(0)
            continue
        slot[...] = sent + refused(channel)
        producer.commit()
        sent += 1
        if not sent % (count // PARTS):
            rest.wait()
        elif not sent % 100:
            time.sleep(0.001)


def consume(channel: FreeChannel, spec: TensorSpec, count: int, rest: Barrier) -> None:
    """Take all that comes, and hold one of the last tensors of each part until the host has looked at the others."""
    consumer = Consumer(channel.region.view, channel.layout, spec=spec, clock=time.monotonic_ns)
    for end in range(count // PARTS, count + 1, count // PARTS):
        held = False
        while not held:
            frame = consumer.take()
            if frame is None:
                time.sleep(0)
                continue
            held = frame.sequence >= end - DEPTH
            if held:
                rest.wait()
            consumer.give_back(frame)


@pytest.mark.slow
@pytest.mark.parametrize("overflow", ["block", "drop_oldest"])
@pytest.mark.parametrize(("elements", "count"), [(8, 40_000), (20_000, 6_000)])
def test_no_torn_tensor_is_ever_shown(elements: int, count: int, overflow: str) -> None:
    """Nor is anybody accused, whatever the moment of a look; and where the ends rest, the host has caught up.

    How many tensors it sees whole in between is up to whoever shares the processors among the three processes: a tensor
    may be given back before it is copied, each time.
    """
    spec = TensorSpec("uint64", (elements,))
    channel = make(spec, overflow)
    wrong: list[int] = []
    seen: list[int] = []

    def observe(published: Published) -> None:
        seen.append(published.sequence)
        if not (published.array == published.sequence).all():
            wrong.append(published.sequence)

    channel.observers.append(observe)
    rest = FORK.Barrier(3)
    ends = [
        FORK.Process(target=produce, args=(channel, spec, overflow, count, rest), daemon=True),
        FORK.Process(target=consume, args=(channel, spec, count, rest), daemon=True),
    ]
    for end in ends:
        end.start()
    try:
        for part in range(1, PARTS + 1):
            look_until_both_rest(channel, rest)
            newest = part * count // PARTS - 1 + refused(channel)
            assert seen[-1] == newest, "the newest tensor lies in the ring, whole"
            rest.wait(LONGEST_S)
    finally:
        for end in ends:
            end.terminate()
            end.join()
    channel.conclude()
    assert not wrong
    assert seen == sorted(set(seen))
    assert [message.sequence for message in channel.record.messages] == list(range(count + refused(channel)))
    assert channel.record.producer.pushed == count
    assert channel.record.dropped == channel.record.producer.dropped
    assert overflow == "drop_oldest" or channel.record.dropped == 0, "what the host missed was not dropped"


def look_until_both_rest(channel: FreeChannel, rest: Barrier) -> None:
    """Look all the time, and once more when nothing moves."""
    trace = Trace()
    deadline = time.monotonic() + LONGEST_S
    while rest.n_waiting < 2:
        assert time.monotonic() < deadline, "an end is stuck"
        channel.observe(time.monotonic_ns(), trace, "")
    channel.observe(time.monotonic_ns(), trace, "")


class Pair:
    """Both ends in this process, for what must happen in an order."""

    def __init__(self, overflow: str = "block") -> None:
        self.spec = TensorSpec("uint8", (16,))
        self.channel = make(self.spec, overflow)
        memory, layout = self.channel.region.view, self.channel.layout
        self.producer = Producer(memory, layout, overflow=overflow, clock=time.monotonic_ns)  # type: ignore[arg-type]
        self.consumer = Consumer(memory, layout, spec=self.spec, clock=time.monotonic_ns)
        for _ in range(4):
            self.producer.poll_ready()
            self.consumer.poll_ready()

    def send(self) -> None:
        assert self.producer.send(self.spec, bytes(16)) is not None

    def look(self) -> None:
        self.channel.observe(time.monotonic_ns(), Trace(), "")


@pytest.fixture
def pair() -> Iterator[Pair]:
    yield Pair()


def test_a_receipt_that_is_seen_before_its_tensor_waits_for_it(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    now_ns = time.monotonic_ns()
    taken = TapEvent("taken", sequence=0, taken_ns=now_ns + 10)
    tensor = TapEvent("published", sequence=0, produced_ns=now_ns, dtype="uint8", payload=np.zeros(16, np.uint8))
    looks = iter([[taken], [tensor]])
    monkeypatch.setattr(pair.channel._tap, "poll", lambda: next(looks))
    pair.look()
    assert not pair.channel.record.messages
    pair.look()
    assert pair.channel.record.messages[0].taken_ns == now_ns + 10


def tensor(sequence: int) -> TapEvent:
    return TapEvent("published", sequence=sequence, produced_ns=1, dtype="uint8", payload=np.zeros(16, np.uint8))


def put_index(pair: Pair, index: int) -> None:
    """Have the ring say how many tensors were published."""
    at = pair.channel.layout.available + 2
    pair.channel.region.view[at : at + 2] = index.to_bytes(2, "little")


def test_a_header_that_is_seen_in_its_predecessors_place_makes_no_drops(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slot that was filled again while it was read."""
    looks = iter([[tensor(0)], [tensor(3), tensor(2), tensor(3)], [tensor(4)]])
    monkeypatch.setattr(pair.channel._tap, "poll", lambda: next(looks))
    for index in (1, 4, 5):
        put_index(pair, index)
        pair.look()
    record = pair.channel.record
    assert [message.sequence for message in record.messages] == [0, 1, 2, 3, 4]
    assert (record.gaps, record.dropped, pair.channel.torn) == (2, 0, 2)


def test_a_producer_that_is_faster_than_the_host_is_not_at_fault(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is all that went by recorded one by one; but numbers that the ring's index knows nothing of are a lie."""
    for module in ("sim.host.channel", "sim.host.realtime.channel"):
        monkeypatch.setattr(f"{module}.MOST_MISSED", 10)
    looks = iter([[TapEvent("lost", count=100), tensor(100)], [tensor(200)]])
    monkeypatch.setattr(pair.channel._tap, "poll", lambda: next(looks))
    put_index(pair, 101)
    pair.look()
    record = pair.channel.record
    assert [message.sequence for message in record.messages] == list(range(90, 101))
    assert (record.gaps, record.dropped, pair.channel.uncounted) == (100, 0, 90)
    put_index(pair, 102)
    with pytest.raises(ParticipantFailed, match="sequence 200 after 100"):
        pair.look()


def test_a_refused_tensor_is_not_taken_for_one_that_went_by_unseen() -> None:
    """Its number is missing, and the ring's index has no place for it."""
    pair = Pair("drop_oldest")
    for _ in range(DEPTH):
        pair.send()
    frames = [pair.consumer.take() for _ in range(DEPTH)]
    pair.look()
    assert pair.producer.send(pair.spec, bytes(16)) is None
    assert pair.channel.moved, "so that it is told in time"
    pair.look()
    assert frames[0] is not None
    pair.consumer.give_back(frames[0])
    pair.send()
    pair.look()
    pair.channel.conclude()
    record = pair.channel.record
    assert [message.sequence for message in record.messages if message.dropped] == [DEPTH]
    assert (len(record.messages), record.gaps, record.producer.dropped) == (DEPTH + 2, 1, 1)


def test_receipts_without_end_are_not_kept(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    receipts = [TapEvent("taken", sequence=n, taken_ns=5) for n in range(100, 200)]
    monkeypatch.setattr(pair.channel._tap, "poll", lambda: receipts)
    pair.look()
    assert len(pair.channel._early) < 20
    assert not pair.channel.record.messages


def test_a_producer_that_lies_is_blamed(pair: Pair) -> None:
    pair.send()
    available = pair.channel.layout.available
    pair.channel.region.view[available + 4 : available + 6] = b"\xff\xff"  # no such descriptor
    with pytest.raises(ParticipantFailed, match="broke the ring of channel busy") as failed:
        pair.look()
    assert failed.value.participant == "a"
    pair.look()  # it is said once


def test_a_consumer_that_lies_is_blamed(pair: Pair) -> None:
    pair.send()
    frame = pair.consumer.take()
    assert frame is not None
    pair.consumer.give_back(frame)
    receipt = pair.channel.layout.receipts + RECEIPT_BYTES * frame.slot
    pair.channel.region.view[receipt + 16 : receipt + 24] = (1).to_bytes(8, "little")  # returned long before it came
    with pytest.raises(ParticipantFailed) as failed:
        pair.look()
    assert failed.value.participant == "b"


def test_doorbells_are_counted_as_the_ends_count_them(pair: Pair) -> None:
    assert pair.consumer.take() is None  # asleep from now on
    pair.send()
    assert pair.channel.doorbells() == [(pair.channel.source, 1)]
    assert pair.channel.doorbells() == []


def test_a_look_is_spared_where_nothing_moved(pair: Pair) -> None:
    moved = [pair.channel.moved for _ in range(2)]
    pair.send()
    moved += [pair.channel.moved for _ in range(2)]
    assert moved == [True, False, True, False]
