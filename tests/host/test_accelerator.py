"""Accelerators on real rings: what is taken first, how long they are busy, what waits, who gets the result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from machines.memory import SharedRegion
from machines.native.accelerator import AcceleratorDevice
from machines.participant import NEVER_NS
from sim.host.conclusion import conclude_devices
from sim.host.devices import make_device
from sim.report.perfetto import trace
from sim.report.record import DeviceRecord, RunRecord, Span
from sim.report.result import result
from sim.report.timeline import timeline
from sim.scenario.devices import Accelerator
from virtio_shm import Consumer, Layout, Producer, TensorSpec

from .participants import MS

SPEC = TensorSpec("int8", (4,), 0.5, 3)
WIDE = TensorSpec("int32", (2,))
LAYOUT = Layout.for_tensor(WIDE, 4)


def infer(tensor: NDArray[Any]) -> Sequence[NDArray[Any]]:
    """Double every element; tell how many there are."""
    return [tensor * np.int8(2), np.array([tensor.size, 7], np.int32)]


class Bench:
    """An accelerator with the far ends of its channels, all of which look at one clock."""

    def __init__(
        self, job_ns: int, inputs: int = 1, outputs: Sequence[tuple[str, str]] = (("double", "block"),)
    ) -> None:
        self.now_ns = 0
        self.device = AcceleratorDevice("npu", infer, {"double": SPEC, "count": WIDE}, job_ns)
        self.sources: list[Producer] = []
        self.sinks: list[Consumer] = []
        self.regions: list[SharedRegion] = []
        for vector in range(1, 1 + inputs):
            view = self._region()
            self.sources.append(Producer(view, LAYOUT, overflow="block", clock=lambda: self.now_ns))
            self.device.attach(vector, Consumer(view, LAYOUT, spec=SPEC, clock=self.device.clock), "input")
        for vector, (port, overflow) in enumerate(outputs, 1 + inputs):
            view, spec = self._region(), SPEC if port == "double" else WIDE
            near = Producer(view, LAYOUT, overflow=overflow, clock=self.device.clock)  # type: ignore[arg-type]
            self.device.attach(vector, near, port)
            self.sinks.append(Consumer(view, LAYOUT, spec=spec, clock=lambda: self.now_ns))

    def _region(self) -> memoryview:
        region = SharedRegion("far", LAYOUT.mapping_bytes)
        region.close()
        self.regions.append(region)
        return region.view

    def meet(self) -> None:
        for _ in range(4):
            for end in (*self.sources, *self.sinks):
                end.poll_ready()
            self.act(0)

    def act(self, now_ns: int) -> list[int]:
        self.now_ns = now_ns
        self.device.grant(now_ns)
        self.device.settle()
        return list(self.device.collect())

    def send(self, value: int, at_ns: int, source: int = 0) -> bool:
        self.now_ns = at_ns
        slot = self.sources[source].reserve(SPEC)
        if slot is None:
            return False
        slot[...] = value
        self.sources[source].commit(origin_sequence=value, origin_ns=at_ns)
        return True

    def taken(self, sink: int = 0) -> list[tuple[int, int, int]]:
        """Take what is there: number of the origin, first element, time of publication."""
        found = []
        while (frame := self.sinks[sink].take()) is not None:
            found.append((frame.origin_sequence, int(frame.array.ravel()[0]), frame.produced_ns))
            self.sinks[sink].give_back(frame)
        return found


def ready(job_ns: int, inputs: int = 1, outputs: Sequence[tuple[str, str]] = (("double", "block"),)) -> Bench:
    bench = Bench(job_ns, inputs, outputs)
    bench.meet()
    return bench


def test_a_result_comes_at_the_first_boundary_after_the_job_with_the_origin_of_its_tensor() -> None:
    bench = ready(2_300_000)
    assert bench.device.wake_ns == NEVER_NS
    bench.send(5, 400_000)
    bench.act(1 * MS)
    assert bench.device.wake_ns == 2_700_000
    bench.act(2 * MS)
    assert bench.taken() == []
    assert bench.act(3 * MS)
    assert bench.taken() == [(5, 10, 3 * MS)]
    assert bench.device.jobs == [(400_000, 2_700_000, 5)]
    assert bench.device.wake_ns == NEVER_NS


def test_the_quantisation_of_the_model_is_that_of_the_result() -> None:
    bench = ready(1)
    bench.send(1, 0)
    bench.act(1 * MS)
    frame = bench.sinks[0].take()
    assert frame is not None and (frame.scale, frame.zero_point) == (0.5, 3)


def test_jobs_follow_each_other_to_the_nanosecond_also_within_a_quantum() -> None:
    bench = ready(700_000)
    for value in range(1, 4):
        bench.send(value, 100_000)
    bench.act(1 * MS)
    assert [value for value, _, _ in bench.taken()] == [1]
    bench.act(2 * MS)
    assert [value for value, _, _ in bench.taken()] == [2]
    bench.act(3 * MS)
    assert [value for value, _, _ in bench.taken()] == [3]  # 100 us + 3 x 700 us = 2.2 ms
    assert bench.device.wake_ns == NEVER_NS


def test_several_jobs_fit_into_one_quantum() -> None:
    bench = ready(100_000)
    for value in range(1, 4):
        bench.send(value, 0)
    bench.act(1 * MS)
    assert bench.taken() == [(1, 2, MS), (2, 4, MS), (3, 6, MS)]


def test_what_was_published_first_is_first_and_then_the_channel_that_stands_first() -> None:
    bench = ready(10_000, inputs=3)
    bench.send(30, 500, source=2)
    bench.send(10, 900, source=0)
    bench.send(20, 500, source=1)
    bench.send(31, 600, source=2)
    bench.act(1 * MS)
    assert [value for value, _, _ in bench.taken()] == [20, 30, 31, 10]


def test_a_slot_is_free_only_after_its_job() -> None:
    bench = ready(5 * MS)
    assert [bench.send(value, value) for value in range(1, 6)] == [True] * 4 + [False]
    bench.act(1 * MS)
    assert not bench.send(5, 1 * MS)
    bench.act(6 * MS)
    assert bench.send(5, 6 * MS)


def test_a_full_channel_that_blocks_holds_the_result_and_the_device() -> None:
    bench = ready(100_000)
    for value in range(1, 5):
        bench.send(value, 0)
    bench.act(1 * MS)
    for value in range(5, 7):
        bench.send(value, 1 * MS)
    bench.act(2 * MS)
    assert len(bench.device.jobs) == 5  # the fifth result waits for one of four slots
    assert bench.device.wake_ns == NEVER_NS
    bench.now_ns = 2 * MS
    assert [value for value, _, _ in bench.taken()] == [1, 2, 3, 4]
    bench.act(10 * MS)
    bench.act(11 * MS)
    assert bench.taken() == [(5, 10, 10 * MS), (6, 12, 11 * MS)]


def test_a_full_channel_that_drops_does_not_hold_it() -> None:
    bench = ready(100_000, outputs=(("double", "drop_newest"), ("count", "block")))
    for value in range(1, 5):
        bench.send(value, 0)
    bench.act(1 * MS)
    assert [first for _, first, _ in bench.taken(1)] == [4, 4, 4, 4]
    bench.send(5, 1 * MS)
    bench.act(2 * MS)
    assert [value for value, _, _ in bench.taken(1)] == [5]
    assert [value for value, _, _ in bench.taken(0)] == [1, 2, 3, 4]


def test_each_output_of_the_model_goes_to_its_own_channels() -> None:
    bench = ready(1000, outputs=(("count", "block"), ("double", "block"), ("double", "block")))
    bench.send(9, 0)
    bench.act(1 * MS)
    assert [[first for _, first, _ in bench.taken(sink)] for sink in range(3)] == [[4], [18], [18]]


def test_a_result_waits_for_a_consumer_that_has_not_started() -> None:
    bench = Bench(1000)
    for _ in range(4):
        bench.sources[0].poll_ready()
        bench.act(0)
    bench.send(3, 0)
    bench.act(1 * MS)
    for _ in range(4):
        bench.sinks[0].poll_ready()
        bench.act(2 * MS)
    assert bench.taken() == [(3, 6, 2 * MS)]


def test_while_it_stands_still_nothing_begins() -> None:
    bench = ready(1000)
    bench.device.idle(True)
    bench.send(3, 0)
    bench.act(1 * MS)
    assert not bench.device.jobs
    bench.device.idle(False)
    bench.act(2 * MS)
    assert bench.taken() == [(3, 6, 2 * MS)]


def test_a_consumer_that_breaks_its_ring_holds_nobody_else_up() -> None:
    bench = ready(1000, outputs=(("double", "block"), ("count", "block")))
    region, layout = bench.regions[1], LAYOUT
    region.view[layout.used + 2 : layout.used + 4] = b"\xff\x7f"  # an index far ahead
    for value in range(1, 4):
        bench.send(value, 0)
    bench.act(1 * MS)
    bench.act(2 * MS)
    assert [value for value, _, _ in bench.taken(1)] == [1, 2, 3]
    assert [vector for vector, _ in bench.device.broken()] == [2]


def test_a_port_that_the_model_has_not_is_refused() -> None:
    bench = Bench(1)
    view = bench.regions[0].view
    with pytest.raises(ValueError, match="npu has no output 'sides'; one of double, count"):
        bench.device.attach(9, Producer(view, LAYOUT, overflow="block", clock=bench.device.clock), "sides")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5 * MS), st.integers(0, 1)), min_size=1, max_size=8),
    st.integers(1, 3 * MS),
    st.integers(1, 3),
)
def test_starts_and_ends_are_those_of_one_server(sent: list[tuple[int, int]], job_ns: int, quanta: int) -> None:
    """However boundaries lie, job n ends at max(its publication, the end of job n-1) + the time of a job."""
    quantum = quanta * MS // 2
    arrivals = sorted(sent)[:4]
    bench, waiting, got = ready(job_ns, inputs=2), list(enumerate(arrivals)), []
    for boundary in range(quantum, 40 * MS, quantum):
        while waiting and waiting[0][1][0] <= boundary:
            number, (at_ns, source) = waiting.pop(0)
            assert bench.send(number, at_ns, source)
        bench.act(boundary)
        got += bench.taken()
    expected, free_ns = [], 0
    order = sorted(range(len(arrivals)), key=lambda number: arrivals[number])
    for number in order:
        free_ns = max(free_ns, arrivals[number][0]) + job_ns
        expected.append((number, max(quantum, -(-free_ns // quantum) * quantum)))
    assert [(number, at_ns) for number, _, at_ns in got] == expected


def _again(bench: Bench, now_ns: int) -> None:
    for _ in range(4):
        for end in (*bench.sources, *bench.sinks):
            end.poll_ready()
        bench.act(now_ns)


@pytest.mark.parametrize("inputs", [1, 2])
def test_a_sender_that_starts_again_loses_what_it_had_sent_and_goes_on(inputs: int) -> None:
    bench = ready(3 * MS, inputs)
    for source in range(inputs):
        bench.send(1 + source, 0, source)
    bench.act(1 * MS)
    bench.now_ns = 2 * MS
    bench.sources[0].restart()
    _again(bench, 2 * MS)
    bench.act(4 * MS)
    bench.act(8 * MS)
    assert bench.send(9, 8 * MS)
    bench.act(9 * MS)
    bench.act(20 * MS)
    assert not list(bench.device.broken())
    assert bench.taken()[-1] == (9, 18, 20 * MS)


def test_a_receiver_that_starts_again_gets_what_comes_then() -> None:
    bench = ready(3 * MS)
    bench.send(1, 0)
    bench.act(1 * MS)
    bench.now_ns = 2 * MS
    bench.sinks[0].restart()
    _again(bench, 2 * MS)
    bench.act(4 * MS)
    assert [value for value, _, _ in bench.taken()] == [1]
    assert not list(bench.device.broken())


def test_the_result_tells_its_jobs_and_how_much_of_the_time_it_worked() -> None:
    bench = ready(3 * MS)
    for value in (1, 2):
        bench.send(value, 0)
    bench.act(3 * MS)
    bench.act(6 * MS)
    record = RunRecord("x", virtual_time_ns=10 * MS)
    record.devices = {"npu": DeviceRecord("accelerator", "small")}
    conclude_devices({"npu": bench.device}, record)
    assert result(record)["devices"]["npu"] == {
        "kind": "accelerator", "description": "small", "tensors": 2, "digest": None, "busy_share": 0.6,
    }  # fmt: skip


def test_a_scenario_s_accelerator_has_the_time_of_its_profile_and_the_outputs_of_its_model() -> None:
    pytest.importorskip("ai_edge_litert")
    described = Accelerator.model_validate(
        {"kind": "accelerator", "profile": "coral_edge_tpu", "model": "guests/models/plates_int8.tflite"},
        context={"folders": (Path(__file__).parents[2],)},
    )
    device = make_device("npu", described, 7)
    layout = Layout(2, 1200)
    region = SharedRegion("far", layout.mapping_bytes)
    region.close()
    device.attach(1, Producer(region.view, layout, overflow="block", clock=device.clock), "sides")
    with pytest.raises(ValueError, match="one of plate, sides"):
        device.attach(2, Producer(region.view, layout, overflow="block", clock=device.clock), "output")
    assert isinstance(device, AcceleratorDevice) and device.job_ns == described.job.total_ns


def test_the_timeline_and_the_trace_show_its_jobs() -> None:
    record = RunRecord("x", virtual_time_ns=10 * MS)
    spans = [Span("job", 1 * MS, 2 * MS, 7), Span("job", 9 * MS, 12 * MS, 8)]
    record.devices = {"npu": DeviceRecord("accelerator", "small", 2, spans=spans), "eye": DeviceRecord("camera")}
    (lane,) = timeline(record)["lanes"]
    assert (lane["group"], lane["name"], lane["spans"]) == ("npu", "jobs", [[1 * MS, 2 * MS, 7], [9 * MS, 12 * MS, 8]])
    slices = [event for event in trace(record)["traceEvents"] if event["ph"] == "X"]
    assert [(event["name"], event["ts"], event["dur"]) for event in slices] == [
        ("job", 1000, 1000),
        ("job", 9000, 3000),
    ]
    assert result(record)["devices"]["npu"]["busy_share"] == 0.2
