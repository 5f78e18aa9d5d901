# SPDX-License-Identifier: Apache-2.0
"""Two processes on one region, with real eventfds as doorbells."""

from __future__ import annotations

import mmap
import os
import select
import signal
import sys
import time
from typing import Any

import numpy as np
import pytest

from virtio_shm import Consumer, Layout, Producer, TensorSpec

SPEC = TensorSpec("uint64", (8,))
DEADLINE_S = 120


class Doorbell:
    """An eventfd that its owner sleeps on. A lost wake-up shows up as a sleep that ends by the deadline."""

    def __init__(self) -> None:
        self.descriptor = os.eventfd(0, os.EFD_NONBLOCK) if hasattr(os, "eventfd") else -1
        self.sleeps = 0

    def ring(self) -> None:
        os.eventfd_write(self.descriptor, 1)

    def sleep(self) -> None:
        self.sleeps += 1
        if not select.select([self.descriptor], [], [], 10)[0]:
            raise AssertionError("nobody rang for 10 s: a wake-up was lost")
        os.eventfd_read(self.descriptor)


def body(number: int) -> np.ndarray[Any, Any]:
    """Eight words that belong together: a torn or reused payload does not pass."""
    return (np.arange(1, 9, dtype=np.uint64) * np.uint64(number * 2654435761 + 1)) ^ np.uint64(number)


def produce(producer: Producer, count: int, consumer_bell: Doorbell, own_bell: Doorbell) -> int:
    """Send `count` tensors, or have them dropped. Returns how many were so before they were published."""
    number = refused = 0
    while number < count:
        is_open = producer.poll_ready()
        array = producer.reserve(SPEC) if is_open else None
        if producer.announce():
            consumer_bell.ring()
        if array is None and is_open and producer.overflow != "block":
            refused += 1
            number += number < count - 1  # the last one is what the consumer waits for
            continue
        if array is None:
            own_bell.sleep()
            continue
        array[...] = body(number)
        if producer.commit(origin_sequence=number, origin_ns=0):
            consumer_bell.ring()
        number += 1
    return refused


def consume(consumer: Consumer, last: int, producer_bell: Doorbell, own_bell: Doorbell, ordered_by_one: bool) -> int:
    """Take until the tensor `last` came; up to three are held at once. Returns how many came."""
    held: list[Any] = []
    seen, latest = 0, -1
    while latest < last:
        frame = consumer.take()
        if consumer.announce():
            producer_bell.ring()
        if frame is not None:
            number = frame.origin_sequence
            assert number == latest + 1 if ordered_by_one else number > latest
            assert (frame.array == body(number)).all()
            latest, seen = number, seen + 1
            held.append((frame, number))
        while held and (frame is None or len(held) == 3):
            old, number = held.pop(0)
            assert (old.array == body(number)).all(), "changed while it was held"
            if consumer.give_back(old):
                producer_bell.ring()
        if frame is None and consumer.due_ns is None:  # else: published after our clock was read, and due at once
            own_bell.sleep()
    for old, _ in held:
        consumer.give_back(old)
    return seen


def in_child(body: Any) -> int:
    """Fork, run, exit with 0 or with the traceback on standard error and 1."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        signal.alarm(DEADLINE_S)
        body()
        status = 0
    except BaseException as error:  # noqa: BLE001 - the child must not return into pytest
        print(f"child: {error!r}", file=sys.stderr)
    finally:
        os._exit(status)


@pytest.mark.skipif(not hasattr(os, "eventfd"), reason="os.eventfd needs Python 3.10 on Linux")
@pytest.mark.parametrize("depth", [2, 16])
@pytest.mark.parametrize("overflow", ["block", "drop_oldest"])
@pytest.mark.parametrize("event_index", [True, False])
@pytest.mark.slow
def test_two_processes(depth: int, overflow: Any, event_index: bool) -> None:
    """100,000 tensors; with `block` every one arrives, with `drop_oldest` the last ones and never a torn one."""
    count = 100_000
    layout = Layout.for_tensor(SPEC, depth)
    descriptor = os.memfd_create("ring")
    os.ftruncate(descriptor, layout.mapping_bytes)
    producer_bell, consumer_bell = Doorbell(), Doorbell()

    def child() -> None:
        memory = mmap.mmap(descriptor, layout.mapping_bytes)
        producer = Producer(
            memory, layout, overflow=overflow, clock=time.monotonic_ns, event_index=event_index, crc=overflow != "block"
        )
        refused = produce(producer, count, consumer_bell, producer_bell)
        counters = producer.counters
        assert counters.pushed >= count - refused, "the last one may have been refused more than once"
        assert counters.pushed + refused == counters.popped + counters.dropped + counters.occupancy
        assert counters.faults == 0
        if overflow == "block":
            assert counters.dropped == 0 and counters.high_water <= depth

    pid = in_child(child)
    try:
        memory = mmap.mmap(descriptor, layout.mapping_bytes)
        consumer = Consumer(memory, layout, spec=SPEC, clock=time.monotonic_ns, event_index=event_index)
        seen = consume(consumer, count - 1, producer_bell, consumer_bell, overflow == "block")
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        status = os.waitpid(pid, 0)[1]
        for file in (descriptor, producer_bell.descriptor, consumer_bell.descriptor):
            os.close(file)
    assert status == 0
    assert seen == count if overflow == "block" else 0 < seen <= count
    assert consumer.counters.pushed == seen
    if event_index and overflow == "block" and depth > 2:
        assert consumer.counters.kicks < count, "the event index spares doorbells"


@pytest.mark.slow
def test_benchmark_measures_something() -> None:
    """Every contender that is installed gets its tensors across; the figures themselves are the machine's."""
    ring = pytest.importorskip("benchmarks.ring")
    contenders: list[Any] = [ring.Ring, ring.RingWithDoorbells, ring.SharedMemoryAndQueue]
    if ring.iceoryx2_version():
        contenders.append(ring.Iceoryx2)
    for contender in contenders:
        assert ring.measure(contender(ring.FRAME)) > 0, contender.name
