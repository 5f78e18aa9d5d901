# SPDX-License-Identifier: Apache-2.0
"""What a ring drops, and that both of its policies to drop count all of it: docs/ring.md, "When the ring is full"."""

from __future__ import annotations

import struct
from collections import deque
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ring_support import SPEC, agree, content, pair, send

from virtio_shm import Frame, Tap
from virtio_shm.layout import REFUSED_OFFSET

DROPS = ("drop_newest", "drop_oldest")
Step = Literal["send", "send", "take", "give_back", "reserve_and_cancel"]


def refused(memory: Any) -> int:
    """What a watcher reads of the driver's block."""
    count: int = struct.unpack_from("<I", memory, REFUSED_OFFSET)[0]
    return count


@settings(max_examples=300, deadline=None)
@given(
    depth=st.sampled_from([2, 4]),
    overflow=st.sampled_from(DROPS),
    steps=st.lists(st.sampled_from(["send", "send", "take", "give_back", "reserve_and_cancel"]), max_size=80),
)
def test_what_was_offered_is_delivered_dropped_or_under_way(depth: int, overflow: str, steps: list[Step]) -> None:
    """The consumer may hold every slot. Each number is missing for a tensor that was lost, and for no other reason."""
    producer, consumer, memory, _ = pair(depth=depth, overflow=overflow)
    offered = 0
    held: deque[Frame] = deque()
    delivered: list[int] = []
    lost_before: list[int] = []
    for step in steps:
        if step == "send":
            if send(producer, offered) is None:
                lost_before.append(offered)
            offered += 1
        elif step == "reserve_and_cancel":
            if producer.reserve(SPEC) is None:
                lost_before.append(offered)
                offered += 1
            producer.cancel()
        elif step == "take" and (frame := consumer.take()) is not None:
            assert (frame.array == content(frame.sequence)).all()
            held.append(frame)
            delivered.append(frame.sequence)
        elif step == "give_back" and held:
            consumer.give_back(held.popleft())
    waiting = 0
    while (frame := consumer.take()) is not None:
        waiting += 1
        assert frame.sequence not in lost_before
    counters = producer.counters
    assert offered == len(delivered) + waiting + counters.dropped
    assert refused(memory) == len(lost_before) == offered - counters.pushed
    assert delivered == sorted(set(delivered) - set(lost_before))
    assert counters.stalls == 0


@pytest.mark.parametrize("overflow", DROPS)
def test_a_producer_that_drops_asks_for_no_doorbell(overflow: str) -> None:
    producer, consumer, _, _ = pair(depth=2, overflow=overflow)
    for number in range(2):
        send(producer, number)
    frames = [consumer.take(), consumer.take()]
    assert send(producer, 2) is None
    assert [consumer.give_back(frame) for frame in frames if frame is not None] == [False, False]


@pytest.mark.parametrize("overflow", DROPS)
def test_where_nobody_is_nothing_is_dropped(overflow: str) -> None:
    """Before there is a session, and after its consumer has gone."""
    producer, consumer, memory, _ = pair(depth=2, overflow=overflow, agreed=False)
    assert send(producer, 0) is None and producer.counters.dropped == 0
    agree(producer, consumer)
    for number in range(2):
        send(producer, number)
        consumer.take()
    send(producer, 2)
    assert refused(memory) == 1
    consumer.restart()
    assert send(producer, 3) is None
    assert (refused(memory), producer.counters.dropped) == (1, 3), "both that it held, and the one that it refused"
    agree(producer, consumer)
    send(producer, 3)
    frame = consumer.take()
    assert frame is not None and frame.sequence == 3, "a tensor that nobody was there for has no number"


def test_when_the_last_one_was_refused_is_told() -> None:
    producer, consumer, memory, clock = pair(depth=2, overflow="drop_oldest")
    tap = Tap(memory, producer.layout)
    for number in range(2):
        send(producer, number)
        consumer.take()
    clock.now += 5_000
    send(producer, 2)
    assert tap.counters()[0].until_ns == clock.now
