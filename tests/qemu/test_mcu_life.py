"""Microcontrollers in a real QEMU: every run is the same whatever else the computer does, and nothing is left."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from mcu_machines import ADD, PROBES, SLEEP, STEADY, Answer, ProbeMaker, Running, launch, machines

from machines.boards import Doorbell, Span
from machines.errors import EnvironmentLacks, ParticipantFailed
from machines.mcu.machine import Standing
from machines.qemu import mcu as mcu_module

__all__ = ["launch"]

MS = 1_000_000
RUNS = 20


@pytest.fixture
def load() -> Iterator[None]:
    """Twice as many busy processes as there are cores, which now and then stop for a while."""
    program = (
        "import time\nwhile True:\n e = time.monotonic() + .03\n while time.monotonic() < e: pass\n time.sleep(.002)"
    )
    busy = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(2 * (os.cpu_count() or 1))]
    yield
    for process in busy:
        process.kill()
        process.wait()


def history(probe: Running, steps: int, seed: int) -> list[tuple[Standing, Answer, int]]:
    """Return what there was to see at each boundary of a run with some doorbells."""
    choose, seen = random.Random(seed), []
    for _ in range(steps):
        if choose.random() < 0.5:
            probe.page.ring(0)
            probe.machine.interrupt()
        standing = probe.advance(choose.choice([1, 77, 1000, 54321, MS]))
        seen.append((standing, probe.answer, probe.counter))
    return seen


@pytest.mark.slow
@machines("mps2-an386", "mps3-an547", "riscv", "xtensa")
def test_every_run_is_the_same_under_load(launch: ProbeMaker, board: str, load: None) -> None:
    for mode in (SLEEP, STEADY):
        runs = []
        for _ in range(RUNS // 2):
            probe = launch(board, mode, mips=Fraction(125))
            runs.append(history(probe, 60, 3))
            probe.close()
        assert all(run == runs[0] for run in runs)
        assert runs[0][-1][1].rounds > 3


@machines("mps2-an386")
def test_a_killed_qemu_is_told_with_where_to_look(launch: ProbeMaker, board: str) -> None:
    probe = launch(board, ADD)
    os.kill(_pid(probe), signal.SIGKILL)
    with pytest.raises(ParticipantFailed, match="QEMU ended") as caught:
        probe.advance(10 * MS)
    assert "probe.qemu.log" in str(caught.value)
    assert "\n" not in str(caught.value)
    probe.machine.close()
    probe.machine.close()


@machines("mps2-an386", "riscv", "xtensa")
def test_nothing_is_left_behind(launch: ProbeMaker, board: str, tmp_path: Path) -> None:
    gc.collect()
    before = _open_files()
    probe = launch(board, ADD)
    pid = _pid(probe)
    assert len(_open_files()) > len(before)
    probe.machine.run(MS)
    probe.close()
    assert _open_files() == before
    assert not Path(f"/proc/{pid}").exists()
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"probe.elf", "probe.console.log"}


def test_closing_what_was_never_launched_is_no_error(tmp_path: Path) -> None:
    window = mcu_module.Window(PROBES["riscv"].entry.window, _Nothing(), ())  # type: ignore[arg-type]
    machine = mcu_module.make("m", PROBES["riscv"].entry, tmp_path / "no.elf", window, Fraction(1000), tmp_path)
    machine.close()
    machine.close()


class _Nothing:
    view = memoryview(bytearray(4096))


@machines("mps2-an386")
def test_qemu_dies_with_the_simulator(launch: ProbeMaker, board: str, tmp_path: Path) -> None:
    """A simulator of its own, killed in the middle of a grant."""
    program = tmp_path / "simulator.py"
    program.write_text(
        "import sys\n"
        f"sys.path[:0] = {[str(Path(__file__).parent), *sys.path]!r}\n"
        "from fractions import Fraction\n"
        "from pathlib import Path\n"
        "from machines.memory import SharedRegion\n"
        "from mcu_machines import ADD, Running\n"
        f"probe = Running({board!r}, ADD, Path({str(tmp_path)!r}) / 'child', SharedRegion('s', 4096), Fraction(1000))\n"
        "probe.machine.launch()\n"
        "probe.machine.run(10**12)\n"
        "print(probe.machine._process.pid, flush=True)\n"
        "probe.machine.settle()\n"
    )
    simulator = subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True)
    assert simulator.stdout is not None
    pid = int(simulator.stdout.readline())
    assert Path(f"/proc/{pid}").exists()
    simulator.kill()
    simulator.communicate()
    until = time.monotonic() + 10
    while _alive(pid) and time.monotonic() < until:
        time.sleep(0.01)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@machines("mps2-an386")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"window": Span(address=0xF0000000, bytes=0x10000)}, "the window is not within the RAM of this machine"),
        ({"window": Span(address=0x40004000, bytes=0x10000)}, "the window is not within the RAM of this machine"),
        ({"window": Span(address=0x21000100, bytes=0x10000)}, "a region of the window does not start at a page"),
        ({"doorbell": Doorbell(kind="plic", irq=1)}, "not exactly one interrupt controller of the doorbell's type"),
    ],
)
def test_a_profile_that_does_not_fit_the_machine_is_told(
    launch: ProbeMaker, board: str, change: dict[str, object], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = PROBES[board]
    entry = probe.entry.model_copy(update=change)
    monkeypatch.setitem(PROBES, "broken", replace(probe, entry=entry))
    with pytest.raises(ParticipantFailed, match=words) as caught:
        launch("broken", ADD)
    assert "\n" not in str(caught.value)


@machines("mps2-an386")
def test_a_plugin_with_another_parent_refuses(launch: ProbeMaker, board: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcu_module.os, "getpid", lambda: 1)
    with pytest.raises(EnvironmentLacks, match="simulator has ended"):
        launch(board, ADD)


def _open_files() -> list[str]:
    """Return what our descriptors stand for, but for memory, which lives as long as somebody has it mapped."""
    names = []
    for fd in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # that of the listing itself
            names.append(str(fd.readlink()))
    return sorted(name for name in names if not name.startswith(("/memfd:", "/proc/")))


def _pid(probe: Running) -> int:
    assert probe.machine._process is not None
    return probe.machine._process.pid
