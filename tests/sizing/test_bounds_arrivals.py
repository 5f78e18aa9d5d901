"""Curves of sensors and of calls against streams that are made sample by sample and call by call."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.sizing.bounds.arrivals import Samples
from sim.sizing.bounds.services import Sends, Workload
from sim.sizing.plan import NOT_SENT, Calls, Ring, Sensor, Service

QUANTUM_NS = 10
SAMPLES = 25
PATIENT = settings(deadline=None, max_examples=60)


@st.composite
def sensors(draw: st.DrawFn) -> tuple[Sensor, Ring, list[int]]:
    """A sensor, its ring, and the lateness of each of its samples."""
    interval = Fraction(draw(st.integers(30, 900)), draw(st.integers(1, 7)))
    jitter_ns = draw(st.integers(0, int(interval)))
    late = draw(st.lists(st.integers(0, jitter_ns), min_size=SAMPLES, max_size=SAMPLES))
    count = draw(st.none() | st.integers(1, SAMPLES - 1))
    ring = Ring("ring", "ring", "sensor", "node", 64, 4, "block", draw(st.just(0) | st.integers(1, 400)))
    return Sensor("sensor", interval, ("ring",), jitter_ns, count=count, waits=draw(st.booleans())), ring, late


def published(sensor: Sensor, ring: Ring, late: list[int]) -> list[tuple[int, int]]:
    """(sample's time, publication) as machines/native/participant.py has it, boundary by boundary."""
    at = [int(number * sensor.interval_ns) + late[number] for number in range(SAMPLES)]
    for number in range(1, SAMPLES):  # times grow with the number
        at[number] = max(at[number], at[number - 1])
    at = at[: sensor.count]
    found, place = [], 0
    for now in range(0, int(SAMPLES * sensor.interval_ns) + QUANTUM_NS, QUANTUM_NS):
        if now < ring.open_ns or (now == -(-ring.open_ns // QUANTUM_NS) * QUANTUM_NS and ring.open_ns):
            while not sensor.waits and place + 1 < len(at) and at[place + 1] <= now:
                place += 1
        while now >= ring.open_ns and place < len(at) and at[place] <= now:
            found.append((at[place], now))
            place += 1
    return found


@PATIENT
@given(sensors())
def test_samples_keep_to_their_curve_their_lag_and_their_phase(drawn: tuple[Sensor, Ring, list[int]]) -> None:
    sensor, ring, late = drawn
    samples = Samples(sensor, ring, QUANTUM_NS)
    came = published(sensor, ring, late)
    curve, phase = samples.curve(), samples.phase()
    assert all(now - at <= samples.lag_ns for at, now in came)
    for first in range(len(came)):
        for last in range(first, len(came)):
            assert came[last][1] - came[first][1] >= curve.span(last - first + 1)
    if phase is not None:
        assert phase.most is None or len(came) <= phase.most
        for number, (_, now) in enumerate(came):
            due = number * phase.interval_ns
            assert due + phase.earliest_ns <= now <= due + phase.latest_ns


@st.composite
def services(draw: st.DrawFn) -> Service:
    count = draw(st.integers(1, 6))
    hold = draw(st.lists(st.integers(0, 50), min_size=count, max_size=count))
    offsets = [draw(st.just(NOT_SENT) | st.integers(0, each)) for each in hold]
    calls = Calls(np.array(hold, np.int64), np.array(offsets, np.int64).reshape(count, 1))
    return Service("service", ("in",), (), ("out",), calls, draw(st.integers(0, 5)))


@PATIENT
@given(services())
def test_rows_of_calls_take_no_longer_than_their_workload(service: Service) -> None:
    hold, workload = service.calls.hold_ns.tolist(), Workload(service)
    for calls in range(20):
        rows = (sum(hold[(first + number) % len(hold)] for number in range(calls)) for first in range(len(hold)))
        assert workload.of(calls) == max(rows) + calls * service.gap_ns


@PATIENT
@given(services())
def test_what_is_sent_is_neither_later_nor_closer_than_it_can_be(service: Service) -> None:
    sends = Sends(service, 0)
    hold, offsets = service.calls.hold_ns.tolist() * 20, service.calls.offsets_ns[:, 0].tolist() * 20
    begins = [sum(hold[:number]) for number in range(len(hold))]
    sending = [number for number, offset in enumerate(offsets) if offset >= 0]
    if not sending:
        assert sends.share == 0
        return
    cycle = len(service.calls.hold_ns)
    for calls in range(1, 12):
        last = [number for number in sending if calls - 1 <= number < calls - 1 + cycle]
        latest = max(begins[number] - begins[number - calls + 1] + offsets[number] for number in last)
        assert sends.latest(calls) == latest + (calls - 1) * service.gap_ns
    for tensors in range(1, 6):
        rows = list(zip(sending, sending[tensors - 1 :], strict=False))[: len(sending) // 20]
        assert sends.calls_for(tensors) == min(last - first + 1 for first, last in rows)
        moments = (begins[last] + offsets[last] - begins[first] - offsets[first] for first, last in rows)
        assert sends.spacing(tensors) == max(0, min(moments))
