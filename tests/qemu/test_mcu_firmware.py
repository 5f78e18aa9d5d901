"""The project's own firmware in a real QEMU, on every board that QEMU runs: tensors there and back, in virtual time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from guests.mcu.build import ROOT, build
from machines import boards
from machines.boards import McuBoard
from machines.errors import EnvironmentLacks
from machines.mcu.control import PAGE_BYTES, ChannelEntry, ControlPage
from machines.mcu.node import McuNode
from machines.mcu.window import arrange
from machines.memory import SharedRegion
from machines.participant import NEVER_NS
from machines.qemu.mcu import find, make
from virtio_shm import Consumer, Layout, Producer, TensorSpec
from virtio_shm.interface import OVERFLOW

MS = 1_000_000
SPEC = TensorSpec("uint8", (64,))
DEPTH = 4
LAYOUT = Layout.for_tensor(SPEC, DEPTH)


def _boards() -> Iterator[object]:
    for name in boards.names():
        board = boards.load(name)
        if isinstance(board, McuBoard) and "qemu" in board.backends:
            reason = ""
            try:
                find(board.backends["qemu"])
            except EnvironmentLacks as error:
                reason = str(error)
            yield pytest.param(board, id=name, marks=pytest.mark.skipif(bool(reason), reason=reason))


class Echo:
    """The echo service on a board, with a host end at each of its two channels."""

    def __init__(self, board: McuBoard, folder: Path, hold: contextlib.ExitStack) -> None:
        self.now_ns = 0
        entry = board.backends["qemu"]
        elf = build(board, "qemu", ROOT / "services" / "echo.c", {}).elf

        def memory(name: str, size: int) -> SharedRegion:
            return hold.enter_context(contextlib.closing(SharedRegion(name, size)))

        regions = [memory(name, LAYOUT.mapping_bytes) for name in ("tensor", "result")]
        window = arrange("echo", entry.window, memory("control", PAGE_BYTES), regions)
        channels = [
            ChannelEntry(port, port == "result", piece.offset, piece.region.size, DEPTH, SPEC.bytes, OVERFLOW["block"])
            for port, piece in zip(("tensor", "result"), window.channels, strict=True)
        ]
        machine = make("echo", entry, elf, window, board.speed_mips, folder)
        page = ControlPage(window.control)
        self.node = McuNode("echo", machine, page, channels, board.speed_mips, MS, 1, 1000 * MS, str)
        hold.callback(self.node.stop)
        clock = lambda: self.now_ns  # noqa: E731
        self.producer = Producer(regions[0].view, LAYOUT, overflow="block", clock=clock)
        self.consumer = Consumer(regions[1].view, LAYOUT, spec=SPEC, clock=clock)
        self.node.launch()
        self.node.start()
        self.ends = [self.producer, self.consumer]

    def advance(self, duration_ns: int = MS, ring: bool = False) -> None:
        """Let it run, having told it what the host ends have to say."""
        vectors = [vector for vector, end in enumerate(self.ends) if end.poll_ready() is not None and end.announce()]
        if vectors or ring:
            self.node.deliver(vectors or [0])
        self.now_ns += duration_ns
        self.node.grant(self.now_ns)
        self.node.settle()

    def round_trip(self, number: int) -> tuple[int, int, int, int]:
        """Send a tensor; return when its answer was made and what it took."""
        payload = np.full(64, number % 251, np.uint8)
        before = self.node.instructions
        ring = self.producer.send(SPEC, payload)
        assert ring is not None
        sent_ns = self.now_ns
        self.advance(ring=True)
        frame = self.consumer.take()
        assert frame is not None
        assert bytes(frame.array) == bytes(payload)
        said = (number, frame.sequence, frame.produced_ns - sent_ns, self.node.instructions - before)
        self.consumer.give_back(frame)
        return said


@pytest.fixture
def hold() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.mark.slow
@pytest.mark.parametrize("board", list(_boards()))
def test_tensors_go_there_and_back_in_time(board: McuBoard, tmp_path: Path, hold: contextlib.ExitStack) -> None:
    runs = []
    for _ in range(2):
        echo = Echo(board, tmp_path, hold)
        for _ in range(20):
            echo.advance()
        assert echo.producer.poll_ready()
        assert echo.consumer.poll_ready()
        seen = [echo.round_trip(number) for number in range(100)]
        longest = max(duration for _, _, duration, _ in seen)
        assert 0 < longest < 10_000 * 1000 / board.speed_mips
        runs.append(seen)
        if echo.node.machine.free_sleep:
            before = echo.node.instructions
            echo.advance(1000 * MS)
            assert echo.node.instructions == before
            assert echo.node.wake_ns > echo.now_ns + 100 * MS
        else:
            grants = echo.node.grants
            echo.advance(1000 * MS)
            assert (echo.node.grants, echo.node.wake_ns) == (grants, NEVER_NS)
    assert runs[0] == runs[1]
