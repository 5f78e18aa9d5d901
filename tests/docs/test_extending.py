"""The examples of docs/extending.md work: exactly its text is made into modules and used."""

from __future__ import annotations

import mmap
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import pytest

from guests.service import TensorType
from machines import boards
from sim.scenario import load
from sim.scenario.checks.context import Context
from sim.scenario.source import compose
from virtio_shm import Consumer, Layout, Producer, TensorSpec

from .documents import ROOT, blocks, named_blocks

DOCUMENT = ROOT / "docs/extending.md"
FILES = named_blocks(DOCUMENT)


@pytest.fixture
def modules() -> Iterator[dict[str, ModuleType]]:
    """The document's Python files as modules, by path."""
    made = {}
    for path, text in FILES.items():
        if path.endswith(".py"):
            name = path.removesuffix(".py").replace("/", ".")
            made[path] = sys.modules[name] = ModuleType(name)
            exec(compile(text, path, "exec"), vars(made[path]))
    yield made
    for module in made.values():
        del sys.modules[module.__name__]


def test_the_board_is_one(tmp_path: Path) -> None:
    (path,) = [path for path in FILES if path.startswith("machines/boards/")]
    file = tmp_path / Path(path).name
    file.write_text(FILES[path])
    board = boards.read(file)
    assert board.cpu.startswith("Nehalem") and board.icount_shift(Fraction(500)) == 1


def test_the_device_is_described(modules: dict[str, ModuleType]) -> None:
    kind = modules["sim/scenario/devices/accelerometer.py"].Accelerometer
    device = kind.model_validate({"kind": "accelerometer", "rate": "100Hz"})
    (port,) = device.ports().values()
    assert device.rate_hz == 100 and device.summary == "100 Hz"
    assert port.direction == "output" and port.mismatch(TensorType("float32", (3,))) is None
    assert "accelerometer sends" in port.mismatch(TensorType("float32", (4,)))


def test_the_device_sends_what_is_due(modules: dict[str, ModuleType]) -> None:
    make = modules["machines/native/accelerometer.py"].AccelerometerDevice
    device, spec = make("imu", Fraction(100)), TensorSpec("float32", (3,))
    layout = Layout.for_tensor(spec, 4)
    memory = memoryview(mmap.mmap(-1, layout.region_bytes))
    consumer = Consumer(memory, layout, spec=spec, clock=device.clock)
    device.attach(1, Producer(memory, layout, overflow="block", clock=device.clock))
    taken = []
    for now_ns in range(0, 1_000_000_000, 1_000_000):
        assert device.wake_ns >= now_ns or now_ns == 0
        device.grant(now_ns)
        device.settle()
        consumer.poll_ready()
        while (frame := consumer.take()) is not None:
            taken.append((frame.origin_sequence, frame.origin_ns, float(frame.array[2])))
            consumer.give_back(frame)
    first = taken[0][0]
    assert first <= 1
    assert [(index, time) for index, time, _ in taken] == [(n, n * 10_000_000) for n in range(first, 100)]
    assert max(z for *_, z in taken) > 10.2 and min(z for *_, z in taken) < 9.4


def test_the_check_finds_its_mistake(tmp_path: Path) -> None:
    (text,) = [block for block in blocks(DOCUMENT, "python") if "context.report" in block]
    scope: dict[str, object] = {}
    exec(text, scope)
    check = scope["sampling"]
    assert callable(check)
    camera = "devices: {camera: {kind: camera, source: plates, size: 160x120, rate: %s}, d: {kind: display}}"
    for rate, mistakes in (("30fps", 0), ("2000fps", 1)):
        file = tmp_path / "scenario.yaml"
        file.write_text(
            "name: x\ntime: {duration: 1s}\npartitions: {p: {machine: linux-x86_64, memory: 256M, speed: 1000 MIPS}}\n"
            + camera % rate
            + '\nchannels: {c: {from: camera, to: d, tensor: "uint8[120,160,3]"}}\n'
        )
        context = Context(load(file), compose(file.read_text(), str(file)))
        check(context)
        assert len(context.problems) == mistakes
    assert "500us is more than one in a quantum" in context.problems[0].message
