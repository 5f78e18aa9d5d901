"""What the host plays and carries in real time, without guests."""

from __future__ import annotations

import time
from fractions import Fraction

import numpy as np
import pytest

from machines.errors import ParticipantFailed
from machines.memory import SharedRegion
from machines.native.participant import NativeDevice
from machines.native.recording import RecordingDevice
from machines.native.sink import SinkDevice
from sim.host.channel import Channel, End
from sim.host.realtime.channel import FreeChannel
from sim.host.realtime.executive import RealTime
from sim.host.trace import Trace
from sim.report.record import ChannelRecord
from virtio_shm import Consumer, Layout, Producer, TensorSpec

MS = 1_000_000
ROWS = np.arange(4000, dtype=np.float32).reshape(1000, 4)
SPEC = TensorSpec("float32", (4,))


class Bench:
    """A recording at 200 Hz and a sink."""

    def __init__(self) -> None:
        layout = Layout.for_tensor(SPEC, 8)
        region = SharedRegion("samples", layout.mapping_bytes)
        record = ChannelRecord("imu", "sink", "float32", (4,), 8, "block", layout.region_bytes)
        self.channel = FreeChannel("samples", region, layout, End("imu", 1), End("sink", 1), record)
        self.imu = RecordingDevice("imu", ROWS, Fraction(200))
        self.sink = SinkDevice("sink")
        self.imu.attach(1, Producer(region.view, layout, overflow="block", clock=self.imu.clock))
        self.sink.attach(1, Consumer(region.view, layout, spec=SPEC, clock=self.sink.clock))
        self.trace = Trace()
        self.doorbells: list[int] = []
        self.failures: list[str] = []
        devices: list[NativeDevice] = [self.imu, self.sink]
        self.host = RealTime([], devices, [self.channel], MS, self.trace, self._note, self._fail)

    def _note(self, now_ns: int, source: End, target: End, channel: Channel) -> None:
        self.doorbells.append(now_ns)

    def _fail(self, now_ns: int, failure: ParticipantFailed) -> None:
        self.failures.append(str(failure))

    def run(self, duration_ms: int) -> float:
        """Run, and return the wall seconds that it took."""
        began = time.monotonic()
        self.host.run(duration_ms * MS, lambda now_ns: None)
        return time.monotonic() - began


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_devices_follow_the_wall_clock(bench: Bench) -> None:
    assert 0.4 <= bench.run(400) < 5
    assert bench.host.now_ns == 400 * MS
    numbers = [message.origin_sequence for message in bench.channel.record.messages]
    assert 20 <= bench.imu.samples <= 81, "one each 5 ms, and one at time 0; fewer if this computer has no time for us"
    assert numbers == list(range(bench.imu.samples)) and bench.sink.taken <= len(numbers)
    assert not bench.failures and not bench.channel.torn
    lateness = [m.produced_ns - (m.origin_ns or 0) for m in bench.channel.record.messages]
    assert min(lateness) >= 0
    assert bench.doorbells == sorted(bench.doorbells)


def test_what_breaks_a_ring_is_blamed_and_the_rest_goes_on(bench: Bench) -> None:
    layout = bench.channel.layout

    def lie(now_ns: int) -> None:
        """Announce more than the ring holds, as the producer's memory."""
        if now_ns > 100 * MS:
            bench.channel.region.view[layout.available + 2 : layout.available + 4] = b"\x00\x70"

    bench.host.run(300 * MS, lie)
    assert bench.host.now_ns == 300 * MS
    assert any("broke the ring of channel samples" in each for each in bench.failures)


def test_a_halt_ends_it(bench: Bench) -> None:
    bench.host.run(60_000 * MS, lambda now_ns: bench.host.halt("enough") if now_ns > 50 * MS else None)
    assert bench.host.halted == "enough"
    assert bench.host.now_ns < 10_000 * MS


def test_a_restart_is_refused(bench: Bench) -> None:
    with pytest.raises(RuntimeError, match="cannot be started again in real time"):
        bench.host.admit(bench.sink)
