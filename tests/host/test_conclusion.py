"""What devices and links leave in the record: a recording is played over a link into a sink."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from machines.memory import SharedRegion
from machines.native.link import LinkDevice
from machines.native.link_timing import KINDS, LinkTiming
from machines.native.participant import NativeDevice
from machines.native.recording import RecordingDevice
from machines.native.sink import SinkDevice
from sim.host.channel import Channel, End
from sim.host.conclusion import conclude_devices
from sim.report.record import ChannelRecord, DeviceRecord, PartitionRecord, RunRecord
from virtio_shm import Consumer, Layout, Producer, TensorSpec

from .participants import MS, US, Bench

ROWS = np.arange(60, dtype=np.int16).reshape(10, 6)
SPEC = TensorSpec("int16", (6,))
LAYOUT = Layout.for_tensor(SPEC, 16)
TIMING = LinkTiming(KINDS["uart"], Fraction(1_000_000), 100 * US, 32)
"""A row of 12 bytes and its header of 16 go in two packets of at most 20 and their headers: 10 bits for 52 bytes."""
PACKETS, WIRE_NS, BYTES = 2, 520 * US, 12


def ring(name: str, source: End, target: End) -> Channel:
    region = SharedRegion(name, LAYOUT.mapping_bytes)
    region.close()
    described = ChannelRecord(source.participant, target.participant, "int16", (6,), 16, "block", 0)
    return Channel(name, region, LAYOUT, source, target, described)


@pytest.fixture
def played() -> RunRecord:
    """Return the record of ten rows that went over the link of the node `cabin`, concluded."""
    source, sink = RecordingDevice("imu", ROWS, Fraction(100), 0, 10), SinkDevice("scores")
    link = LinkDevice("cabin@link", TIMING)
    near = ring("motion@cabin", End("imu", 1), End("cabin@link", 1))
    far = ring("motion", End("cabin@link", 2), End("scores", 1))
    source.attach(1, Producer(near.region.view, LAYOUT, overflow="block", clock=source.clock))
    sink.attach(1, Consumer(far.region.view, LAYOUT, spec=SPEC, clock=sink.clock))
    link.connect(
        "sent",
        1,
        Consumer(near.region.view, LAYOUT, spec=SPEC, clock=link.clock),
        2,
        Producer(far.region.view, LAYOUT, overflow="block", clock=link.clock),
    )
    devices: dict[str, NativeDevice] = {"imu": source, "scores": sink, "cabin@link": link}
    bench = Bench([], [near, far], list(devices.values()))  # type: ignore[arg-type]
    bench.run(200 * MS)
    assert not bench.failures
    record = RunRecord("x", virtual_time_ns=200 * MS)
    record.partitions = {name: PartitionRecord("m", "b", 1, 1.0) for name in ("cabin", "cockpit")}
    record.devices = {
        name: DeviceRecord(kind) for name, kind in zip(devices, ("recording", "sink", "link"), strict=True)
    }
    record.channels = {channel.name: channel.record for channel in (near, far)}
    conclude_devices(devices, record)
    assert record.devices["scores"].digest == sink.digest
    return record


def test_a_tensor_counts_once_at_each_device(played: RunRecord) -> None:
    assert {name: device.tensors for name, device in played.devices.items()} == {
        "imu": 10, "scores": 10, "cabin@link": 10,
    }  # fmt: skip
    assert played.devices["imu"].digest is None and played.devices["cabin@link"].digest is None


def test_the_link_of_a_node_tells_what_went_over_it(played: RunRecord) -> None:
    assert list(played.links) == ["cabin"], "and none for who has no link"
    link = played.links["cabin"]
    assert (link.kind, link.rate_hz, link.latency_ns, link.mtu_bytes) == ("uart", 1e6, 100 * US, 32)
    assert (link.sent.tensors, link.sent.bytes, link.sent.packets) == (10, 10 * BYTES, 10 * PACKETS)
    assert (link.sent.busy_ns, link.sent.worst_transit_ns) == (10 * WIRE_NS, WIRE_NS + TIMING.latency_ns)
    assert link.received.tensors == link.received.busy_ns == 0
