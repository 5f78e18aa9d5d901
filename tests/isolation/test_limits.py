"""A QEMU meets its limits without harm to anybody else."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.simulator import Running

from machines.limits import Limits
from machines.qemu import limits
from machines.qemu.binary import QemuBinary
from machines.qemu.process import QemuProcess

from .hostile_scenario import write

ROOMY = Limits(memory_bytes=1 << 30, file_bytes=1 << 20, descriptors=64)


@contextlib.contextmanager
def running(folder: Path, script: str, bounds: Limits) -> Iterator[QemuProcess]:
    """A Python program in the place of QEMU; it waits until its limits are there."""
    program = folder / "qemu"
    program.write_text(f"#!{sys.executable}\nimport resource, time\n"
                       f"while resource.getrlimit(resource.RLIMIT_CORE)[1]: time.sleep(0.001)\n{script}\n")  # fmt: skip
    program.chmod(0o755)
    process = QemuProcess("guest", QemuBinary(program, (7, 2, 0), "fake"), [], [], folder / "messages", bounds)
    try:
        yield process
    finally:
        process.kill()


def ending(folder: Path, script: str, bounds: Limits = ROOMY) -> list[str]:
    """Return what a program prints until it ends."""
    with running(folder, script, bounds) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    return process.words()


def test_a_file_stops_growing_and_its_writer_goes_on(tmp_path: Path) -> None:
    bounds = Limits(1 << 30, file_bytes=4096, descriptors=64)
    console = tmp_path / "console"
    said = ending(
        tmp_path,
        f"out = open({str(console)!r}, 'wb', buffering=0)\nwritten = 0\n"
        "try:\n  while True: written += out.write(bytes(1000))\nexcept OSError as e: print(written, e.strerror)",
        bounds,
    )
    assert said == ["4096 File too large"]
    assert console.stat().st_size == 4096
    assert console.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "messages").stat().st_mode & 0o777 == 0o600


def test_memory_is_refused_beyond_the_limit(tmp_path: Path) -> None:
    said = ending(tmp_path, "try: bytearray(2 << 30)\nexcept MemoryError: print('refused')")
    assert said == ["refused"]


def test_descriptors_run_out(tmp_path: Path) -> None:
    script = "import os\ntry:\n  while True: last = os.dup(0)\nexcept OSError: print(last)"
    assert ending(tmp_path, script) == ["63"]


def test_a_core_is_never_written(tmp_path: Path) -> None:
    with running(tmp_path, "time.sleep(60)", ROOMY) as process:
        assert resource.prlimit(process.pid, resource.RLIMIT_CORE) == (0, 0)


def test_a_lower_limit_that_was_inherited_stays() -> None:
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        resource.prlimit(sleeper.pid, resource.RLIMIT_NOFILE, (32, 32))
        ROOMY.impose(sleeper.pid)
        assert resource.prlimit(sleeper.pid, resource.RLIMIT_NOFILE) == (32, 32)
    finally:
        sleeper.kill()
        sleeper.wait()


def test_a_process_that_is_gone_needs_no_limits() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    ROOMY.impose(ended.pid)


def test_a_snapshot_has_room_and_a_console_has_less() -> None:
    saving = limits.of_guest(256 << 20, 0, (16 << 20, 1 << 20), saves=True)
    resuming = limits.of_guest(256 << 20, 0, (16 << 20, 1 << 20), saves=False)
    assert saving.file_bytes > 273 << 20
    assert resuming.file_bytes == limits.CONSOLE_BYTES
    assert saving.memory_bytes == resuming.memory_bytes


def test_many_regions_need_more_descriptors() -> None:
    """A region is inherited, opened, and has an eventfd for each direction."""
    few, many = (limits.of_guest(1, 0, [1] * count, saves=False).descriptors for count in (1, 121))
    assert many - few >= 4 * 120


@pytest.mark.guest
@pytest.mark.slow
def test_a_guest_that_fills_its_console_runs_on(tmp_path: Path) -> None:
    """The limit is lowered here, so that it is met soon."""
    scenario = write(tmp_path, {"villain": {"attack": "console"}})
    sim = Running(tmp_path / "run", scenario, "--duration", "1s")
    console = sim.folder / "logs" / "villain.console.log"
    try:
        sim.wait_for_phase("running")
        (villain,) = (pid for pid, line in sim.qemus().items() if str(console) in line)
        most = console.stat().st_size + 5000
        resource.prlimit(villain, resource.RLIMIT_FSIZE, (most, most))
        assert sim.process.wait(120) == 0, sim.said
    finally:
        sim.close()
    assert console.stat().st_size == most
    partitions = json.loads((sim.folder / "result.json").read_text())["partitions"]
    assert {partition["failed"] for partition in partitions.values()} == {None}
    assert partitions["villain"]["services"]["relay"]["calls"] > 40
