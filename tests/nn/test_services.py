"""The services that come with the kernels, on a core in QEMU, against LiteRT."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from guests.mcu.build import ROOT, build
from guests.mcu.nn import read_ports, row
from guests.service import TensorType
from machines import boards
from machines.boards import McuBoard
from machines.mcu.control import PAGE_BYTES, ChannelEntry, ControlPage
from machines.mcu.node import McuNode
from machines.mcu.window import arrange
from machines.memory import SharedRegion
from machines.qemu.mcu import make
from virtio_shm import Consumer, Layout, Producer, TensorSpec
from virtio_shm.interface import OVERFLOW

MODEL = Path(__file__).parents[2] / "guests/models/motion_int8.tflite"
MS = 1_000_000
DEPTH = 4

pytestmark = pytest.mark.skipif(
    not shutil.which("arm-none-eabi-gcc") or not shutil.which("qemu-system-arm"),
    reason="needs gcc-arm-none-eabi and qemu-system-arm",
)


class Running:
    """A service with one input and one output on a Cortex-M4, and the host's ends of both."""

    def __init__(
        self,
        service: str,
        ports: tuple[str, TensorType],
        settings: dict[str, int],
        folder: Path,
        hold: contextlib.ExitStack,
    ) -> None:
        board = boards.load("mps2-an386")
        assert isinstance(board, McuBoard)
        elf = build(board, "qemu", ROOT / "services" / service, settings, MODEL).elf
        name, given = ports
        scores = read_ports(MODEL)[1]
        self.spec = TensorSpec(given.dtype, given.shape, given.scale, given.zero_point)
        found = TensorSpec(scores.dtype, scores.shape, scores.scale, scores.zero_point)
        layouts = [Layout.for_tensor(spec, DEPTH) for spec in (self.spec, found)]

        def memory(what: str, size: int) -> SharedRegion:
            return hold.enter_context(contextlib.closing(SharedRegion(what, size)))

        regions = [memory("channel", layout.mapping_bytes) for layout in layouts]
        window = arrange("node", board.backends["qemu"].window, memory("control", PAGE_BYTES), regions)
        channels = [
            ChannelEntry(port, sends, piece.offset, piece.region.size, DEPTH, spec.bytes, OVERFLOW["block"])
            for port, sends, spec, piece in zip(
                (name, "scores"), (False, True), (self.spec, found), window.channels, strict=True
            )
        ]
        machine = make("node", board.backends["qemu"], elf, window, board.speed_mips, folder)
        page = ControlPage(window.control)
        self.node = McuNode("node", machine, page, channels, board.speed_mips, MS, 1, 1000 * MS, str)
        hold.callback(self.node.stop)
        self.now_ns = 0
        clock = lambda: self.now_ns  # noqa: E731
        self.producer = Producer(regions[0].view, layouts[0], overflow="block", clock=clock)
        self.consumer = Consumer(regions[1].view, layouts[1], spec=found, clock=clock)
        self.node.launch()
        self.node.start()
        for _ in range(20):
            self.advance()

    def advance(self, ring: bool = False) -> None:
        """Let it run for 10 ms."""
        ends = enumerate((self.producer, self.consumer))
        vectors = [vector for vector, end in ends if end.poll_ready() is not None and end.announce()]
        if vectors or ring:
            self.node.deliver(vectors or [0])
        self.now_ns += 10 * MS
        self.node.grant(self.now_ns)
        self.node.settle()

    def send(self, values: NDArray[np.generic]) -> NDArray[np.int8] | None:
        """Send a tensor and return the scores that come within 10 ms, or None."""
        assert self.producer.send(self.spec, values) is not None
        self.advance(ring=True)
        frame = self.consumer.take()
        if frame is None:
            return None
        scores = np.array(frame.array, dtype=np.int8)
        self.consumer.give_back(frame)
        return scores


@pytest.fixture
def hold() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


def _reference(window: NDArray[np.int8]) -> list[int]:
    interpreter = Interpreter(str(MODEL), experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], window)
    interpreter.invoke()
    scores: list[int] = interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).reshape(-1).tolist()
    return scores


def test_the_classifier_says_what_the_reference_says(tmp_path: Path, hold: contextlib.ExitStack) -> None:
    window = read_ports(MODEL)[0]
    running = Running("classifier.c", ("input", window), {}, tmp_path, hold)
    random = np.random.default_rng(1)
    for _ in range(5):
        values = random.integers(-128, 128, window.shape).astype(np.int8)
        scores = running.send(values)
        assert scores is not None and scores.reshape(-1).tolist() == _reference(values)
    logged = running.node.inferences
    assert len(logged) == 5 and min(entry.instructions for entry in logged) > 10_000


def test_the_window_slides_over_samples(tmp_path: Path, hold: contextlib.ExitStack) -> None:
    window = read_ports(MODEL)[0]
    rows, stride = window.shape[2], 7
    running = Running("window_classifier.c", ("sample", row(window)), {"stride": stride}, tmp_path, hold)
    random = np.random.default_rng(2)
    samples = (random.standard_normal((rows + 3 * stride, window.shape[3])) * 0.7).astype(np.float32)
    found = {}
    for number, sample in enumerate(samples, start=1):
        scores = running.send(sample)
        if scores is not None:
            found[number] = scores.reshape(-1).tolist()
    ratio = (samples / np.float32(window.scale)).astype(np.float64)
    stored = np.clip(np.trunc(ratio + np.copysign(0.5, ratio)) + window.zero_point, -128, 127).astype(np.int8)
    ends = [rows + stride * number for number in range(4)]
    assert found == {end: _reference(stored[end - rows : end].reshape(window.shape)) for end in ends}
    assert len({tuple(scores) for scores in found.values()}) > 1
