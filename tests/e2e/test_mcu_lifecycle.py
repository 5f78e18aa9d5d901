"""However a run of microcontrollers ends, nothing of it stays, and the cache of firmware is whole."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from machines.cache import cache_dir

from .microcontrollers import M4, RISCV, XTENSA, echoing, node
from .simulator import Running, private_cache, run

pytestmark = pytest.mark.slow

CODES = {signal.SIGKILL: -signal.SIGKILL, signal.SIGTERM: 130, signal.SIGINT: 130}
BOARDS = {
    "m4": M4,
    "riscv": RISCV,
    "xtensa": XTENSA,
    "first": {"machine": "esp32s3", "backend": "labwired"},
    "second": {"machine": "esp32c3", "backend": "labwired"},
}


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    """Three nodes in QEMU and two in labwired, whose firmware is in the cache."""
    path = echoing(tmp_path, {name: node(board=board) for name, board in BOARDS.items()})
    assert run(tmp_path / "warm", path, "10ms").code == 0
    return path


def labwireds(sim: Running) -> set[int]:
    """Return the processes of labwired that a run started, whoever their parent is now."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdecimal() else []
        except OSError:
            continue
        if b"machines.labwired.node" in words and str(sim.process.pid).encode() in words:
            found.add(int(entry.name))
    return found


def assert_nothing_left(sim: Running, shared_memory: set[Path]) -> None:
    """Fail if anything of a run stays after it ended."""
    deadline = time.monotonic() + 20
    while (left := {*sim.qemus(), *labwireds(sim)}) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not left, f"processes outlive sim: {left}"
    assert not [path for path in shared_memory if path.exists()]
    assert not sim.sockets()
    assert "Traceback" not in sim.said


@pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)
def test_a_signal_leaves_nothing(
    running: list[Running], scenario: Path, tmp_path: Path, number: signal.Signals
) -> None:
    sim = Running(tmp_path / "run", scenario)
    running.append(sim)
    sim.wait_for_phase("running")
    assert (len(sim.qemus()), len(labwireds(sim))) == (3, 2)
    shared_memory = sim.shared_memory()
    assert sim.end(number) == CODES[number], sim.said
    assert_nothing_left(sim, shared_memory)
    if number is not signal.SIGKILL:
        assert sim.said.splitlines()[-1] == "sim: interrupted"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=lambda number: number.name)
def test_an_end_while_they_are_powered_on(
    running: list[Running], scenario: Path, tmp_path: Path, number: signal.Signals
) -> None:
    for count, is_there in enumerate((lambda sim: sim.qemus(), lambda sim: len(sim.qemus()) == 3, labwireds)):
        sim = Running(tmp_path / f"run{count}", scenario)
        running.append(sim)
        sim.wait_for(lambda sim=sim, is_there=is_there: bool(is_there(sim)), "process")
        assert sim.end(number) == CODES[number], sim.said
        assert_nothing_left(sim, set())


@pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)
def test_half_a_firmware_is_never_used(
    running: list[Running], scenario: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """End a run while it compiles, at several moments; the next one builds what is missing and is right."""
    cache = private_cache(tmp_path / "cache", cache_dir())
    firmware = tmp_path / "cache" / "edgesim" / "firmware"
    for count, after_s in enumerate((0.05, 0.4)):
        sim = Running(tmp_path / f"run{count}", scenario, **cache)
        running.append(sim)
        sim.wait_for_phase("building firmware")
        sim.wait_for(lambda: bool(list(firmware.glob(".building-*"))), "compiler")
        time.sleep(after_s)
        assert sim.end(number) == CODES[number], sim.said
        assert_nothing_left(sim, set())
        if number is not signal.SIGKILL:
            assert not list(firmware.glob(".building-*"))
    done = run(tmp_path / "after", scenario, "10ms", **cache)
    assert done.code == 0, done.err
    warm = json.loads((tmp_path / "warm" / "result.json").read_text())
    assert done.figures["digest"] == warm["digest"]
    assert len(list(firmware.rglob("*.elf"))) == len(BOARDS)


def test_a_node_whose_process_dies_fails_alone(running: list[Running], scenario: Path, tmp_path: Path) -> None:
    sim = Running(tmp_path / "run", scenario, "--duration", "1s")
    running.append(sim)
    sim.wait_for_phase("running")
    sim.wait_for_phase("virtual 0.")
    os.kill(next(pid for pid, line in sim.qemus().items() if "m4.console" in line), signal.SIGKILL)
    os.kill(min(labwireds(sim)), signal.SIGKILL)
    assert sim.process.wait(60) == 1, sim.said
    figures = json.loads((sim.folder / "result.json").read_text())
    told = {name: each["failed"] for name, each in figures["partitions"].items() if each["failed"]}
    assert set(told) == {"m4", "first"}
    assert "QEMU ended" in told["m4"] and "labwired ended" in told["first"]
    assert figures["virtual_time_s"] == 1.0
    assert_nothing_left(sim, set())
