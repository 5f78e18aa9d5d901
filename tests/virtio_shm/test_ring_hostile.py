# SPDX-License-Identifier: Apache-2.0
"""The other side lies: named lies meet the right name, random ones meet nothing but RingError."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ring_model import DRIVER_OK, FEATURES_OK, POSITION, REVOKE, SKIP_COUNT, VERSION_1, Memory
from ring_support import SPEC, agree, content, pair

from virtio_shm import Consumer, Producer, RingError, Tap, TensorSpec
from virtio_shm.errors import KINDS


def memory_of(memory: Any, depth: int = 4) -> Memory:
    return Memory(memoryview(memory), depth, SPEC.bytes)


def publish(producer: Producer, count: int = 1) -> None:
    for number in range(count):
        array = producer.reserve(SPEC)
        assert array is not None
        array[...] = content(number)
        producer.commit()


# What a lying driver writes after two honest publications, and what the device calls it.
DRIVER_LIES = {
    "available_index": lambda m: m.put("H", m.avail + 2, 5),
    "descriptor_id": lambda m: m.put("H", m.avail + 4, 4),
    "descriptor_flags": lambda m: m.put("H", m.desc + 16 * m.avail_entry(0) + 12, 1),
    "descriptor_address": lambda m: m.put("Q", m.desc + 16 * m.avail_entry(0), m.size - 64),
    "descriptor_length": lambda m: m.put("I", m.desc + 16 * m.avail_entry(0) + 8, 128 + SPEC.bytes + 1),
    "frame_header": lambda m: m.put("I", m.slots + m.stride * m.avail_entry(0), 0),
    "frame_tensor": lambda m: m.put("B", m.slots + m.stride * m.avail_entry(0) + 6, 13),
    "frame_bytes": lambda m: m.put("I", m.slots + m.stride * m.avail_entry(0) + 44, 23),
    "frame_spec": lambda m: m.put("B", m.slots + m.stride * m.avail_entry(0) + 6, 3),
}
SPOILED = {"frame_header", "frame_tensor", "frame_bytes", "frame_spec", "frame_crc"}


@pytest.mark.parametrize("kind", sorted(DRIVER_LIES))
def test_driver_lies(kind: str) -> None:
    producer, consumer, memory, _ = pair()
    publish(producer, 2)
    DRIVER_LIES[kind](memory_of(memory))
    with pytest.raises(RingError) as caught:
        consumer.take()
    assert (caught.value.side, caught.value.kind, caught.value.spoiled) == ("driver", kind, kind in SPOILED)
    assert "\n" not in str(caught.value)
    assert consumer.counters.faults == 1
    if kind in SPOILED:
        following = consumer.take()
        assert following is not None and following.sequence == 1
        return
    with pytest.raises(RingError):
        consumer.take()
    producer.restart()
    agree(producer, consumer)
    publish(producer)
    assert consumer.take() is not None


@pytest.mark.parametrize("misplaced", ["before", "after", "odd", "huge"])
def test_buffer_must_lie_in_the_slots(misplaced: str) -> None:
    producer, consumer, memory, _ = pair()
    publish(producer)
    ring = memory_of(memory)
    address = {"before": ring.slots - 64, "after": ring.size, "odd": ring.slots + 8, "huge": 2**64 - 64}[misplaced]
    ring.put("Q", ring.desc + 16 * ring.avail_entry(0), address)
    with pytest.raises(RingError, match="descriptor_address"):
        consumer.take()


def test_descriptor_that_is_held_is_offered_again() -> None:
    producer, consumer, memory, _ = pair()
    publish(producer, 2)
    assert consumer.take() is not None
    ring = memory_of(memory)
    ring.put("H", ring.avail + 4 + 2, ring.avail_entry(0))
    with pytest.raises(RingError, match="descriptor_busy"):
        consumer.take()


def test_checksum() -> None:
    producer, consumer, memory, _ = pair(crc=True)
    publish(producer, 2)
    ring = memory_of(memory)
    ring.bytes[ring.slots + ring.stride * ring.avail_entry(0) + 128 + 5] ^= 0x10
    with pytest.raises(RingError, match="frame_crc"):
        consumer.take()
    frame = consumer.take()
    assert frame is not None and (frame.array == content(1)).all()


def test_revoked_position_goes_back() -> None:
    producer, consumer, memory, _ = pair(overflow="drop_oldest")
    publish(producer, 6)
    frame = consumer.take()
    assert frame is not None and frame.sequence == 2
    memory_of(memory).put("I", POSITION, 1)
    with pytest.raises(RingError, match="revoked_index"):
        consumer.take()


# What a lying device writes while two tensors are published and one of them is taken.
DEVICE_LIES = {
    "used_index": lambda m: m.put("H", m.used + 2, 3),
    "used_id": lambda m: (m.put("I", m.used + 4, 77), m.put("H", m.used + 2, 1)),
    "used_length": lambda m: (
        m.put("I", m.used + 4, m.avail_entry(0)),
        m.put("I", m.used + 8, 9),
        m.put("H", m.used + 2, 1),
    ),
}


@pytest.mark.parametrize("kind", sorted(DEVICE_LIES))
def test_device_lies(kind: str) -> None:
    producer, consumer, memory, _ = pair()
    publish(producer, 2)
    assert consumer.take() is not None
    DEVICE_LIES[kind](memory_of(memory))
    with pytest.raises(RingError) as caught:
        producer.reserve(SPEC)
    assert (caught.value.side, caught.value.kind) == ("device", kind)
    with pytest.raises(RingError):
        producer.poll_ready()
    consumer.restart()
    agree(producer, consumer)
    publish(producer)
    assert consumer.take() is not None


@pytest.mark.parametrize(
    ("kind", "offset", "value"),
    [
        ("claimed_index", 512 + POSITION, 9),
        ("claimed_index", 512 + POSITION, 2**32 - 1),
        ("skip_log", 512 + SKIP_COUNT, 9),
    ],
)
def test_device_lies_about_claims(kind: str, offset: int, value: int) -> None:
    producer, _, memory, _ = pair(overflow="drop_oldest")
    publish(producer, 4)
    memory_of(memory).put("I", offset, value)
    with pytest.raises(RingError, match=kind):
        producer.reserve(SPEC)


def test_device_returns_what_it_did_not_claim() -> None:
    producer, _, memory, _ = pair(overflow="drop_oldest")
    publish(producer, 4)
    ring = memory_of(memory)
    ring.put("I", ring.used + 4, ring.avail_entry(2))
    ring.put("H", ring.used + 2, 1)
    with pytest.raises(RingError, match="used_id"):
        producer.reserve(SPEC)


@pytest.mark.parametrize(
    ("kind", "offset", "value"), [("header", 0, 1), ("header", 6, 3), ("geometry", 8, 8), ("geometry", 12, 25)]
)
@pytest.mark.parametrize("liar", ["driver", "device"])
def test_header_page_lies(liar: str, kind: str, offset: int, value: int) -> None:
    producer, consumer, memory, _ = pair(agreed=False)
    victim = consumer if liar == "driver" else producer
    base = 0 if liar == "driver" else 512
    struct.pack_into("<H" if offset == 6 else "<I", memory, base + offset, value)
    with pytest.raises(RingError) as caught:
        victim.poll_ready()
    assert (caught.value.side, caught.value.kind) == (liar, kind)


def test_features_that_were_not_offered() -> None:
    producer, consumer, memory, _ = pair(agreed=False, revoke=False)
    producer.poll_ready()
    ring = memory_of(memory)
    ring.put("I", 32, ring.get("I", 32) | REVOKE)
    with pytest.raises(RingError, match="features"):
        consumer.poll_ready()
    with pytest.raises(RingError, match="needs_reset"):
        producer.poll_ready()


def test_drop_oldest_needs_a_device_that_allows_it() -> None:
    producer, consumer, _, _ = pair(agreed=False, revoke=False, overflow="drop_oldest")
    with pytest.raises(RingError, match="features"):
        agree(producer, consumer)


def test_other_side_hears_of_the_fault() -> None:
    producer, consumer, memory, _ = pair()
    publish(producer)
    memory_of(memory).put("H", memory_of(memory).avail + 2, 60_000)
    with pytest.raises(RingError):
        consumer.take()
    assert consumer.announce()
    with pytest.raises(RingError, match="needs_reset"):
        producer.reserve(SPEC)


def test_status_alone_does_not_make_a_session() -> None:
    """A driver that says DRIVER_OK without ever having agreed on features is not listened to."""
    _, consumer, memory, _ = pair(agreed=False)
    ring = memory_of(memory)
    ring.put("I", 28, ring.get("I", 28) | DRIVER_OK)
    assert consumer.take() is None
    ring.put("I", 28, ring.get("I", 28) | FEATURES_OK)
    assert consumer.take() is None, "it answers to no epoch of ours"
    assert not consumer.features & VERSION_1


STEP = st.one_of(
    st.tuples(st.just("write"), st.integers(0, 2**16), st.binary(min_size=1, max_size=8)),
    st.sampled_from([("publish",), ("take",), ("give_back",), ("exchange",), ("watch",), ("poll",), ("reserve",)]),
    st.sampled_from([("restart_producer",), ("restart_consumer",)]),
)


class Victims:
    """Both ends and a tap on one region that anybody may write to."""

    def __init__(self, depth: int, overflow: str, spec: TensorSpec | None) -> None:
        self.producer, self.consumer, self.memory, self.clock = pair(depth, overflow=overflow, crc=True)
        self.layout = self.producer.layout
        if spec is None:
            self.consumer = Consumer(self.memory, self.layout, spec=None, clock=self.clock)
        self.tap = Tap(self.memory, self.layout)
        self.held: list[Any] = []

    def step(self, name: str, *arguments: Any) -> None:
        if name == "write":
            offset, word = arguments
            offset %= self.layout.region_bytes - len(word)
            self.memory[offset : offset + len(word)] = word
        elif name == "publish":
            array = self.producer.reserve(SPEC)
            if array is not None:
                array[...] = 1
                self.producer.commit()
        elif name == "reserve":
            self.producer.reserve(SPEC)
        elif name in ("take", "exchange"):
            frame = self.consumer.take() if name == "take" else None
            if frame is not None:
                self.held.append(frame)
            for taken in [frame] if frame is not None else self.consumer.exchange()[0]:
                assert taken.array.nbytes <= self.layout.payload_bytes
                taken.array.sum()
        elif name == "give_back" and self.held:
            try:
                self.consumer.give_back(self.held.pop())
            except ValueError as error:  # taken before a restart, or given back by exchange
                assert "not held" in str(error)
        elif name == "watch":
            for event in self.tap.poll():
                if event.payload is not None:
                    event.payload.sum()
        elif name == "poll":
            self.producer.poll_ready()
            self.consumer.poll_ready()
        elif name == "restart_producer":
            self.producer.restart()
        elif name == "restart_consumer":
            self.consumer.restart()
            self.held.clear()


@settings(max_examples=400, deadline=None)
@given(
    depth=st.sampled_from([2, 4]),
    overflow=st.sampled_from(["block", "drop_newest", "drop_oldest"]),
    with_spec=st.booleans(),
    steps=st.lists(STEP, max_size=60),
)
def test_any_byte_may_change_at_any_time(depth: int, overflow: str, with_spec: bool, steps: list[Any]) -> None:
    victims = Victims(depth, overflow, SPEC if with_spec else None)
    for name, *arguments in steps:
        try:
            victims.step(name, *arguments)
        except RingError as error:
            assert error.kind in {kind for kind, _, _ in KINDS} and "\n" not in str(error)
    for end in (victims.producer, victims.consumer):
        counters = end.counters
        assert counters.popped <= counters.pushed and counters.occupancy <= 2 * depth


@settings(max_examples=60, deadline=None)
@given(noise=st.binary(min_size=64, max_size=4096), start=st.integers(0, 4096))
def test_ends_that_start_on_noise(noise: bytes, start: int) -> None:
    """A region full of rubbish: each end rewrites its own parts and bounds what it reads of the other's."""
    producer, consumer, memory, clock = pair(agreed=False)
    start %= len(memory) - 64
    memory[start : start + len(noise)] = noise[: len(memory) - start]
    producer = Producer(memory, producer.layout, overflow="block", clock=clock)
    consumer = Consumer(memory, producer.layout, spec=SPEC, clock=clock)
    agree(producer, consumer)
    publish(producer, 4)
    assert producer.reserve(SPEC) is None
    for number in range(4):
        frame = consumer.take()
        assert frame is not None and (frame.array == content(number)).all()
        consumer.give_back(frame)
