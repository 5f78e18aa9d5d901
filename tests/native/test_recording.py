"""Recordings and sinks on real rings: every row in its time, what waits and what is lost, and what a sink sums up."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from host.participants import MS, Bench, record

from machines.memory import SharedRegion
from machines.native.participant import NativeDevice
from machines.native.recording import RecordingDevice
from machines.native.sink import SinkDevice
from machines.participant import NEVER_NS
from sim.host.channel import Channel, End
from virtio_shm import Consumer, Frame, Layout, Producer, TensorSpec

ROWS = np.arange(60, dtype=np.int16).reshape(10, 6)
SPEC = TensorSpec("int16", (6,))
LAYOUT = Layout.for_tensor(SPEC, 4)


def recording(start: int = 0, count: int | None = 10, rate: int = 100) -> RecordingDevice:
    return RecordingDevice("imu", ROWS, Fraction(rate), start, count)


def act(device: NativeDevice, now_ns: int) -> list[int]:
    device.grant(now_ns)
    device.settle()
    return list(device.collect())


class Board:
    """The other end of a recording's channel."""

    def __init__(self, device: RecordingDevice, overflow: str, vector: int = 1) -> None:
        region = SharedRegion("board", LAYOUT.mapping_bytes)
        region.close()
        device.attach(vector, Producer(region.view, LAYOUT, overflow=overflow, clock=device.clock))  # type: ignore[arg-type]
        self.device = device
        self.end = Consumer(region.view, LAYOUT, spec=SPEC, clock=device.clock)

    def run(self, from_ns: int, until_ns: int, step_ns: int = MS) -> list[tuple[int, int, int, int]]:
        """Act and take at each boundary; return sample, sample time, time of arrival and first number of each."""
        seen = []
        for now_ns in range(from_ns, until_ns, step_ns):
            act(self.device, now_ns)
            seen += [
                (frame.origin_sequence, frame.origin_ns, frame.produced_ns, int(frame.array[0]))
                for frame in self.take()
            ]
        return seen

    def take(self) -> list[Frame]:
        self.end.poll_ready()
        taken = []
        while (frame := self.end.take()) is not None:
            taken.append(frame)
            self.end.give_back(frame)
        return taken


def test_every_row_comes_in_its_time_and_then_no_more() -> None:
    board = Board(recording(), "block")
    seen = board.run(0, 200 * MS)
    assert [(sample, origin, value) for sample, origin, _, value in seen] == [
        (n, n * 10 * MS, 6 * n) for n in range(10)
    ]
    assert [produced for _, _, produced, _ in seen[1:]] == [n * 10 * MS for n in range(1, 10)]
    assert board.device.wake_ns == NEVER_NS
    assert board.device.samples == 10


def test_times_between_boundaries() -> None:
    board = Board(recording(rate=300), "drop_newest")
    seen = board.run(0, 50 * MS)
    assert [origin for _, origin, _, _ in seen] == [n * 1_000_000_000 // 300 for n in range(10)]
    assert [produced for _, _, produced, _ in seen[1:]] == [
        -(-n * 1_000_000_000 // 300 // MS) * MS for n in range(1, 10)
    ]


def test_it_begins_where_it_is_told_and_counts_from_there() -> None:
    board = Board(recording(start=7, count=3), "block")
    assert [(sample, value) for sample, _, _, value in board.run(0, 200 * MS)] == [(0, 42), (1, 48), (2, 54)]
    assert [board.device.row(sample) for sample in range(3)] == [7, 8, 9]


def test_a_loop_begins_again_with_the_first_row() -> None:
    board = Board(recording(start=8, count=None), "block")
    values = [value // 6 for _, _, _, value in board.run(0, 240 * MS)]
    assert values == [8, 9, *range(10), *range(10), 0, 1]
    assert board.device.wake_ns == 240 * MS
    assert [board.device.row(sample) for sample in (1, 2, 12)] == [9, 0, 0]


def test_where_the_channel_blocks_every_sample_waits_even_for_the_board_to_start() -> None:
    board = Board(recording(), "block")
    for now_ns in range(0, 55 * MS, MS):
        act(board.device, now_ns)
    assert board.device.wake_ns == NEVER_NS  # held up: only a doorbell helps
    seen = board.run(55 * MS, 300 * MS)
    assert [sample for sample, *_ in seen] == list(range(10))
    assert [origin for _, origin, _, _ in seen] == [n * 10 * MS for n in range(10)]
    assert seen[0][2] >= 55 * MS


@pytest.mark.parametrize("overflow", ["drop_newest", "drop_oldest"])
def test_where_it_drops_a_board_that_starts_late_gets_what_is_new(overflow: str) -> None:
    board = Board(recording(), overflow)
    for now_ns in range(0, 55 * MS, MS):
        act(board.device, now_ns)
    assert [sample for sample, *_ in board.run(55 * MS, 300 * MS)] == [5, 6, 7, 8, 9]


@pytest.mark.parametrize(("overflow", "kept"), [("drop_newest", [0, 1, 2, 3]), ("drop_oldest", [6, 7, 8, 9])])
def test_what_is_not_taken_in_time_is_lost(overflow: str, kept: list[int]) -> None:
    board = Board(recording(), overflow)
    while not board.end.poll_ready():
        act(board.device, 0)
    for now_ns in range(0, 200 * MS, MS):
        act(board.device, now_ns)
    assert [frame.origin_sequence for frame in board.take()] == kept
    assert board.device.samples == 10


def test_channels_do_not_hold_up_each_other() -> None:
    device = recording()
    stuck, quick = Board(device, "block", 1), Board(device, "block", 2)
    assert [sample for sample, *_ in quick.run(0, 200 * MS)] == list(range(10))
    assert [sample for sample, *_ in stuck.run(200 * MS, 300 * MS)] == list(range(10))


def test_a_row_that_is_not_there_is_refused() -> None:
    for start in (10, -1):
        with pytest.raises(ValueError, match=f"recording imu: no row {start}; it has 10"):
            recording(start=start)


def play(rows: np.ndarray, rate: int = 100) -> tuple[SinkDevice, Channel]:
    """Let the executive run a recording into a sink."""
    source, sink = RecordingDevice("imu", rows, Fraction(rate), 0, len(rows)), SinkDevice("sink")
    spec = TensorSpec(rows.dtype.name, rows.shape[1:])
    layout = Layout.for_tensor(spec, 2)
    region = SharedRegion("samples", layout.mapping_bytes)
    region.close()
    source.attach(1, Producer(region.view, layout, overflow="block", clock=source.clock))
    sink.attach(1, Consumer(region.view, layout, spec=spec, clock=sink.clock))
    channel = Channel("samples", region, layout, End("imu", 1), End("sink", 1), record())
    bench = Bench([], [channel], [source, sink])  # type: ignore[list-item]
    bench.run(1000 * MS)
    assert not bench.failures
    return sink, channel


def test_a_sink_takes_all_and_sums_it_up() -> None:
    sink, channel = play(ROWS)
    assert sink.taken == 10 == len(channel.record.messages)
    assert all(message.taken_ns == message.produced_ns for message in channel.record.messages)
    assert play(ROWS, rate=1000)[0].digest == sink.digest  # when they came does not count


@pytest.mark.parametrize(
    "other",
    [ROWS[:9], ROWS[::-1], ROWS + 1, ROWS.reshape(10, 2, 3), ROWS.view(np.uint16), ROWS.reshape(20, 3)],
    ids=["fewer", "order", "content", "shape", "dtype", "cut"],
)
def test_a_sink_tells_other_tensors_apart(other: np.ndarray) -> None:
    assert play(np.ascontiguousarray(other))[0].digest != play(ROWS)[0].digest
