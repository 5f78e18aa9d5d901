"""How long a partition takes to its work and to a doorbell, from hand-made records."""

from __future__ import annotations

import random

from sim.report.record import ChannelRecord, MessageRecord
from sim.sizing.timing.calls import Call, Input
from sim.sizing.timing.execution import ExecutionClock
from sim.sizing.timing.waking import bell_ns, fetches_ns, look_ns, wakes_ns

US, MS = 1_000, 1_000_000


def bell(sent_us: list[float], rung_us: list[int]) -> int:
    """Return what is found where tensors were sent at some times and the consumer was rung at others."""
    channel = ChannelRecord("a.b.out", "c", "uint8", (1,), 4, "block", 4096)
    channel.messages = [MessageRecord(number, int(t * US), origin_ns=0) for number, t in enumerate(sent_us)]
    return bell_ns({"out": channel}, {"out": [t * US for t in rung_us]}, ExecutionClock(), MS)


def test_a_doorbell_is_late_when_too_little_of_the_quantum_is_left() -> None:
    assert bell([500, 2_990, 5_988], [1_000, 4_000, 6_000]) == 11 * US, "10 us were too short, 12 us were not"
    assert bell([500, 2_990], [1_000, 4_000]) == (10 + 500) * US // 2
    assert bell([2_990], [4_000]) == 10 * US


def test_nothing_is_late_where_every_doorbell_is_rung_at_once() -> None:
    assert bell([500, 1_999, 5_000], [1_000, 2_000, 5_000]) == 0
    assert bell([], []) == 0


def test_a_later_tensor_may_be_what_rang() -> None:
    assert bell([1_100, 2_500], [3_000]) == 0, "its consumer was awake for the first one"


def test_one_odd_case_does_not_outweigh_the_others() -> None:
    numbers = random.Random(3)
    sent, rung = [], []
    for place in range(0, 400_000, 4_000):
        left_us = numbers.randrange(1, 1_000)
        sent.append(place + 1_000 - left_us)
        rung.append(place + (2_000 if left_us < 40 else 1_000))
    rung[1] += 1_000  # its consumer was awake
    assert 30 * US <= bell(sent, rung) <= 50 * US


def test_a_look_is_the_least_time_from_a_doorbell_to_an_input() -> None:
    takes = [Input(30 * US, 0, 0), Input(2_020 * US, 1_500 * US, 2_000 * US), Input(4_001 * US, 3_500 * US, 4_000 * US)]
    assert look_ns(takes, ExecutionClock(), []) == 1 * US
    assert look_ns(takes, ExecutionClock(), [4_000 * US + 1]) == 20 * US, "at 4 ms it was still awake"
    assert look_ns([], ExecutionClock(), []) == 0


def test_the_start_of_a_partition_is_not_how_it_wakes() -> None:
    """Its first call has the time that it took to start; calls of which nothing is known do not."""

    def call(came_us: int, taken_us: int, end_us: int) -> Call:
        given = Input(taken_us * US, came_us * US, came_us * US)
        return Call([given], end_us * US, (0, 0), end_us * US)

    starting, busy = call(0, 9_000, 12_000), call(11_000, 12_010, 15_000)
    woken, other = call(16_000, 16_020, 17_000), call(20_000, 20_030, 21_000)
    every = [starting, busy, woken, other]
    ends = [each.end_ns for each in every]
    assert wakes_ns(every, ExecutionClock(), ends) == [9_000 * US, 20 * US, 20 * US, 30 * US]
    assert wakes_ns([starting, busy], ExecutionClock(), ends) == [9_000 * US, 0], "it was always awake"


def test_inputs_are_taken_one_after_the_other() -> None:
    def call(*taken_us: int, came_us: int = 0) -> Call:
        inputs = [Input(t * US, came_us * US, came_us * US) for t in taken_us]
        return Call(inputs, 9 * MS, (0, 0), 9 * MS)

    calls = [call(10, 13, 14), call(20, 24, 25), call(30, 36, 37)]
    assert fetches_ns(calls, ExecutionClock()) == [(3 * US, 1 * US), (4 * US, 1 * US), (6 * US, 1 * US)]
    waiting = Call([Input(10 * US, 0, 0), Input(2_010 * US, 1_500 * US, 2_000 * US)], 9 * MS, (0, 0), 9 * MS)
    assert fetches_ns([call(10, 13), waiting], ExecutionClock()) == [(3 * US,)] * 2, "it held the first one and slept"
    assert fetches_ns([call(10), call(20)], ExecutionClock()) == []
