"""Definitions behind every figure: percentile, occupancy, latency, age."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.report.distribution import P99_9, percentile
from sim.report.record import ChannelRecord, ExpectationRecord, MessageRecord, RunRecord, occupancy_steps


@given(st.lists(st.integers(-(2**70), 2**70), min_size=1), st.integers(1, 100))
def test_percentile_is_the_smallest_value_that_enough_do_not_exceed(values: list[int], percent: int) -> None:
    found = percentile(values, percent)
    assert found in values

    def enough(most: int) -> bool:
        return 100 * sum(value <= most for value in values) >= percent * len(values)

    assert enough(found)
    assert not any(enough(lower) for lower in values if lower < found)


def test_percentile_by_hand() -> None:
    assert percentile([50, 15, 40, 20, 35], 30) == 20
    assert percentile(range(1, 301), 99) == 297
    assert percentile([7], 1) == percentile([7], 100) == 7
    assert percentile([], 50) is None
    assert percentile(range(1, 2001), P99_9) == 1998
    assert percentile(range(1, 101), P99_9) == 100


@pytest.mark.parametrize("percent", [0, 101, -1])
def test_percentile_refuses_what_is_no_percent(percent: int) -> None:
    with pytest.raises(ValueError, match="above 0 and at most 100"):
        percentile([1], percent)


lives = st.lists(st.tuples(st.integers(0, 60), st.one_of(st.none(), st.integers(0, 30))), max_size=20)


@given(lives)
def test_occupancy_counts_the_slots_held_at_every_instant(lifetimes: list[tuple[int, int | None]]) -> None:
    messages = [
        MessageRecord(index, born, returned_ns=None if held is None else born + held)
        for index, (born, held) in enumerate(lifetimes)
    ]
    steps = occupancy_steps(messages)
    assert [t_ns for t_ns, _ in steps] == sorted({t_ns for t_ns, _ in steps})
    for now in range(100):
        level = next((level for t_ns, level in reversed(steps) if t_ns <= now), 0)
        born = [one for one in messages if one.produced_ns <= now]
        assert level == sum(one.returned_ns is None or one.returned_ns > now for one in born)


@given(lives, st.integers(1, 100))
def test_mean_occupancy_is_the_time_weighted_one(lifetimes: list[tuple[int, int | None]], end_ns: int) -> None:
    channel = ChannelRecord("a", "b", "uint8", (1,), 4, "block", 4096)
    channel.messages = [
        MessageRecord(index, born, returned_ns=None if held is None else born + held)
        for index, (born, held) in enumerate(lifetimes)
    ]
    held_ns = sum(
        max(0, min(end_ns, end_ns if one.returned_ns is None else one.returned_ns) - min(end_ns, one.produced_ns))
        for one in channel.messages
    )
    assert channel.occupancy_mean(end_ns) == held_ns / end_ns


def test_a_channel_by_hand() -> None:
    channel = ChannelRecord("camera", "p.s.in", "uint8", (4,), 2, "drop_oldest", 4096)
    channel.messages = [
        MessageRecord(0, 100, 130, 200, origin_ns=90),
        MessageRecord(1, 110, None, 150, origin_ns=95, dropped=True),
        MessageRecord(2, 150, 160, None, origin_ns=None),
    ]
    assert channel.steps() == [(100, 1), (110, 2), (200, 1)]
    assert (channel.published, channel.dropped, channel.occupancy_max) == (3, 1, 2)
    assert channel.latencies_ns == [30, 10]
    assert channel.ages_ns == [40]
    assert channel.occupancy_mean(400) == (10 + 2 * 90 + 200) / 400
    assert channel.occupancy_mean(0) == 0.0
    assert channel.messages[1].latency_ns is None


def test_a_refused_tensor_holds_no_slot() -> None:
    assert occupancy_steps([MessageRecord(0, 50, None, 50, dropped=True)]) == []


@pytest.mark.parametrize(
    ("outcome", "held", "passed"),
    [("completed", True, True), ("completed", False, False), ("interrupted", True, False), ("failed", True, False)],
)
def test_a_run_passes_only_complete_and_with_every_expectation(outcome: str, held: bool, passed: bool) -> None:
    expectations = [ExpectationRecord("a", True), ExpectationRecord("b", held)]
    assert RunRecord("x", outcome=outcome, expectations=expectations).passed is passed  # type: ignore[arg-type]
