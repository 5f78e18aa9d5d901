"""The examples of docs/extending.md work: exactly its text is made into modules and used."""

from __future__ import annotations

import mmap
import re
import shutil
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from random import Random
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from guests.mcu import build as builder
from guests.mcu.nn import convert, lowering
from guests.mcu.nn.lowering import elementwise
from guests.service import TensorType
from machines import boards
from machines.boards import LinuxBoard, McuBoard
from machines.native import distortion
from sim.host.faults import devices
from sim.host.faults.strike import Scene
from sim.host.run import Run
from sim.report.progress import Progress
from sim.scenario import load
from sim.scenario.checks.context import Context
from sim.scenario.faults import Fault
from sim.scenario.source import compose
from sim.scenario.units import parse_duration
from sim.sizing.plan import Plan, Sensor
from sim.sizing.sweep import knobs
from tests.host.scheduler_world import Job, Load, run
from virtio_shm import Consumer, Layout, Producer, TensorSpec

from .documents import ROOT, blocks, named_blocks

DOCUMENT = ROOT / "docs/extending.md"
JITTERED = Plan(
    "two", 1, 1, {}, (), tuple(Sensor(name, Fraction(1), (), camera=name == "camera") for name in ("camera", "imu"))
)
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


@pytest.mark.parametrize(("name", "cpu"), [("linux-nehalem", "Nehalem"), ("linux-cortex-a53", "cortex-a53")])
def test_the_machine_is_one(tmp_path: Path, name: str, cpu: str) -> None:
    file = tmp_path / f"{name}.yaml"
    file.write_text(FILES[f"machines/boards/{file.name}"])
    board = boards.read(file)
    assert isinstance(board, LinuxBoard)
    assert board.cpu.startswith(cpu) and board.icount_shift(Fraction(500)) == 1


@pytest.fixture
def netduino(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[McuBoard]:
    """The document's microcontroller board among the shipped ones, in copies of their folders."""
    profiles, firmware = tmp_path / "profiles", tmp_path / "firmware"
    shutil.copytree(boards.FOLDER, profiles)
    for part in ("boards", "doorbells"):
        shutil.copytree(builder.ROOT / part, firmware / part)
    for path, text in FILES.items():
        if path.endswith("/netduinoplus2.yaml"):
            (profiles / Path(path).name).write_text(text)
        elif path.startswith("guests/mcu/boards/"):
            (firmware / "boards" / Path(path).name).write_text(text)
    monkeypatch.setattr(boards, "FOLDER", profiles)
    monkeypatch.setattr(builder, "ROOT", firmware)
    for cached in (boards.names, boards.load):
        cached.cache_clear()
    board = boards.load("netduinoplus2")
    assert isinstance(board, McuBoard)
    yield board
    for cached in (boards.names, boards.load):
        cached.cache_clear()


def test_the_microcontroller_runs(netduino: McuBoard, tmp_path: Path) -> None:
    assert netduino.speed_mips in netduino.speeds_mips
    np.save(tmp_path / "rows.npy", np.arange(640).astype(np.uint8).reshape(10, 64))
    scenario = tmp_path / "echo.yaml"
    scenario.write_text(
        "name: echo\ntime: {duration: 1s}\n"
        "partitions: {board: {machine: netduinoplus2, services: {echo: {run: guests/mcu/services/echo.c}}}}\n"
        "devices: {rows: {kind: recording, source: rows.npy, rate: 10Hz}, log: {kind: sink}}\n"
        'channels:\n  there: {from: rows, to: board.echo, tensor: "uint8[64]"}\n'
        '  back: {from: board.echo, to: log, tensor: "uint8[64]"}\n'
    )
    record = Run(load(scenario), tmp_path, Progress(10**9), time.monotonic()).execute(cold=False)
    assert record.partitions["board"].failed is None
    assert record.channels["back"].published == 10
    assert (tmp_path / "board.console.log").read_text().endswith(" runs, 2 channels\n")


def test_the_operator_equals_the_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ai_edge_litert")
    from tests.nn import host, reference
    from tests.nn.graph import Graph, options

    (text,) = [block for block in blocks(DOCUMENT, "python") if block.startswith("def absolute")]
    scope = dict(vars(elementwise))
    exec(compile(text, str(DOCUMENT), "exec"), scope)
    monkeypatch.setitem(lowering.KERNELS, "ABS", scope["absolute"])
    random, graph = np.random.default_rng(5), Graph()
    for _ in range(50):
        edges = [(float(np.float32(random.uniform(0.002, 0.2))), int(random.integers(-128, 128))) for _ in range(2)]
        graph.node("ABS", [graph.input([256], *edges[0])], [graph.output([256], *edges[1])], options("Abs"))
    model = graph.save(tmp_path / "model.tflite")
    inputs, outputs = reference.run(model, 1, 1)
    assert host.run(host.build(convert(model), tmp_path, host.PLAIN), inputs) == outputs


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


@pytest.mark.parametrize("seed", range(20))
def test_the_policy_keeps_to_its_bound(modules: dict[str, ModuleType], seed: int) -> None:
    (text,) = [block for block in blocks(DOCUMENT, "python") if block.startswith("def round_robin")]
    scope: dict[str, Any] = {}
    exec(f"from __future__ import annotations\n{text}", scope)
    random, quantum_ns, end_ns = Random(seed), 10, 3_000
    names = "abc"[: random.randint(1, 3)]
    jobs = {
        name: [Job(random.randint(0, 60), random.randint(1, 35), random.random() < 0.5) for _ in range(30)]
        for name in names
    }
    policy = modules["sim/host/scheduler/round_robin.py"].RoundRobin(quantum_ns)
    slices = run(policy, {name: Load(each) for name, each in jobs.items()}, quantum_ns, end_ns)
    given = sorted(each for own in slices.values() for each in own)
    assert all(before.stop_ns <= after.start_ns for before, after in pairwise(given)), "one core has two at once"
    facts = SimpleNamespace(linux_guests=dict.fromkeys(names), time=SimpleNamespace(quantum_ns=quantum_ns))
    bound = scope["round_robin"](SimpleNamespace(scenario=facts))
    done = [(name, job) for name, own in jobs.items() for job in own if job.done_ns >= 0]
    assert len(done) > 10
    for name, job in done:
        assert job.response_ns <= bound[name](job.work_ns)


def test_the_knob_turns_the_jitter_of_cameras(monkeypatch: pytest.MonkeyPatch) -> None:
    (text,) = [block for block in blocks(DOCUMENT, "python") if block.startswith("def _jitter")]
    (line,) = re.findall(r'`"jitter": (.*),`', DOCUMENT.read_text())
    scope = {**vars(knobs), "parse_duration": parse_duration}
    exec(f"from __future__ import annotations\n{text}\nKNOB = {line}", scope)
    monkeypatch.setattr(knobs, "KNOBS", {"jitter": scope["KNOB"], **knobs.KNOBS})
    assert knobs.pattern_of("jitter", JITTERED) == "jitter"
    value = scope["KNOB"].form.parse("5ms")
    turned = knobs.bind("jitter", "jitter", None).turn(JITTERED, value)  # type: ignore[arg-type]
    assert [device.jitter_ns for device in turned.devices] == [5_000_000, 0]


def test_the_fault_puts_the_light_out(modules: dict[str, ModuleType]) -> None:
    dark, strike = (
        next(block for block in blocks(DOCUMENT, "python") if block.startswith(f"class {name}"))
        for name in ("Dark", "SensorDark")
    )
    scope = {**vars(distortion), **vars(devices)}
    exec(f"from __future__ import annotations\n{dark}\n{strike}", scope)
    make = modules["machines/native/accelerometer.py"].AccelerometerDevice
    device, spec = make("imu", Fraction(100)), TensorSpec("float32", (3,))
    layout = Layout.for_tensor(spec, 4)
    memory = memoryview(mmap.mmap(-1, layout.region_bytes))
    consumer = Consumer(memory, layout, spec=spec, clock=device.clock)
    device.attach(1, Producer(memory, layout, overflow="block", clock=device.clock))
    scene = Scene(None, None, None, {"imu": device}, {})  # type: ignore[arg-type]
    fault = scope["SensorDark"](Fault.model_construct(kind="sensor_dark", target="imu"), scene)
    seen = {}
    for now_ns in range(0, 300_000_000, 1_000_000):
        if now_ns == 100_000_000:
            assert fault.begin(now_ns) == "it sees nothing"
        if now_ns == 200_000_000:
            fault.end(now_ns)
        device.grant(now_ns)
        device.settle()
        consumer.poll_ready()
        while (frame := consumer.take()) is not None:
            seen[frame.origin_sequence] = float(frame.array[2])
            consumer.give_back(frame)
    assert [number for number, z in seen.items() if z == 0] == list(range(10, 20))
    assert max(seen) == 29


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
