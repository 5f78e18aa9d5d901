"""The first event that differs between two traces, and what differs after it."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from collections.abc import Iterator
from itertools import takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.baseline.event import parse
from sim.baseline.traces import CONTEXT, compare_traces

from .traces import MS, stream

channels = st.sampled_from(["frames", "scores"])
numbers = st.integers(0, 5).map(str)
times = st.integers(0, 9).map(lambda ms: ms * MS)
lines = st.one_of(
    st.builds("{} doorbell {} camera vision\n".format, times, channels),
    st.builds("{0} tensor {1} {2} {0} 0 0 uint8 2x2 {3:032x}\n".format, times, channels, numbers, st.integers(0, 3)),
    st.builds("{0} taken {1} {2} {0}\n".format, times, channels, numbers),
    st.builds("{0} returned {1} {2} {0} {0}\n".format, times, channels, numbers),
    st.builds("{} session {} 1\n".format, times, channels),
    st.builds("{} state vision degraded\n".format, times),
)
traces = st.lists(lines, max_size=12)
sound = st.lists(lines, max_size=12, unique_by=lambda line: tuple(line.split()[1:4]))
"""Traces in which no tensor is published or taken twice."""


@given(traces, traces, traces)
def test_the_first_difference_is_the_first(common: list[str], rest_a: list[str], rest_b: list[str]) -> None:
    a, b = common + rest_a, common + rest_b
    found = compare_traces(a, b)
    equal = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False))))
    if a == b:
        assert found.first is None and not found.channels
        return
    assert found.first is not None
    assert found.first.number == equal + 1
    assert found.first.before == [parse(line) for line in a[max(0, equal - CONTEXT) : equal]]
    assert found.first.a == [parse(line) for line in a[equal : equal + 1 + CONTEXT]]
    assert found.first.b == [parse(line) for line in b[equal : equal + 1 + CONTEXT]]


@given(traces, traces)
def test_counts_are_those_of_the_traces(a: list[str], b: list[str]) -> None:
    found = compare_traces(a, b)
    ours, theirs = (Counter(line.split()[1] for line in each) for each in (a, b))
    assert found.kinds == {kind: (ours[kind], theirs[kind]) for kind in ours | theirs}
    assert found.events == (len(a), len(b))


@given(sound, sound)
def test_a_comparison_is_the_same_from_the_other_side(a: list[str], b: list[str]) -> None:
    there, back = compare_traces(a, b), compare_traces(b, a)
    for name, change in there.channels.items():
        assert (change.only_a, change.only_b) == (back.channels[name].only_b, back.channels[name].only_a)
    assert there.channels.keys() == back.channels.keys()


def changed(lines: list[str], kind: str, number: int, fact: int, value: str) -> list[str]:
    """Return a trace in which one fact of the n-th event of a kind is another one."""
    places = [place for place, line in enumerate(lines) if line.split()[1] == kind]
    words = lines[places[number]].split()
    words[2 + fact] = value
    return [*lines[: places[number]], " ".join(words) + "\n", *lines[places[number] + 1 :]]


def test_another_content_is_told_per_channel() -> None:
    found = compare_traces(stream(5), changed(stream(5), "tensor", 2, 7, "f" * 32))
    (change,) = found.channels.values()
    assert (change.other_content, change.other_published, change.other_taken) == (1, 0, 0)
    assert found.first is not None and found.first.number == 9


def test_another_time_is_told_with_its_size() -> None:
    found = compare_traces(stream(5), changed(stream(5), "taken", 3, 2, str(40 * MS + 27_000)))
    change = found.channels["frames"]
    assert (change.other_content, change.other_taken, change.worst_ns) == (0, 1, 7_000)
    assert (change.only_a, change.only_b) == (0, 0)


def test_a_tensor_that_is_taken_and_given_back_at_once_counts_as_taken_once() -> None:
    at_once = [line for line in stream(5) if " taken frames 4 " not in line]
    assert compare_traces(stream(5), at_once).channels == {}


def test_numbers_that_begin_anew_in_another_session_are_other_tensors() -> None:
    restarted = [*stream(2), f"{25 * MS} session frames 1\n", *stream(2)]
    found = compare_traces(restarted, [*restarted[:-1], restarted[-1].replace("returned", "revoked")])
    assert found.channels == {}
    found = compare_traces(restarted, [*stream(2), *stream(2)])
    assert found.channels["frames"].only_a == 2 and found.channels["frames"].only_b == 2


def test_a_trace_that_ends_early_is_told() -> None:
    found = compare_traces(stream(5), stream(4))
    assert found.first is not None and found.first.b == [] and len(found.first.a) == 1 + CONTEXT
    assert found.channels["frames"].only_a == 1


def test_what_is_no_event_is_refused() -> None:
    with pytest.raises(ValueError, match="is no event"):
        compare_traces(["1 doorbell frames\n"], ["here is something else\n"])


def test_long_traces_are_not_held_in_memory() -> None:
    def endless(hash_of: str) -> Iterator[str]:
        for number in range(60_000):
            yield f"{number} tensor frames {number} {number} 0 0 uint8 2x2 {hash_of}\n"

    tracemalloc.start()
    found = compare_traces(endless("a" * 32), endless("b" * 32))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.channels["frames"].other_content == 60_000
    assert peak < 1 << 20
