"""The clock that host and guests share: found by asking, with a bound that holds."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guests.linux.agent import wall_clock
from guests.linux.agent.clock import SimulationClock
from machines.errors import ParticipantFailed
from machines.memory import SharedRegion
from machines.qemu.realtime import clock
from machines.qemu.realtime.clock import FRACTION_BITS, Answer, WallClock, ask, pace
from virtio_shm import library

CONTROL_BYTES = 16 << 20
FORK = multiprocessing.get_context("fork")


@pytest.fixture(scope="module")
def host() -> WallClock:
    return WallClock()


@contextmanager
def guest(region: SharedRegion, ahead: int) -> Iterator[None]:
    """A process that answers as an agent does, and whose counter is `ahead` of the host's."""
    counter = library.load().vshm_counter
    process = FORK.Process(target=wall_clock.answer, args=(region.view, lambda: counter() + ahead), daemon=True)
    process.start()
    yield
    process.join(5)
    assert process.exitcode == 0, "the last question ends it"


def test_host_and_agent_speak_of_the_same_words() -> None:
    ours = (clock.OFFSET, clock.ASKED, clock.ANSWERED, clock.SHOWN, clock.LAST)
    theirs = (wall_clock.OFFSET, wall_clock.ASKED, wall_clock.ANSWERED, wall_clock.SHOWN, wall_clock.LAST)
    assert ours == theirs


@pytest.mark.parametrize("ahead", [0, 123_456_789_012, -5_000_000])
def test_a_guest_that_answers_is_found_within_the_bound(host: WallClock, ahead: int) -> None:
    region = SharedRegion("control", CONTROL_BYTES)
    with guest(region, ahead):
        found = pace("guest", ask("guest", region, host), host)
    at = host.counter()
    error_ns = abs(found.at(at) - at - ahead) * found.ns_per_count / (1 << FRACTION_BITS)
    assert error_ns <= found.error_ns
    assert found.error_ns < 50_000_000


def test_a_guest_that_does_not_answer_fails(host: WallClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_PATIENCE_S", 0.05)
    with pytest.raises(ParticipantFailed, match="mute: does not tell its counter within"):
        ask("mute", SharedRegion("control", CONTROL_BYTES), host)


@given(
    delays=st.lists(st.tuples(st.integers(100, 10**7), st.integers(100, 10**7)), min_size=5, max_size=40),
    offset=st.integers(-(1 << 50), 1 << 50),
    hz=st.sampled_from([None, 62_500_000, 1_000_000_000]),
)
def test_the_truth_lies_within_the_bound(
    host: WallClock, delays: list[tuple[int, int]], offset: int, hz: int | None
) -> None:
    """Whatever a question and its answer take on their way, in counts of the host's."""
    ratio = 1.0 if hz is None else hz / host.hz
    now, answers = 1 << 40, []
    for there, back in delays:
        shown = offset + int(ratio * (now + there))
        answers.append(Answer(now, shown, now + there + back))
        now += there + back + 10**9  # long enough apart that only one pace fits
    found = pace("guest", answers, host)
    assert found.ratio == ratio
    error_ns = abs(found.at(now) - (offset + ratio * now)) * found.ns_per_count / (1 << FRACTION_BITS)
    assert error_ns <= found.error_ns + 100  # a count of the slowest counter is 16 ns


@pytest.mark.parametrize("factor", [0.5, 1.1, 0.0])
def test_a_counter_of_an_unknown_pace_is_no_clock(host: WallClock, factor: float) -> None:
    answers = [Answer(n * 10**9, int(factor * n * 10**9), n * 10**9 + 1000) for n in range(10)]
    with pytest.raises(ParticipantFailed, match="cannot be a clock"):
        pace("odd", answers, host)


def test_what_a_hostile_guest_answers_is_refused(host: WallClock) -> None:
    answers = [Answer(n * 10**6, (1 << 64) - 1 - n, n * 10**6 + 1000) for n in range(10)]
    with pytest.raises(ParticipantFailed, match="cannot be a clock"):
        pace("liar", answers, host)


def test_the_agent_shows_the_time_of_the_run() -> None:
    host, agent = WallClock(), SimulationClock()
    zero = host.start()
    agent.start({"offset_ns": 0, "zero": zero, "ns_per_count": host.ns_per_count})
    before, shown, after = host(), agent(), host()
    assert before <= shown <= after


def test_virtual_time_is_the_counter_itself() -> None:
    agent = SimulationClock()
    counter = agent.counter
    agent.start({"offset_ns": 7})
    assert agent.counter is counter and agent.offset_ns == 7
