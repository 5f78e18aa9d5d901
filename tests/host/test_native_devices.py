"""Cameras and displays on real rings: when they act, what waits, what is dropped, who is blamed."""

from __future__ import annotations

import numpy as np
import pytest

from machines.memory import SharedRegion
from machines.native.camera import Camera
from machines.native.display import Display
from machines.native.participant import CameraDevice, DisplayDevice, NativeDevice
from machines.native.source import Truth
from machines.participant import NEVER_NS, State
from virtio_shm import Consumer, Frame, Layout, Producer, TensorSpec

from .participants import MS

SPEC = TensorSpec("uint8", (2, 4, 3))
LAYOUT = Layout.for_tensor(SPEC, 4)


class Numbered:
    """A source whose pictures are filled with their index."""

    def draw(self, index: int, t_ns: int, out: np.ndarray) -> None:
        out[:] = index

    def truth(self, index: int, t_ns: int) -> list[Truth]:
        return []


class Far:
    """The other end of a channel of a device, with a clock of its own."""

    def __init__(self, device: NativeDevice, vector: int = 1, overflow: str = "block") -> None:
        self.region = SharedRegion("far", LAYOUT.mapping_bytes)
        self.region.close()
        self.now_ns = 0
        view = self.region.view
        self.end: Producer | Consumer
        if isinstance(device, CameraDevice):
            near: Producer | Consumer = Producer(view, LAYOUT, overflow=overflow, clock=device.clock)  # type: ignore[arg-type]
            self.end = Consumer(view, LAYOUT, spec=SPEC, clock=lambda: self.now_ns)
        else:
            near = Consumer(view, LAYOUT, spec=SPEC, clock=device.clock)
            self.end = Producer(view, LAYOUT, overflow="block", clock=lambda: self.now_ns)
        device.attach(vector, near)

    def meet(self, device: NativeDevice) -> None:
        """Open a session at the device's time, as two participants that ring each other do."""
        for _ in range(4):
            self.end.poll_ready()
            act(device, device.now_ns)
        assert self.end.poll_ready()

    def take_all(self, now_ns: int, give_back: bool = True) -> list[Frame]:
        """Take what is there, and hand it back or keep it."""
        assert isinstance(self.end, Consumer)
        self.now_ns = now_ns
        taken = []
        while (frame := self.end.take()) is not None:
            taken.append(frame)
            frame.array = frame.array.copy()
            if give_back:
                self.end.give_back(frame)
        return taken


def act(device: NativeDevice, now_ns: int) -> list[int]:
    """Let a device act at a boundary; return what it rings."""
    device.grant(now_ns)
    device.settle()
    return list(device.collect())


def camera(rate: int = 100, jitter_ns: int = 0, count: int | None = None, seed: int = 0) -> CameraDevice:
    return CameraDevice(Camera("camera", Numbered(), (4, 2), rate, "rgb8", jitter_ns, seed), SPEC, count)


def test_a_frame_comes_at_the_first_boundary_after_its_capture() -> None:
    device = camera(rate=30)
    far = Far(device)
    far.meet(device)
    assert [frame.array[0, 0, 0] for frame in far.take_all(0)] == [0]
    assert device.wake_ns == 33_333_333
    act(device, 33 * MS)
    assert far.take_all(33 * MS) == []
    assert act(device, 34 * MS) == [1]
    (frame,) = far.take_all(34 * MS)
    assert (frame.sequence, frame.produced_ns) == (1, 34 * MS)
    assert (frame.origin_sequence, frame.origin_ns) == (1, 33_333_333)
    assert device.wake_ns == 66_666_666
    assert device.frames == 2


def test_before_anyone_is_there_only_the_latest_frame_is_kept() -> None:
    device = camera()
    far = Far(device)
    for t_ns in range(0, 35 * MS, MS):
        act(device, t_ns)
    assert device.wake_ns == NEVER_NS  # its frame waits for the session, not for time
    device.now_ns = 35 * MS
    far.meet(device)
    assert [frame.origin_sequence for frame in far.take_all(35 * MS)] == [3]
    assert device.wake_ns == 40 * MS


def test_jitter_comes_from_the_seed_and_keeps_the_order() -> None:
    device, same, other = (camera(jitter_ns=5 * MS, seed=seed) for seed in (1, 1, 2))
    times = [[each.camera.next_ns(index) for index in range(50)] for each in (device, same, other)]
    assert times[0] == times[1] != times[2]
    assert times[0] == sorted(times[0])
    assert all(0 <= t_ns - 10 * MS * index <= 5 * MS for index, t_ns in enumerate(times[0]))
    far = Far(device)
    far.meet(device)
    seen = []
    while len(seen) < 20:
        now_ns = -(-max(device.wake_ns, device.now_ns + 1) // MS) * MS
        act(device, now_ns)
        seen += [(frame.produced_ns, frame.origin_ns) for frame in far.take_all(now_ns)]
    assert all(0 <= produced - origin < MS for produced, origin in seen[1:])


def test_count_is_the_end_of_it() -> None:
    device = camera(count=3)
    far = Far(device)
    far.meet(device)
    for t_ns in range(0, 100 * MS, 10 * MS):
        act(device, t_ns)
    assert len(far.take_all(100 * MS)) == 3
    assert device.wake_ns == NEVER_NS


def test_a_camera_that_takes_nothing_never_wakes() -> None:
    assert camera(count=0).wake_ns == NEVER_NS
    assert DisplayDevice(Display("display")).wake_ns == NEVER_NS


def test_where_the_channel_blocks_frames_wait() -> None:
    device = camera()
    far = Far(device, overflow="block")
    far.meet(device)
    for t_ns in range(0, 100 * MS, 10 * MS):
        act(device, t_ns)
    assert device.wake_ns == NEVER_NS  # held up: only a doorbell helps
    frames = far.take_all(100 * MS)
    assert [frame.origin_sequence for frame in frames] == [0, 1, 2, 3]
    assert act(device, 101 * MS) == [1]
    late = far.take_all(101 * MS)
    assert [frame.origin_sequence for frame in late] == [4, 5, 6, 7]
    assert {frame.produced_ns for frame in late} == {101 * MS}
    assert [frame.origin_ns for frame in late] == [40 * MS, 50 * MS, 60 * MS, 70 * MS]


@pytest.mark.parametrize(("overflow", "kept"), [("drop_newest", [0, 1, 2, 3]), ("drop_oldest", [6, 7, 8, 9])])
def test_where_the_channel_drops_time_goes_on(overflow: str, kept: list[int]) -> None:
    device = camera()
    far = Far(device, overflow=overflow)
    far.meet(device)
    for t_ns in range(0, 100 * MS, 10 * MS):
        act(device, t_ns)
    assert device.wake_ns == 100 * MS
    assert [frame.origin_sequence for frame in far.take_all(100 * MS)] == kept


def test_one_channel_that_is_held_up_does_not_hold_up_another() -> None:
    device = camera()
    slow, quick = Far(device, 1), Far(device, 2)
    slow.meet(device)
    quick.meet(device)
    seen = []
    for t_ns in range(0, 100 * MS, 10 * MS):
        act(device, t_ns)
        seen += [frame.origin_sequence for frame in quick.take_all(t_ns)]
    assert seen == list(range(10))
    assert device.wake_ns == 100 * MS


def test_a_display_shows_what_comes_and_gives_it_back() -> None:
    device = DisplayDevice(Display("display", preview="none"))
    far = Far(device)
    far.meet(device)
    assert isinstance(far.end, Producer)
    for value in range(6):
        far.now_ns = value * MS
        slot = far.end.reserve(SPEC)
        assert slot is not None
        slot[:] = value
        far.end.commit()
        act(device, (value + 1) * MS)
    assert device.display.shown == 6
    number, t_ns, pixels = device.display.pictures()[0]
    assert (number, t_ns, pixels[0, 0, 0]) == (0, 1 * MS, 0)
    assert far.end.counters.popped >= 5


@pytest.mark.parametrize("kind", ["camera", "display"])
def test_a_ring_that_the_other_end_breaks_costs_that_channel_only(kind: str) -> None:
    device: NativeDevice = camera() if kind == "camera" else DisplayDevice(Display("display"))
    broken, sound = Far(device, 1), Far(device, 2)
    broken.meet(device)
    sound.meet(device)
    end = LAYOUT.used + 2 if kind == "camera" else LAYOUT.available + 2
    broken.region.view[end : end + 2] = b"\xff\x7f"
    act(device, 10 * MS)
    ((vector, reason),) = device.broken()
    assert vector == 1
    assert "lied" in reason
    assert device.broken() == []
    assert device.state is State.RUNNING
    act(device, 20 * MS)
    if isinstance(sound.end, Consumer):
        assert [frame.origin_sequence for frame in sound.take_all(20 * MS)] == [0, 1, 2]
    assert device.broken() == []


def test_a_picture_of_another_kind_is_the_senders_fault() -> None:
    """A guest may send any dtype and shape: the display takes what its channel carries, and blames the rest."""
    device = DisplayDevice(Display("display"))
    far = Far(device)
    far.meet(device)
    assert isinstance(far.end, Producer)
    other = TensorSpec("float32", (2, 3))
    slot = far.end.reserve(other)
    assert slot is not None
    far.end.commit()
    act(device, 1 * MS)
    assert device.display.shown == 0
    assert [vector for vector, _ in device.broken()] == [1]
