"""The project's own firmware on each board that labwired runs: tensors both ways, timers, faults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from guests.mcu.build import build
from machines import boards
from machines.boards import McuBoard
from machines.errors import ParticipantFailed
from machines.labwired.mcu import make
from machines.mcu.control import PAGE_BYTES, ChannelEntry, ControlPage
from machines.mcu.node import McuNode
from machines.mcu.window import arrange
from machines.memory import SharedRegion
from virtio_shm import Consumer, Layout, Producer, TensorSpec

BOARDS = ["esp32", "esp32s3", "esp32c3", "nrf52840", "stm32f746"]
ECHO = Path(__file__).parents[2] / "guests/mcu/services/echo.c"
TICKER = Path(__file__).with_name("ticker.c")
QUANTUM_NS = 1_000_000
DEPTH = 4


class Bench:
    """One firmware with an input and an output, and the host at their other ends.

    Parameters:
        name: the board.
        source: the service.
        folder: takes logs.
        ports: name and tensor of its input and its output.
        settings: of the service.
    """

    def __init__(
        self,
        name: str,
        source: Path,
        folder: Path,
        ports: tuple[tuple[str, TensorSpec], tuple[str, TensorSpec]],
        settings: Mapping[str, int],
    ) -> None:
        board = boards.load(name)
        assert isinstance(board, McuBoard)
        backend = board.backends["labwired"]
        firmware = build(board, "labwired", source, settings)
        self.now_ns = 0
        layouts = [Layout.for_tensor(spec, DEPTH) for _, spec in ports]
        sizes = [-(-layout.mapping_bytes // PAGE_BYTES) * PAGE_BYTES for layout in layouts]
        self._memory = [SharedRegion(port, size) for (port, _), size in zip(ports, sizes, strict=True)]
        self._control = SharedRegion("control", PAGE_BYTES)
        window = arrange(name, backend.window, self._control, self._memory)
        entries = [
            ChannelEntry(port, role == 1, piece.offset, layout.region_bytes, DEPTH, layout.payload_bytes, 1)
            for role, ((port, _), piece, layout) in enumerate(zip(ports, window.channels, layouts, strict=True))
        ]
        self.machine = make(name, backend, firmware.elf, window, board.speed_mips, folder)
        page = ControlPage(self._control)
        speed, watchdog_ns = board.speed_mips, 20_000_000
        self.node = McuNode(name, self.machine, page, entries, speed, QUANTUM_NS, 1, watchdog_ns, firmware.symbol)
        (_, self._sent), (_, received) = ports
        clock = self._clock
        self.to = Producer(self._memory[0].map, layouts[0], overflow="drop_oldest", clock=clock)
        self.back = Consumer(self._memory[1].map, layouts[1], spec=received, clock=clock)
        self.node.launch()
        self.node.start()

    def _clock(self) -> int:
        return self.now_ns

    def quantum(self, tensor: np.ndarray | None = None) -> list[tuple[int, np.ndarray]]:
        """Send a tensor if there is one and let the firmware run; return when it sent which."""
        rung = set()
        kick = self.to.poll_ready() and tensor is not None and self.to.send(self._sent, tensor)
        if kick or self.to.announce():
            rung.add(0)
        got = []
        while (frame := self.back.take()) is not None:
            got.append((frame.produced_ns, frame.array.copy()))
            if self.back.give_back(frame):
                rung.add(1)
        if self.back.announce():
            rung.add(1)
        if rung:
            self.node.deliver(sorted(rung))
        self.now_ns += QUANTUM_NS
        self.node.grant(self.now_ns)
        self.node.settle()
        self.node.collect()
        return got

    def close(self) -> None:
        """End it."""
        self.node.stop()
        for region in (self._control, *self._memory):
            region.close()


@pytest.fixture
def opened() -> Iterator[list[Bench]]:
    """Collect benches to be closed in the end."""
    benches: list[Bench] = []
    yield benches
    for bench in benches:
        bench.close()


def echo(board: str, folder: Path) -> Bench:
    spec = TensorSpec("uint8", (64,))
    return Bench(board, ECHO, folder, (("tensor", spec), ("result", spec)), {})


def ticker(board: str, folder: Path, wrong: int = 0) -> Bench:
    ports = ("unused", TensorSpec("uint8", (4,))), ("ticks", TensorSpec("uint64", (1,)))
    return Bench(board, TICKER, folder, ports, {"wrong": wrong})


@pytest.mark.parametrize("board", BOARDS)
def test_tensors_come_back(board: str, tmp_path: Path, opened: list[Bench]) -> None:
    opened.append(bench := echo(board, tmp_path))
    tensors = [np.random.default_rng(number).integers(0, 256, 64, np.uint8) for number in range(100)]
    waiting, returned = list(tensors), []
    for _ in range(400):
        ready = bench.now_ns > 4 * QUANTUM_NS and bench.now_ns // QUANTUM_NS % 2
        returned += [tensor for _, tensor in bench.quantum(waiting.pop(0) if ready and waiting else None)]
    assert len(returned) == len(tensors)
    assert all(np.array_equal(one, other) for one, other in zip(returned, tensors, strict=True))
    assert bench.machine.console.read_text() == "firmware runs, 2 channels\n"
    assert bench.node.grants < 320, "a sleeper is not run"


@pytest.mark.parametrize("board", BOARDS)
def test_timers_are_kept_to_the_quantum(board: str, tmp_path: Path, opened: list[Bench]) -> None:
    opened.append(bench := ticker(board, tmp_path))
    sent = [at_ns for _ in range(60) for at_ns, _ in bench.quantum()]
    due = [2_500_000 * number for number in range(1, 23)]
    assert len(sent) >= len(due)
    for at_ns, due_ns in zip(sent, due, strict=False):
        assert due_ns <= at_ns < due_ns + QUANTUM_NS
    assert bench.node.grants < 40 and bench.node.instructions < 400_000


@pytest.mark.parametrize("board", BOARDS)
def test_faults_are_told(board: str, tmp_path: Path, opened: list[Bench]) -> None:
    for wrong, message in (
        (1, "0x90000000"),
        (2, "Memory access violation|overflowed its stack"),
        (3, "gave up .*0x4d"),
    ):
        folder = tmp_path / str(wrong)
        folder.mkdir()
        opened.append(bench := ticker(board, folder, wrong))
        with pytest.raises(ParticipantFailed, match=rf"^{board}: .*({message})") as caught:
            for _ in range(3):
                bench.quantum()
        assert "\n" not in str(caught.value)
        assert bench.machine.console.read_text().startswith("firmware runs, 2 channels\n")
