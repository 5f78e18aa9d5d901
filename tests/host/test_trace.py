"""The digest of a run."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from sim.host.trace import Trace

Event = tuple[int, str, list[int]]
EVENTS = st.lists(st.tuples(st.integers(0, 10), st.sampled_from(["a", "b"]), st.lists(st.integers(0, 3), max_size=2)))


def digest(events: list[Event]) -> str:
    trace = Trace()
    for t_ns, kind, facts in events:
        trace.add(t_ns, kind, *facts)
    return trace.digest


def test_it_is_the_sha256_of_the_lines() -> None:
    trace = Trace()
    assert trace.digest == hashlib.sha256().hexdigest()
    trace.add(5, "doorbell", "frames", "camera", "guest")
    trace.add(7, "taken", "frames", 0, 6)
    assert trace.lines == ["5 doorbell frames camera guest\n", "7 taken frames 0 6\n"]
    assert trace.digest == hashlib.sha256("".join(trace.lines).encode()).hexdigest()


@given(EVENTS, EVENTS)
def test_equal_digests_are_equal_histories(one: list[Event], other: list[Event]) -> None:
    assert (digest(one) == digest(other)) == (one == other)
