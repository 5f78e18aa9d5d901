# SPDX-License-Identifier: Apache-2.0
"""The host's observer."""

from __future__ import annotations

from typing import Any

from ring_support import agree, content, pair, send, take

from virtio_shm import Tap


def kinds(events: list[Any]) -> list[tuple[str, int]]:
    return [(event.kind, event.sequence) for event in events]


def test_tap_sees_everything_and_writes_nothing() -> None:
    producer, consumer, memory, clock = pair()
    before = bytes(memory)
    tap = Tap(memoryview(memory).toreadonly(), producer.layout)
    assert tap.poll() == []
    send(producer, 0), send(producer, 1)
    published = tap.poll()
    assert kinds(published) == [("published", 0), ("published", 1)]
    assert published[1].payload is not None and (published[1].payload == content(1)).all()
    assert (published[1].dtype, published[1].shape, published[1].produced_ns) == ("uint8", (4, 6), clock.now)
    frame = take(consumer, 0)
    taken_ns = clock.now
    assert kinds(tap.poll()) == [("taken", 0)]
    consumer.give_back(frame)
    (returned,) = tap.poll()
    assert (returned.kind, returned.sequence) == ("returned", 0)
    assert (returned.taken_ns, returned.returned_ns) == (taken_ns, clock.now)
    consumer.give_back(take(consumer, 1))
    assert kinds(tap.poll()) == [("taken", 1), ("returned", 1)]
    assert tap.poll() == []
    driver, device = tap.counters()
    assert (driver.pushed, driver.high_water) == (2, 2)
    assert (device.pushed, device.popped, device.until_ns) == (2, 2, clock.now)
    after = bytes(memory)
    tap.poll()
    assert bytes(memory) == after != before


def test_tap_names_what_was_withdrawn() -> None:
    producer, consumer, memory, _ = pair(depth=2, overflow="drop_oldest")
    tap = Tap(memory, producer.layout)
    log: list[tuple[str, int]] = []
    for number in range(6):
        send(producer, number)
        if number == 3:
            held = take(consumer, 2)
        log += kinds(tap.poll())
    consumer.give_back(held)
    consumer.give_back(take(consumer, 5))
    log += kinds(tap.poll())
    assert sorted(sequence for kind, sequence in log if kind == "revoked") == [0, 1, 3, 4]
    assert [sequence for kind, sequence in log if kind == "taken"] == [2, 5]
    assert [sequence for kind, sequence in log if kind == "published"] == [0, 1, 2, 3, 4, 5]
    assert producer.counters.dropped == 4


def test_tap_counts_what_it_missed_and_follows_restarts() -> None:
    producer, consumer, memory, _ = pair(depth=2, overflow="drop_oldest")
    tap = Tap(memory, producer.layout)
    for number in range(7):
        send(producer, number)
    lost, *seen = tap.poll()
    assert (lost.kind, lost.count) == ("lost", 5)
    assert kinds(seen) == [("published", 5), ("published", 6)]
    producer.restart()
    agree(producer, consumer)
    send(producer, 7)
    assert kinds(tap.poll()) == [("restarted", 0), ("published", 7)]
