"""A Linux guest in QEMU: boot, ready point, saved state, services on tensors."""

from __future__ import annotations

import io
import json
import textwrap
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from guests.linux import image
from virtio_shm import Consumer, Layout, Producer, TensorSpec

from .machine import QEMU, Guest, HostControl, guest

pytestmark = [pytest.mark.slow, pytest.mark.guest, pytest.mark.skipif(QEMU is None, reason="QEMU is not installed")]

FRAME = TensorSpec("uint8", (480, 640, 3))
RESULT = TensorSpec("int64", (4,))
REGIONS = (Layout.for_tensor(FRAME, 4).mapping_bytes, Layout.for_tensor(RESULT, 4).mapping_bytes)
LATEST = 2**62


@pytest.fixture(scope="module")
def booted() -> image.Image:
    return image.ensure()


@pytest.fixture(scope="module")
def ready(booted: image.Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Boot a guest to its ready point and return its saved state."""
    folder = tmp_path_factory.mktemp("ready")
    with guest(booted, REGIONS, folder) as running:
        running.wait_for(0)
        assert running.console.read_text(errors="replace").strip() == ""
        assert not any(running.control.view)  # the ready point touches no shared memory
        running.save(folder / "state")
    return folder / "state"


@pytest.fixture
def restored(booted: image.Image, ready: Path, tmp_path: Path) -> Iterator[Guest]:
    with guest(booted, REGIONS, tmp_path, "-incoming", f"exec:cat {ready}") as running:
        running.resume()
        yield running


class Session:
    """A guest with one service between a frame channel and a result channel."""

    def __init__(self, running: Guest, code: str) -> None:
        self._running = running
        self.host = HostControl(running.control.view, lambda: running.doorbells.ring(0), lambda: running.wait_for(0))
        self.host.connect()
        self.versions = self.host.expect("hello")["versions"]
        self.host.post_payload(payload(code))

    def start(self) -> None:
        """Arm and start the service and set up the channels."""
        self.host.expect("armed")
        self.host.post(json.dumps({"type": "start", "offset_ns": 0}).encode())
        frames, results = Layout.for_tensor(FRAME, 4), Layout.for_tensor(RESULT, 4)
        regions = self._running.regions
        self.frames = Producer(regions[0].view, frames, overflow="block", clock=lambda: 0)
        self.results = Consumer(regions[1].view, results, spec=RESULT, clock=lambda: LATEST)
        self._until(self._settle)

    def _settle(self) -> bool:
        ready = self.frames.poll_ready() & self.results.poll_ready()
        for vector, end in enumerate((self.frames, self.results), start=1):
            if end.announce():
                self._running.doorbells.ring(vector)
        return ready

    def call(self, value: int) -> list[int]:
        """Send a frame and return the result, whose origin must be the frame."""
        slot = self.frames.reserve(FRAME)
        assert slot is not None
        slot[...] = value
        if self.frames.commit(origin_sequence=value, origin_ns=3 * value):
            self._running.doorbells.ring(1)
        frame = self._until(self.results.take)
        assert (frame.origin_sequence, frame.origin_ns) == (value, 3 * value)
        result: list[int] = frame.array.tolist()
        if self.results.give_back(frame):
            self._running.doorbells.ring(2)
        return result

    def _until(self, condition: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + 60
        while not (found := condition()):
            assert time.monotonic() < deadline, self._running.console.read_text(errors="replace")[-2000:]
            time.sleep(0.0005)
        return found


def payload(code: str) -> bytes:
    """Return a zip with one service."""
    policy = {"depth": 4, "overflow": "block"}
    ends = (("frames", "consumer", FRAME), ("results", "producer", RESULT))
    channels = [
        {"name": name, "role": role, "index": index, "dtype": spec.dtype, "shape": spec.shape} | policy
        for index, (name, role, spec) in enumerate(ends)
    ]
    service: dict[str, Any] = {"name": "work", "file": "services/work.py", "callable": "service", "settings": {}}
    service |= {"inputs": {"frame": "frames"}, "outputs": {"result": ["results"]}}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("manifest.json", json.dumps({"partition": "p", "channels": channels, "services": [service]}))
        file.writestr("services/work.py", HEADER + textwrap.dedent(code))
    return archive.getvalue()


HEADER = """import numpy as np, time, os
from guests.service import Tensor
"""
SUMMING = """
def service(frame: Tensor["uint8", 480, 640, 3]) -> Tensor["int64", 4]:
    return np.array([frame.sum(dtype=np.int64), frame[0, 0, 0], frame[-1, -1, -1], frame.size])
"""


def test_tensors_go_in_and_come_out(restored: Guest) -> None:
    session = Session(restored, SUMMING)
    assert session.versions["numpy"] == "2.4.6"
    session.start()
    for value in range(1, 21):
        assert session.call(value) == [value * FRAME.bytes, value, value, FRAME.bytes]


def test_saved_state_is_used_any_number_of_times(booted: image.Image, ready: Path, tmp_path: Path) -> None:
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        with guest(booted, REGIONS, folder, "-incoming", f"exec:cat {ready}") as running:
            running.resume()
            session = Session(running, SUMMING)
            session.start()
            assert session.call(7)[1] == 7


def test_saved_state_is_small_and_without_the_root(booted: image.Image, ready: Path) -> None:
    assert ready.stat().st_size < 110_000_000
    assert booted.root.stat().st_size > 100_000_000


def test_failing_service_shows_its_source_line(restored: Guest) -> None:
    session = Session(restored, SUMMING.replace("return", "raise LookupError('gone')  # return"))
    session.start()
    slot = session.frames.reserve(FRAME)
    assert slot is not None
    if session.frames.commit():
        restored.doorbells.ring(1)
    failed = session.host.expect("failed")
    assert (failed["service"], failed["error"]) == ("work", "LookupError: gone")
    assert "raise LookupError('gone')" in failed["traceback"]


def test_root_is_mapped_without_copies_and_numpy_and_interpreter_work(restored: Guest) -> None:
    code = """
    from ai_edge_litert.interpreter import Interpreter
    mounts = open("/proc/mounts").read()
    print(next(line for line in mounts.splitlines() if line.split()[1] == "/"))
    a = np.random.default_rng(1).standard_normal((30, 30))
    def service(frame: Tensor["uint8", 480, 640, 3]) -> Tensor["int64", 4]:
        exact = np.allclose(np.linalg.inv(a) @ a, np.eye(30))
        return np.array([exact, issubclass(Interpreter, object), os.getpid(), 0])
    """
    session = Session(restored, code)
    mounted = session.host.expect("log")["text"]
    assert mounted.startswith("/dev/pmem0 / erofs ro")
    assert "dax=always" in mounted
    session.start()
    assert session.call(1) == [1, 1, 1, 0]


def test_idle_guest_hardly_wakes_up(restored: Guest) -> None:
    code = """
    def interrupts() -> int:
        lines = open("/proc/interrupts").read().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("LOC:"))
    def service(frame: Tensor["uint8", 480, 640, 3]) -> Tensor["int64", 4]:
        time.sleep(10)
        before, begun = interrupts(), time.monotonic_ns()
        time.sleep(60)
        return np.array([interrupts() - before, time.monotonic_ns() - begun, 0, 0])
    """
    session = Session(restored, code)
    session.start()
    began = time.monotonic()
    wakeups, virtual_ns, _, _ = session.call(1)
    assert 60_000_000_000 <= virtual_ns < 60_100_000_000
    assert wakeups <= 30
    assert time.monotonic() - began < 10


def test_same_clock_as_qemu(restored: Guest) -> None:
    code = """
    from virtio_shm import counter
    def service(frame: Tensor["uint8", 480, 640, 3]) -> Tensor["int64", 4]:
        first, begun = counter(), time.monotonic_ns()
        time.sleep(1)
        return np.array([counter() - first, time.monotonic_ns() - begun, 0, 0])
    """
    session = Session(restored, code)
    session.start()
    ticks, nanoseconds, _, _ = session.call(1)
    assert abs(ticks - nanoseconds) < 100_000  # the counter counts virtual nanoseconds
    assert np.isclose(ticks, 1e9, rtol=0.001)
