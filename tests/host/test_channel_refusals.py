"""What the host makes of tensors that a full ring refused: which they were, when, and how many in all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.host import channel
from virtio_shm import Frame, Producer
from virtio_shm.layout import REFUSED_OFFSET

from .participants import MS, US
from .test_channel import Wired, poke
from .test_channel_sessions import restart_consumer

DROPS = ("drop_newest", "drop_oldest")


def claimed(overflow: str = "drop_oldest", depth: int = 2) -> tuple[Wired, list[Frame]]:
    """Return a ring whose consumer holds every slot, and what it holds."""
    wired = Wired(overflow, depth)
    for value in range(depth):
        assert wired.send(value)
    return wired, [wired.take() for _ in range(depth)]


def refuse(wired: Wired, at_ns: int, count: int = 1) -> None:
    wired.now_ns = at_ns
    assert [wired.send(0) for _ in range(count)] == [False] * count


def refused(wired: Wired) -> list[tuple[int, int]]:
    """Return number and time of what the host takes for refused."""
    return [(message.sequence, message.produced_ns) for message in wired.messages if message.refused]


@pytest.mark.parametrize("overflow", DROPS)
def test_a_refused_tensor_is_dropped_at_its_time(overflow: str) -> None:
    """Long before the next one gets in, whose number tells that it is missing."""
    wired, held = claimed(overflow)
    wired.observe(1 * MS)
    refuse(wired, 1_200 * US)
    wired.observe(2 * MS)
    refuse(wired, 4_300 * US, 2)
    wired.observe(5 * MS)
    wired.consumer.give_back(held[0])
    refuse_then_send_ns = 7_400 * US
    wired.now_ns = refuse_then_send_ns
    assert wired.send(5)
    wired.observe(8 * MS)
    wired.channel.conclude()
    assert refused(wired) == [(2, 1_200 * US), (3, 4_300 * US), (4, 4_300 * US)]
    assert [message.sequence for message in wired.messages] == list(range(6))
    figures = wired.channel.record
    assert (figures.dropped, figures.gaps, figures.producer.dropped, figures.producer.stalls) == (3, 3, 3, 0)
    assert figures.occupancy_max == 2, "what was refused held no slot"


@pytest.mark.parametrize("overflow", DROPS)
def test_what_is_refused_last_has_its_time_too(overflow: str) -> None:
    wired, _ = claimed(overflow)
    for turn in range(1, 4):
        refuse(wired, turn * MS - 300 * US)
        wired.observe(turn * MS)
    wired.channel.conclude()
    assert refused(wired) == [(1 + turn, turn * MS - 300 * US) for turn in range(1, 4)]


STEPS = st.sampled_from(["send", "send", "take", "give back", "look"])


@settings(max_examples=300, deadline=None)
@given(
    overflow=st.sampled_from(DROPS),
    depth=st.sampled_from([2, 4]),
    steps=st.lists(STEPS, max_size=100),
    apart=st.booleans(),
)
def test_all_that_was_offered_has_a_record(overflow: str, depth: int, steps: list[str], apart: bool) -> None:
    """Whenever the host looks, and whatever goes by unseen meanwhile; the ends may be one partition's, or apart."""
    wired = Wired(overflow, depth)
    held: list[Frame] = []
    offered = delivered = refused_count = 0
    sends = False
    for number, step in enumerate([*steps, "look"], start=1):
        wired.now_ns = number * US
        if (apart or overflow == "drop_oldest") and sends != (step == "send"):
            wired.observe(wired.now_ns)  # between the turns of two guests
        sends = step == "send"
        if step == "send":
            refused_count += not wired.send(number % 250)
            offered += 1
        elif step == "take" and (frame := wired.consumer.take()) is not None:
            held.append(frame)
            delivered += 1
        elif step == "give back" and held:
            wired.consumer.give_back(held.pop(0))
        elif step == "look":
            wired.observe(wired.now_ns)
    wired.channel.conclude()
    figures, counters = wired.channel.record, wired.producer.counters
    assert [message.sequence for message in wired.messages] == list(range(offered))
    assert figures.dropped == figures.producer.dropped == counters.dropped
    assert offered - delivered - figures.dropped <= depth, "the others still wait"
    times = [message.produced_ns for message in wired.messages]
    assert times == sorted(times)
    assert sum(message.refused and message.hash == "" for message in wired.messages) >= refused_count


@pytest.mark.parametrize("overflow", DROPS)
def test_a_consumer_that_restarts_does_not_make_them_count_twice(overflow: str) -> None:
    wired, _ = claimed(overflow)
    refuse(wired, 500 * US, 3)
    wired.observe(1 * MS)
    refuse(wired, 1_500 * US)
    restart_consumer(wired, 2 * MS)
    wired.observe(2 * MS)
    assert wired.send(1)
    wired.observe(3 * MS)
    wired.consumer.give_back(wired.take())
    wired.observe(4 * MS)
    wired.channel.conclude()
    assert [number for number, _ in refused(wired)] == [2, 3, 4, 5]
    assert wired.messages[-1].sequence == 6 and not wired.channel.broken
    assert wired.channel.record.dropped == 4


@pytest.mark.parametrize("overflow", DROPS)
def test_a_producer_that_starts_again_counts_from_0_before_there_is_a_session(overflow: str) -> None:
    wired, held = claimed(overflow)
    refuse(wired, 500 * US, 3)
    wired.observe(1 * MS)
    wired.producer = Producer(wired.region.view, wired.layout, overflow=overflow, clock=wired.clock)  # type: ignore[arg-type]
    wired.observe(2 * MS)
    assert [number for number, _ in refused(wired)] == [2, 3, 4]
    for frame in held:
        wired.consumer.give_back(frame)
    wired.negotiate()
    for value in range(2):
        assert wired.send(value)
        wired.take()
    refuse(wired, 2_500 * US)
    wired.observe(3 * MS)
    wired.channel.conclude()
    assert [number for number, _ in refused(wired)] == [2, 3, 4, 2]
    assert wired.channel.record.dropped == 4


def test_a_count_without_end_is_not_believed_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the producer's word; the ring goes on, and a number that contradicts it is a lie."""
    monkeypatch.setattr(channel, "MOST_MISSED", 10)
    wired, _ = claimed()
    for turn in range(1, 30):
        poke(wired, REFUSED_OFFSET, "<I", (turn % 2) * (2**32 - 1))
        wired.observe(turn * MS, "source")
    wired.channel.conclude()
    assert len(wired.messages) == 2 + 10
