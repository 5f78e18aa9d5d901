"""What the host sees of a channel: every message, receipt and drop, and who lied."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
import pytest

from machines.errors import ParticipantFailed
from machines.memory import SharedRegion
from sim.host.channel import Channel, End, Published
from sim.host.trace import Trace
from virtio_shm import Consumer, Frame, Layout, Producer, RingError

from .participants import MS, SPEC, US, record

DEPTH = 4


class Wired:
    """A channel with a real producer and a real consumer, whose common clock a test sets."""

    def __init__(self, overflow: str = "block", depth: int = DEPTH) -> None:
        self.now_ns = 0
        self.layout = Layout.for_tensor(SPEC, depth)
        self.region = SharedRegion("wired", self.layout.mapping_bytes)
        self.region.close()
        clock = self.clock
        self.producer = Producer(self.region.view, self.layout, overflow=overflow, clock=clock)  # type: ignore[arg-type]
        self.consumer = Consumer(self.region.view, self.layout, spec=SPEC, clock=clock)
        self.trace = Trace()
        self.channel = Channel("wired", self.region, self.layout, End("source", 1), End("target", 1), record(overflow))
        self.messages = self.channel.record.messages
        self.negotiate()

    def clock(self) -> int:
        return self.now_ns

    def negotiate(self) -> None:
        """Bring both ends into a session."""
        for _ in range(6):
            self.producer.poll_ready()
            self.consumer.poll_ready()
        assert self.producer.poll_ready() and self.consumer.poll_ready()

    def send(self, value: int, **origin: int) -> bool:
        """Publish a tensor that is filled with one value; False if the ring refused it."""
        slot = self.producer.reserve(SPEC)
        if slot is None:
            return False
        slot[:] = value
        self.producer.commit(**origin)
        return True

    def take(self) -> Frame:
        frame = self.consumer.take()
        assert frame is not None
        return frame

    def observe(self, now_ns: int, actor: str = "both") -> None:
        """Look from a boundary."""
        self.now_ns = now_ns
        self.channel.observe(now_ns, self.trace, actor)

    @property
    def kinds(self) -> list[str]:
        """What the trace says, without times and facts."""
        return [line.split()[1] for line in self.trace.lines]


def test_the_life_of_a_tensor() -> None:
    wired = Wired()
    seen: list[tuple[int, bytes]] = []
    wired.channel.observers.append(lambda published: seen.append((published.sequence, published.array.tobytes())))
    wired.now_ns = 300 * US
    wired.send(7, origin_sequence=41, origin_ns=100 * US)
    wired.observe(1 * MS)
    assert seen == [(0, bytes([7]) * 16)]
    wired.now_ns = 1_200 * US
    frame = wired.take()
    wired.observe(2 * MS, "target")
    wired.now_ns = 2_500 * US
    wired.consumer.give_back(frame)
    wired.observe(3 * MS, "target")
    (message,) = wired.messages
    assert (message.sequence, message.origin_sequence, message.bytes, message.dropped) == (0, 41, 16, False)
    assert (message.origin_ns, message.produced_ns) == (100 * US, 300 * US)
    assert (message.taken_ns, message.returned_ns) == (1_200 * US, 2_500 * US)
    assert wired.kinds == ["tensor", "taken", "returned"]
    assert wired.trace.lines[0].startswith("1000000 tensor wired 0 300000 41 100000 uint8 16 ")


def test_looking_again_sees_nothing_new() -> None:
    wired = Wired()
    wired.send(1)
    wired.observe(1 * MS)
    digest = wired.trace.digest
    wired.observe(2 * MS)
    assert wired.trace.digest == digest


def test_what_came_and_went_between_two_looks_is_whole() -> None:
    wired = Wired()
    wired.now_ns = 10
    wired.send(1)
    wired.now_ns = 20
    wired.consumer.give_back(wired.take())
    wired.observe(1 * MS)
    (message,) = wired.messages
    assert (message.produced_ns, message.taken_ns, message.returned_ns) == (10, 20, 20)


def test_the_hash_is_that_of_the_content() -> None:
    wired = Wired()
    for value in (1, 2, 1):
        wired.send(value)
    wired.observe(1 * MS)
    one, two, three = (message.hash for message in wired.messages)
    assert one == three != two


def test_a_blocking_ring_drops_nothing() -> None:
    wired = Wired("block")
    assert [wired.send(value) for value in range(6)] == [True] * 4 + [False] * 2
    wired.observe(1 * MS)
    wired.consumer.give_back(wired.take())
    assert wired.send(4)
    wired.observe(2 * MS)
    assert [message.sequence for message in wired.messages] == [0, 1, 2, 3, 4]
    assert wired.channel.record.dropped == 0


def test_drop_newest_leaves_gaps_that_are_counted() -> None:
    wired = Wired("drop_newest")
    assert [wired.send(value) for value in range(6)] == [True] * 4 + [False] * 2
    wired.observe(1 * MS)
    wired.consumer.give_back(wired.take())
    wired.now_ns = 1_100 * US
    assert wired.send(6)
    wired.observe(2 * MS)
    assert [message.sequence for message in wired.messages] == list(range(7))
    assert [message.sequence for message in wired.messages if message.dropped] == [4, 5]
    assert wired.channel.record.dropped == wired.producer.counters.dropped == 2


def test_what_is_refused_last_counts_too() -> None:
    """A consumer that has stopped: nothing is ever published again, yet tensors are lost all the time."""
    wired = Wired("drop_newest")
    for value in range(10):
        wired.send(value)
        wired.observe((value + 1) * MS)
    wired.channel.conclude()
    assert wired.channel.record.dropped == 6
    assert wired.channel.record.published == 10


def test_a_tensor_is_withdrawn_when_another_one_gets_its_slot() -> None:
    """Not a whole ring later: its consumer may hold some of the slots."""
    wired = Wired("drop_oldest")
    for value in range(4):
        wired.now_ns = 10 * value + 10
        assert wired.send(value)
    held = wired.take()
    wired.observe(50)
    for value in range(4, 6):
        wired.now_ns = 10 * value + 20
        assert wired.send(value)
    wired.observe(100)
    assert held.sequence == 0
    assert [(each.sequence, each.returned_ns) for each in wired.messages if each.dropped] == [(1, 60), (2, 70)]


def test_a_claimed_tensor_from_the_future_may_be_taken_after_newer_ones_were_withdrawn() -> None:
    """A consumer without a core has claimed one that lies in its future, while its producer goes round the ring."""
    wired = Wired("drop_oldest", 2)
    wired.now_ns = 10
    assert wired.send(0)
    wired.now_ns = 5
    assert wired.consumer.take() is None and wired.consumer.due_ns == 10
    for value in range(1, 9):
        wired.now_ns = 10 * value + 10
        assert wired.send(value)
        wired.observe(wired.now_ns, "source")
    frame = wired.take()
    assert frame.sequence == 0
    wired.consumer.give_back(frame)
    wired.observe(200, "target")
    wired.channel.conclude()
    assert [message.sequence for message in wired.messages if message.dropped] == [1, 2, 3, 4, 5, 6, 7]
    assert (wired.messages[0].taken_ns, wired.messages[0].returned_ns) == (90, 90)


def test_a_receipt_for_a_tensor_that_came_and_went_between_two_looks() -> None:
    """Both ends may be one partition's: its slot holds the next tensor already, and the receipt is still that of it."""
    wired = Wired(depth=2)
    wired.now_ns = 10
    assert wired.send(1)
    wired.consumer.give_back(wired.take())
    assert wired.send(2)
    wired.observe(100)
    wired.consumer.give_back(wired.take())
    wired.observe(200)
    wired.channel.conclude()
    assert [message.sequence for message in wired.messages] == [0, 1]
    assert not wired.channel.broken and not any(message.dropped for message in wired.messages)
    assert wired.channel.record.gaps == 1


def test_drop_oldest_withdraws_what_was_not_taken() -> None:
    wired = Wired("drop_oldest")
    for value in range(6):
        wired.now_ns = value * MS
        assert wired.send(value)
        wired.observe(value * MS)
    assert [message.sequence for message in wired.messages if message.dropped] == [0, 1]
    assert [message.returned_ns for message in wired.messages if message.dropped] == [4 * MS, 5 * MS]
    assert wired.take().array[0] == 2
    wired.observe(6 * MS, "target")
    assert wired.channel.record.dropped == wired.producer.counters.dropped == 2
    assert wired.kinds.count("revoked") == 2


def test_what_nobody_saw_is_not_called_dropped() -> None:
    """Two services of one guest are both ends of a channel: more than a ring's depth can pass within a quantum."""
    wired = Wired("block")
    for value in range(3 * DEPTH):
        wired.now_ns = value * US
        wired.send(value)
        wired.consumer.give_back(wired.take())
    wired.observe(1 * MS)
    assert wired.channel.record.dropped == 0
    wired.send(0)
    wired.observe(2 * MS)
    assert wired.channel.record.published == 3 * DEPTH + 1


def test_a_ring_never_holds_more_than_its_depth() -> None:
    """Guests run one after the other: a producer may find a slot that is given back later in the same quantum."""
    wired = Wired("block", depth=2)
    for value in range(2):
        wired.send(value)
    wired.observe(1 * MS)
    wired.now_ns = 1_900 * US
    wired.consumer.give_back(wired.take())
    wired.observe(2 * MS, "target")
    wired.now_ns = 1_100 * US
    wired.send(2)
    wired.observe(2 * MS)
    wired.channel.conclude()
    assert wired.channel.record.occupancy_max == 2


def test_a_consumer_that_restarts_loses_what_was_under_way_and_no_more() -> None:
    wired = Wired("block")
    for value in range(3):
        wired.send(value)
        wired.observe(1 * MS)
        if value < 2:
            wired.consumer.give_back(wired.take())
            wired.observe(1 * MS, "target")
    wired.now_ns = 2 * MS
    wired.consumer.restart()
    wired.negotiate()
    wired.observe(2 * MS)
    wired.send(3)
    wired.consumer.give_back(wired.take())
    wired.observe(3 * MS)
    assert "session" in wired.kinds
    delivered = [message for message in wired.messages if message.taken_ns is not None]
    dropped = [message for message in wired.messages if message.dropped]
    assert (len(wired.messages), len(delivered), len(dropped)) == (4, 3, 1)
    assert wired.channel.record.occupancy_max == 1
    assert wired.channel.record.steps()[-1][1] == 0


def test_counters_are_what_the_ends_say() -> None:
    wired = Wired()
    for value in range(3):
        wired.send(value)
    wired.observe(1 * MS)
    wired.consumer.give_back(wired.take())
    wired.observe(2 * MS, "target")
    wired.send(3)
    wired.observe(3 * MS)
    wired.channel.conclude()
    producer, consumer = wired.channel.record.producer, wired.channel.record.consumer
    assert (producer.pushed, producer.popped, producer.high_water) == (4, 1, 3)
    assert (consumer.pushed, consumer.popped) == (1, 1)


# -- lies ------------------------------------------------------------------------------------------------------------


def poke(wired: Wired, offset: int, form: str, *values: int) -> None:
    """Write into the region as a guest with a debugger would."""
    struct.pack_into(form, wired.region.view, offset, *values)


Damage = Callable[[Wired], None]


def newest_frame(wired: Wired) -> int:
    """Return the offset of the frame header that was published last."""
    view, layout = wired.region.view, wired.layout
    (index,) = struct.unpack_from("<H", view, layout.available + 2)
    (number,) = struct.unpack_from("<H", view, layout.available + 4 + 2 * ((index - 1) % layout.depth))
    offset: int = struct.unpack_from("<Q", view, layout.descriptors + 16 * number)[0]
    return offset


def _frame(field: int, form: str, *values: int) -> Damage:
    """Damage a field of a frame header."""
    return lambda wired: poke(wired, newest_frame(wired) + field, form, *values)


DAMAGES: dict[str, tuple[Damage, str]] = {
    "available index": (lambda wired: poke(wired, wired.layout.available + 2, "<H", 0x7FFF), "available_index"),
    "descriptor id": (lambda wired: poke(wired, wired.layout.available + 4, "<H", 999), "descriptor_id"),
    "address": (lambda wired: poke(wired, wired.layout.descriptors, "<Q", 2**40), "descriptor_address"),
    "length": (lambda wired: poke(wired, wired.layout.descriptors + 8, "<I", 2**31), "descriptor_length"),
    "magic": (_frame(0, "<I", 0), "frame_header"),
    "dtype": (_frame(6, "<B", 77), "frame_tensor"),
    "rank": (_frame(7, "<B", 255), "frame_tensor"),
    "extent": (_frame(8, "<I", 2**32 - 1), "frame_"),
    "payload": (_frame(44, "<I", 2**32 - 1), "frame_bytes"),
    "future": (_frame(56, "<Q", 2**63), "a tensor of 9223372036854775808 ns at 1000000 ns"),
    "sequence": (_frame(48, "<Q", 2**64 - 1), "sequence 18446744073709551615 after -1"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_lie_of_the_producer_is_told_once(damage: str) -> None:
    spoil, words = DAMAGES[damage]
    wired = Wired()
    wired.send(1)
    spoil(wired)
    with pytest.raises(ParticipantFailed, match=words) as caught:
        wired.observe(1 * MS, "source")
    assert caught.value.participant == "source"
    assert "channel wired" in caught.value.reason
    assert "\n" not in str(caught.value)
    wired.observe(2 * MS)
    assert not wired.messages


def test_a_sequence_that_goes_back_is_a_lie() -> None:
    wired = Wired()
    wired.send(1)
    wired.send(2)
    wired.observe(1 * MS)
    wired.send(3)
    poke(wired, newest_frame(wired) + 48, "<Q", 0)
    with pytest.raises(ParticipantFailed, match="sequence 0 after 1"):
        wired.observe(2 * MS)


@pytest.mark.parametrize("taken_ns", [0, 999, 5 * MS])
def test_a_receipt_from_another_time_is_a_lie(taken_ns: int) -> None:
    wired = Wired()
    wired.now_ns = 1_000
    wired.send(1)
    wired.observe(1 * MS)
    wired.take()
    poke(wired, wired.layout.receipts + 8, "<Q", taken_ns)
    with pytest.raises(ParticipantFailed, match=f"taken at {taken_ns} ns") as caught:
        wired.observe(2 * MS, "target")
    assert caught.value.participant == "target"


def test_a_receipt_for_what_never_was_is_a_lie() -> None:
    wired = Wired()
    wired.send(1)
    wired.observe(1 * MS)
    wired.take()
    poke(wired, wired.layout.receipts, "<Q", 12345)
    with pytest.raises(ParticipantFailed, match="tensor 12345") as caught:
        wired.observe(2 * MS, "target")
    assert caught.value.participant == "target"


def test_who_ran_is_blamed_whatever_it_damaged() -> None:
    """The consumer damages what only the producer may write: nobody else can have done it."""
    wired = Wired()
    wired.send(1)
    wired.observe(1 * MS)
    wired.region.view[:512] = b"\xa5" * 512
    with pytest.raises(ParticipantFailed) as caught:
        wired.observe(2 * MS, "target")
    assert caught.value.participant == "target"


@pytest.mark.parametrize("seed", range(20))
def test_random_damage_is_a_failure_or_nothing(seed: int) -> None:
    random = np.random.default_rng(seed)
    wired = Wired("drop_oldest")
    region = np.frombuffer(wired.region.view, np.uint8)
    for turn in range(200):
        try:
            wired.send(turn % 250)
            if turn % 2:
                wired.consumer.give_back(wired.take())
        except (RingError, AssertionError, ValueError):
            pass  # the ends see the damage, too
        at = int(random.integers(0, wired.layout.slots + 200))
        region[at : at + int(random.integers(1, 9))] ^= random.integers(1, 256, dtype=np.uint8)
        try:
            wired.observe(turn * MS, "source")
        except ParticipantFailed as failure:
            assert failure.participant == "source"
            break
    assert len(wired.messages) <= 400


def test_a_liar_cannot_fill_the_hosts_memory() -> None:
    """Sequence numbers that jump by the most that is believed, again and again, cost next to nothing."""
    wired = Wired()
    with pytest.raises(ParticipantFailed):
        for turn in range(1, 50):
            wired.send(1)
            poke(wired, newest_frame(wired) + 48, "<Q", turn * 900_000)
            wired.observe(turn * MS)
            wired.consumer.give_back(wired.take())
            wired.observe(turn * MS, "target")
            if len(wired.messages) > 2_000_000:
                pytest.fail(f"{len(wired.messages)} records after {turn} tensors")


def test_an_observers_refusal_is_passed_on() -> None:
    wired = Wired()

    def refuse(published: Published) -> None:
        raise ParticipantFailed("source", f"sent {published.array[0]}")

    wired.channel.observers.append(refuse)
    wired.send(9)
    with pytest.raises(ParticipantFailed, match="source: sent 9"):
        wired.observe(1 * MS)


@pytest.mark.parametrize(("actor", "part"), [("target", 0), ("target", 1030), ("source", 600), ("source", 1170)])
def test_an_end_that_writes_what_is_the_others_is_found_at_once(actor: str, part: int) -> None:
    """Also where the ring still looks sound: the other end's counters, an old descriptor, an old used entry."""
    wired = Wired()
    wired.send(1)
    wired.observe(1 * MS, "source")
    wired.consumer.give_back(wired.take())
    wired.observe(2 * MS, "target")
    wired.region.view[part] ^= 0xFF
    with pytest.raises(ParticipantFailed, match="wrote what only its other end may") as caught:
        wired.observe(3 * MS, actor)
    assert caught.value.participant == actor
    assert wired.kinds[-1] == "spoiled"


def test_an_end_whose_own_header_is_wrong_is_found_at_once() -> None:
    wired = Wired()
    wired.observe(1 * MS, "target")
    wired.region.view[520] ^= 0xFF  # its depth
    with pytest.raises(ParticipantFailed, match="its own header does not say what the ring is"):
        wired.observe(2 * MS, "target")


def test_the_counters_of_a_broken_ring_are_not_believed() -> None:
    wired = Wired("drop_newest")
    wired.send(1)
    wired.observe(1 * MS, "source")
    wired.region.view[:512] = b"\xa5" * 512
    with pytest.raises(ParticipantFailed):
        wired.observe(2 * MS, "target")
    wired.channel.conclude()
    assert (len(wired.messages), wired.channel.record.producer.dropped) == (1, 0)
