# SPDX-License-Identifier: Apache-2.0
"""Each end of the core against the pure-Python model of the other end, driven by hypothesis."""

from __future__ import annotations

import zlib
from collections import deque
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from ring_model import CRC_OFFSET, EVENT_IDX, REVOKE, VERSION_1, Memory, ModelDevice, ModelDriver, need_event
from ring_support import SPEC, SteppingClock, agree, content, region

from virtio_shm import Consumer, Layout, Producer

DEPTHS = st.sampled_from([2, 4, 8])


class ProducerMeetsModel(RuleBasedStateMachine):
    """The C driver side; the device is the model, and may stand between claiming an entry and settling it."""

    @initialize(
        depth=DEPTHS,
        overflow=st.sampled_from(["block", "drop_newest", "drop_oldest"]),
        event_index=st.booleans(),
        crc=st.booleans(),
        producer_first=st.booleans(),
    )
    def start(self, depth: int, overflow: Any, event_index: bool, crc: bool, producer_first: bool) -> None:
        layout = Layout.for_tensor(SPEC, depth)
        self.clock = SteppingClock()
        self.overflow, self.crc, self.depth = overflow, crc, depth
        self.memory = Memory(memoryview(region(layout)), depth, SPEC.bytes)
        assert self.memory.size == layout.region_bytes
        features = REVOKE | VERSION_1 | (EVENT_IDX if event_index else 0)

        def start_producer() -> None:
            self.producer = Producer(self.memory.bytes, layout, overflow=overflow, clock=self.clock, crc=crc)

        if producer_first:
            start_producer()
            assert not self.producer.poll_ready()
        self.device = ModelDevice(self.memory, features)
        if not producer_first:
            start_producer()
        self.sent: dict[int, np.ndarray[Any, Any]] = {}  # sequence -> payload, of this session
        self.waiting: deque[int] = deque()  # sequences published, not claimed, not revoked
        self.claimed: int | None = None
        self.limbo: set[int] = set()  # claimed, then passed by a revocation
        self.sequence = 0
        self.refused = 0
        self.stamps: dict[int, tuple[int, int, int]] = {}
        self.dropped = 0
        self.session_dropped = 0
        self.reserved = False
        self.negotiate()
        assert self.device.features == self.producer.features

    def negotiate(self) -> None:
        agree(self.producer, self.device)

    def in_flight(self) -> int:
        """Slots that the model knows not to be free: limbo counts until the driver has read the verdict."""
        return len(self.waiting) + len(self.device.held) + (self.claimed is not None)

    @rule()
    def reserve(self) -> None:
        may_reap = self.in_flight()
        array = self.producer.reserve(SPEC)
        if self.reserved:
            assert array is not None
            return
        if may_reap < self.depth:
            assert array is not None
        elif self.overflow == "block":
            assert array is None
        elif self.overflow == "drop_newest" or not self.waiting:
            assert array is None
            self.sequence += 1
            self.dropped += 1
            self.refused += 1
        else:
            self.revoke_until_free(array)
        self.reserved = array is not None

    def revoke_until_free(self, array: Any) -> None:
        """Full, and something waits: the oldest of that is withdrawn."""
        assert array is not None
        self.waiting.popleft()
        self.dropped += 1

    @precondition(lambda self: self.reserved)
    @rule(origin=st.one_of(st.none(), st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))))
    def commit(self, origin: tuple[int, int] | None) -> None:
        array = self.producer.reserve(SPEC)
        assert array is not None
        payload = content(self.sequence)
        array[...] = payload
        before = self.memory.avail_index()
        event, flags = self.memory.avail_event(), self.memory.get("H", self.memory.used)
        kick = self.producer.commit(
            origin_sequence=origin[0] if origin else None, origin_ns=origin[1] if origin else None
        )
        after = self.memory.avail_index()
        assert after == (before + 1) % 65536
        assert kick == (need_event(event, after, before) if self.device.features & EVENT_IDX else not flags & 1)
        self.stamps[self.sequence] = (self.clock.now, *(origin or (self.sequence, self.clock.now)))
        self.sent[self.sequence] = payload
        self.waiting.append(self.sequence)
        self.sequence += 1
        self.reserved = False

    @precondition(lambda self: self.reserved)
    @rule()
    def cancel(self) -> None:
        self.producer.cancel()
        self.reserved = False

    @precondition(lambda self: self.claimed is None)
    @rule()
    def claim(self) -> None:
        found = self.device.claim()
        assert found == bool(self.waiting)
        if found:
            self.claimed = self.waiting.popleft()

    @precondition(lambda self: self.claimed is not None)
    @rule()
    def settle(self) -> None:
        taken = self.device.settle(self.clock())
        assert taken is not None, "the driver never withdraws what it saw claimed"
        frame, payload = taken
        sequence = self.claimed
        assert frame["sequence"] == sequence
        assert payload == self.sent[sequence].tobytes()
        assert (frame["dtype"], frame["rank"], frame["d0"], frame["d1"], frame["d2"]) == (2, 2, 4, 6, 0)
        assert (frame["scale"], frame["zero_point"]) == (0.5, -3)
        assert (frame["produced_ns"], frame["origin_sequence"], frame["origin_ns"]) == self.stamps[sequence]
        if self.crc:
            start = self.memory.slots + frame["slot"] * self.memory.stride
            checked = bytes(self.memory.bytes[start : start + CRC_OFFSET]) + payload
            assert (frame["flags"], frame["crc"]) == (1, zlib.crc32(checked))
        self.claimed = None

    @precondition(lambda self: self.device.held)
    @rule(data=st.data())
    def give_back(self, data: Any) -> None:
        self.device.give_back(data.draw(st.sampled_from(sorted(self.device.held))), self.clock())

    def forget(self) -> None:
        self.waiting.clear()
        self.claimed = None
        self.sent.clear()

    @rule()
    def restart_device(self) -> None:
        self.device.start()
        self.forget()
        self.negotiate()
        assert self.device.features == self.producer.features

    @rule()
    def restart_producer(self) -> None:
        self.producer.restart()
        assert not self.producer.poll_ready() or not self.device.held
        self.forget()
        self.reserved = False
        self.negotiate()

    @invariant()
    def index_and_floor(self) -> None:
        if not hasattr(self, "producer"):
            return
        memory = self.memory
        waiting = len(self.waiting)
        first = self.device.position + (self.claimed is not None)
        if self.device.features & REVOKE:
            first = max(first, memory.get("I", 64))
        assert (memory.avail_index() - first) % 65536 == waiting
        counters = self.producer.counters
        assert counters.occupancy <= self.depth
        assert memory.get("I", 92) == self.refused, "what was dropped before it was published"
        assert counters.pushed + self.refused == counters.popped + counters.dropped + counters.occupancy
        assert self.overflow == "block" or not counters.stalls, "who drops never waits"
        ids = [memory.avail_entry(first + i) for i in range(waiting)]
        busy = ids + list(self.device.held) + ([self.device.claimed[1]] if self.device.claimed else [])
        assert len(set(busy)) == len(busy), "a buffer that the device may read is in use twice"


class ConsumerMeetsModel(RuleBasedStateMachine):
    """The C device side; the driver is the model."""

    @initialize(
        depth=DEPTHS,
        features=st.sampled_from([0, EVENT_IDX, REVOKE, REVOKE | EVENT_IDX]),
        with_spec=st.booleans(),
        consumer_first=st.booleans(),
    )
    def start(self, depth: int, features: int, with_spec: bool, consumer_first: bool) -> None:
        layout = Layout.for_tensor(SPEC, depth)
        self.depth = depth
        self.clock = SteppingClock()
        self.memory = Memory(memoryview(region(layout)), depth, SPEC.bytes)

        def start_consumer() -> None:
            self.consumer = Consumer(self.memory.bytes, layout, spec=SPEC if with_spec else None, clock=self.clock)

        if consumer_first:
            start_consumer()
            assert self.consumer.take() is None
        self.driver = ModelDriver(self.memory, features | VERSION_1)
        if not consumer_first:
            start_consumer()
        agree(self.driver, self.consumer)
        assert self.consumer.features == features | VERSION_1
        self.waiting: deque[tuple[int, int, bytes]] = deque()
        self.parked: tuple[int, int, bytes] | None = None
        self.held: list[tuple[Any, bytes]] = []

    @precondition(lambda self: self.driver.free)
    @rule(ahead=st.sampled_from([0, 0, 0, 50]))
    def publish(self, ahead: int) -> None:
        payload = content(self.driver.sequence).tobytes()
        stamp = self.clock() + ahead
        event, old = self.memory.avail_event(), self.driver.published
        kick = self.driver.publish(payload, SPEC.shape, stamp)
        self.waiting.append((self.driver.sequence - 1, stamp, payload))
        if self.driver.features & EVENT_IDX and kick:
            assert event == old % 65536

    @rule()
    def take(self) -> None:
        head = self.parked or (self.waiting[0] if self.waiting else None)
        frame = self.consumer.take()
        if head and self.parked is None:
            self.parked = self.waiting.popleft()
        if head is None or head[1] > self.clock.now:
            assert frame is None
            assert self.consumer.due_ns == (head[1] if head else None)
            if not head and self.driver.features & EVENT_IDX:
                assert self.memory.avail_event() == self.driver.published % 65536, "asleep without a bell"
            return
        assert frame is not None
        self.parked = None
        sequence, stamp, payload = head
        assert (frame.sequence, frame.produced_ns, frame.array.tobytes()) == (sequence, stamp, payload)
        assert (frame.dtype, frame.shape, frame.scale, frame.zero_point) == ("uint8", SPEC.shape, 0.5, -3)
        assert not frame.array.flags.writeable
        self.held.append((frame, payload))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def give_back(self, data: Any) -> None:
        frame, payload = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        assert frame.array.tobytes() == payload, "a buffer changed while it was held"
        event, old = self.memory.used_event(), self.memory.used_index()
        kick = self.consumer.give_back(frame)
        if self.driver.features & EVENT_IDX:
            assert kick == need_event(event, (old + 1) % 65536, old)
        assert self.driver.reap()[-1] == frame.slot

    @precondition(lambda self: self.driver.features & REVOKE)
    @rule()
    def revoke(self) -> None:
        position = self.driver.revoke()
        assert (position is None) == (not self.waiting)
        if position is not None:
            self.waiting.popleft()

    def renegotiate(self) -> None:
        self.waiting.clear()
        self.parked = None
        while self.held:
            assert not self.consumer.poll_ready(), "a session was opened over buffers that are still read"
            frame, payload = self.held.pop()
            assert frame.array.tobytes() == payload
            assert self.consumer.give_back(frame) is False
        agree(self.driver, self.consumer)

    @rule()
    def restart_driver(self) -> None:
        self.driver.start()
        self.renegotiate()

    @rule()
    def restart_consumer(self) -> None:
        self.consumer.restart()
        self.held.clear()
        self.renegotiate()


ProducerMeetsModel.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
ConsumerMeetsModel.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestProducerMeetsModel = ProducerMeetsModel.TestCase
TestConsumerMeetsModel = ConsumerMeetsModel.TestCase
