"""What counts as a copy is one: the ends of rings themselves show whether they work in the slot or beside it."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from fractions import Fraction
from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from guests.linux.agent.channels import Input, Output
from machines.native.camera import Camera
from machines.native.link import LinkDevice
from machines.native.link_timing import KINDS, LinkTiming
from machines.native.participant import CameraDevice, DisplayDevice, NativeDevice
from machines.native.recording import RecordingDevice
from machines.native.sink import SinkDevice
from sim.sizing.account.copies import copies_in, copies_out
from sim.sizing.plan import Accelerator, Device, Link, Node, Plan, Sensor, Sink
from virtio_shm import Consumer, Frame, Layout, Producer, TensorSpec

SPEC = TensorSpec("uint8", (120, 160, 3))
LAYOUT = Layout.for_tensor(SPEC, 4)
CHANNEL = {"name": "ring", "index": 0, "dtype": "uint8", "shape": [120, 160, 3], "depth": 4, "overflow": "block"}
DEVICES: tuple[Device, ...] = (
    Sensor("sensor", Fraction(30), ()),
    Sink("sink", ()),
    Accelerator("npu", (), (), 1),
    Link("board@link", (), 0, True),
)
PLAN = Plan("copies", 1, 1, {}, (Node("guest", ()),), DEVICES)


def now_ns() -> int:
    return 0


def memory() -> memoryview:
    return memoryview(mmap.mmap(-1, LAYOUT.mapping_bytes))


def is_in(ring: memoryview, array: NDArray[Any]) -> bool:
    return np.shares_memory(np.frombuffer(ring, np.uint8), array)


def producer(ring: memoryview, clock: Callable[[], int] = now_ns) -> Producer:
    return Producer(ring, LAYOUT, overflow="block", clock=clock)


def consumer(ring: memoryview, clock: Callable[[], int] = now_ns) -> Consumer:
    return Consumer(ring, LAYOUT, spec=SPEC, clock=clock)


def connect(*ends: Producer | Consumer) -> None:
    for _ in range(4):
        for end in ends:
            end.poll_ready()


def act(device: NativeDevice, other: Producer | Consumer, times: int = 4) -> None:
    for boundary in range(1, times + 1):
        device.grant(boundary * 1_000_000)
        device.settle()
        other.poll_ready()


@pytest.mark.parametrize("kind", ["camera", "recording"])
def test_a_sensor_makes_its_sample_in_the_slot(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    device: CameraDevice | RecordingDevice
    if kind == "camera":
        device = CameraDevice(Camera("sensor", "plates", (160, 120), 1000), SPEC)
    else:
        device = RecordingDevice("sensor", np.zeros((3, 120, 160, 3), np.uint8), Fraction(1000))
    ring, filled = memory(), []
    monkeypatch.setattr(device, "fill", lambda sample, slot: filled.append(slot))
    device.attach(1, producer(ring, device.clock))
    act(device, consumer(ring))
    assert filled and all(is_in(ring, slot) for slot in filled)
    assert copies_in(PLAN, "sensor") == 0


def test_a_sensor_makes_it_anew_for_every_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    device = CameraDevice(Camera("sensor", "plates", (160, 120), 1), SPEC, count=1)
    rings = memory(), memory()
    filled: list[NDArray[Any]] = []
    monkeypatch.setattr(device, "fill", lambda sample, slot: filled.append(slot))
    takers = [consumer(ring) for ring in rings]
    for vector, ring in enumerate(rings):
        device.attach(vector, producer(ring, device.clock))
    for taker in takers:
        act(device, taker)
    assert [is_in(ring, slot) for ring, slot in zip(rings, filled, strict=True)] == [True, True]


def test_a_guests_service_copies_what_it_returns_and_reads_in_place() -> None:
    ring = memory()
    output, taker = (
        Output(CHANNEL, ring, lambda vector: None, now_ns),
        Input(CHANNEL, ring, lambda vector: None, now_ns),
    )
    for _ in range(4):
        output.connect()
        taker.connect()
    result = np.full((120, 160, 3), 7, np.uint8)
    origin = Frame(result, (0,) * 8)
    assert output.send(result, origin)
    frame = taker.take()
    assert frame is not None and is_in(ring, frame.array)
    result[...] = 9
    assert (frame.array == 7).all()
    assert (copies_in(PLAN, "guest"), copies_out(PLAN, "guest")) == (1, 0)


@pytest.mark.parametrize("kind", ["display", "sink"])
def test_a_sink_looks_at_the_slot(kind: str) -> None:
    class Shown:
        """A display that notes where pictures are."""

        name, places = "sink", [False]

        def show(self, picture: NDArray[Any], t_ns: int) -> None:
            """Note one."""
            self.places.append(is_in(ring, picture))

    ring, shown = memory(), Shown()
    device = DisplayDevice(shown) if kind == "display" else SinkDevice("sink")  # type: ignore[arg-type]
    taker, sender = consumer(ring, device.clock), producer(ring)
    device.attach(1, taker)
    act(device, sender)
    sender.reserve(SPEC)
    sender.commit()
    act(device, sender, 6)
    assert taker.counters.popped == 1
    assert shown.places[1:] == ([True] if kind == "display" else [])
    assert copies_out(PLAN, "sink") == 0


def test_a_link_copies_out_of_one_ring_and_into_the_other() -> None:
    link = LinkDevice("board@link", LinkTiming(KINDS["spi"], Fraction(40_000_000), 0, 4096))
    here, there = memory(), memory()
    sender, taker = producer(here), consumer(there, lambda: 10**9)
    link.connect("sent", 1, consumer(here, link.clock), 2, producer(there, link.clock))
    act(link, sender)
    connect(sender, taker)
    slot = sender.reserve(SPEC)
    assert slot is not None
    slot[...] = 7
    sender.commit()
    link.grant(5_000_000)
    link.settle()
    slot[...] = 9  # while it is on the wire
    act(link, taker, 60)
    frame = taker.take()
    assert frame is not None and (frame.array == 7).all() and is_in(there, frame.array)
    assert (copies_out(PLAN, "board@link"), copies_in(PLAN, "board@link")) == (1, 1)


def test_every_kind_of_device_is_known() -> None:
    assert {type(device) for device in DEVICES} == set(get_args(Device))
    for device in DEVICES:
        assert copies_in(PLAN, device.name) in (0, 1) and copies_out(PLAN, device.name) in (0, 1)
