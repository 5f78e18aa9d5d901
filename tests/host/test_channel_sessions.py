"""What a channel counts when its ends start again: nothing twice, and nothing that did not happen."""

from __future__ import annotations

import pytest

from virtio_shm import Producer

from .participants import MS
from .test_channel import DEPTH, Wired


def restart_consumer(wired: Wired, at_ns: int) -> None:
    wired.now_ns = at_ns
    wired.consumer.restart()
    wired.negotiate()


@pytest.mark.parametrize("returned", [False, True])
def test_what_a_consumer_took_before_it_restarted_is_not_a_gap(returned: bool) -> None:
    """Its producer counts it as dropped, as it has not heard that the tensor was taken, or given back."""
    wired = Wired("block")
    wired.send(0)
    wired.observe(1 * MS, "source")
    frame = wired.take()
    if returned:
        wired.consumer.give_back(frame)
    wired.observe(2 * MS, "target")
    restart_consumer(wired, 3 * MS)
    wired.send(1)
    wired.observe(4 * MS)
    assert wired.producer.counters.dropped == 1
    wired.channel.conclude()
    figures = wired.channel.record
    assert (len(wired.messages), figures.gaps, figures.dropped, figures.sessions) == (2, 0, 0, 2)
    assert figures.lost == (not returned)


def test_what_is_refused_after_a_producer_restarted_counts() -> None:
    """Its own count begins at 0 again, and ours goes on."""
    wired = Wired("drop_newest")
    for value in range(DEPTH + 3):
        wired.send(value)
    wired.observe(1 * MS)
    wired.producer = Producer(wired.region.view, wired.layout, overflow="drop_newest", clock=wired.clock)
    wired.negotiate()
    wired.send(0)
    wired.observe(2 * MS)
    for value in range(DEPTH + 1):
        wired.send(value)
    wired.observe(3 * MS)
    wired.channel.conclude()
    figures = wired.channel.record
    assert wired.producer.counters.dropped == 2
    assert figures.lost == DEPTH and figures.gaps == 3 + 2
    assert figures.dropped == DEPTH + 3 + 2, "the last three of the first life left no number behind in the second"
