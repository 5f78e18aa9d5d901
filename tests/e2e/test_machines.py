"""Other machines for Linux guests: another instruction set, two processors, software of one's own, a debugger."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from guests.linux import image, initramfs
from machines.qemu import binary, command

from .debugger import Debugger, free_port
from .microcontrollers import echoing, node
from .simulator import HERE, ROOT, Finished, run
from .test_repeatable import assert_same, busy_loops

pytestmark = [pytest.mark.guest, pytest.mark.slow]

BOTH = ROOT / "scenarios" / "two_architectures.yaml"
MULTICORE = ROOT / "scenarios" / "multicore.yaml"
ONE_GUEST = f"""
name: one_guest
time: {{quantum: 1ms, duration: 200ms}}
partitions:
  guest:
    machine: MACHINE
    memory: 256M
    speed: 1000 MIPS
    EXTRA
    services:
      look: {{run: {HERE}/services/processors.py:look}}
devices:
  clock: {{kind: camera, source: plates, size: 160x120, rate: 50fps}}
  display: {{kind: display, preview: none}}
channels:
  start: {{from: clock, to: guest.look, tensor: "uint8[120,160,3]"}}
  end: {{from: guest.look, to: display, tensor: "uint8[120,160,3]"}}
"""


def one_guest(folder: Path, machine: str, extra: str) -> Path:
    """Write a scenario with one guest that says what its processors are."""
    path = folder / "one_guest.yaml"
    path.write_text(ONE_GUEST.replace("MACHINE", machine).replace("EXTRA", extra))
    return path


def said(done: Finished) -> list[str]:
    """Return what the guest's service has printed."""
    assert done.code == 0, done.err
    return [line for line in (done.folder / "logs" / "guest.log").read_text().splitlines() if "processors" in line]


def test_two_instruction_sets_trade_tensors_and_repeat(tmp_path: Path) -> None:
    first = run(tmp_path / "first", BOTH, "2s")
    assert first.code == 0, first.err
    figures = first.figures
    assert figures["channels"]["end"]["messages"] >= 98
    assert "qemu aarch64" in figures["environment"]
    assert figures["channels"]["ping"]["latency_us"]["min"] > 0
    assert figures["channels"]["pong"]["latency_us"]["min"] > 0
    assert_same(first, run(tmp_path / "warm", BOTH, "2s"))
    cold = run(tmp_path / "cold", BOTH, "2s", "--cold")
    assert cold.figures["digest"] == figures["digest"]


@pytest.mark.parametrize("machine", ["linux-aarch64", "linux-x86_64"])
def test_two_processors_work(machine: str, tmp_path: Path) -> None:
    scenario = one_guest(tmp_path, machine, "vcpus: 2")
    first = run(tmp_path / "first", scenario, "200ms")
    if machine == "linux-x86_64" and binary.find().version < command.OLDEST_WITH_X86_SMP:
        assert first.code == 3
        assert first.err.splitlines()[-1].startswith("sim: 2 vcpus: QEMU 7.2")
        return
    assert "processors 2 used [0, 1]" in said(first)[0]
    assert_same(first, run(tmp_path / "again", scenario, "200ms"))


def test_processors_take_the_same_turns_beside_busy_loops(tmp_path: Path) -> None:
    first = run(tmp_path / "first", MULTICORE, "300ms")
    assert first.figures["metrics"]["same"]["equal"] == 1, first.err
    with busy_loops(4):
        for name in ("busy", "busier"):
            assert_same(first, run(tmp_path / name, MULTICORE, "300ms"))
    cold = run(tmp_path / "cold", MULTICORE, "300ms", "--cold")
    assert cold.figures["digest"] == first.figures["digest"]


INIT = """#!/bin/busybox sh
busybox=/bin/busybox
$busybox mount -t devtmpfs dev /dev
$busybox mount -t sysfs sys /sys
for module in /modules/*; do $busybox insmod $module; done
echo up on $($busybox uname -m)
if [ -e /dev/pmem0 ]; then
    echo root $($busybox head -c 5 /dev/pmem0)
    echo spoil | $busybox dd of=/dev/pmem0 2>/dev/null
fi
$busybox sleep 0.1
echo done
while true; do $busybox sleep 1000; done
"""


def own_software(folder: Path, architecture: str) -> Path:
    """Write a scenario whose only partition boots a kernel with a tiny system, and what it boots."""
    files = image.ensure(architecture=architecture)
    base = files.kernel.parent
    tree = dict.fromkeys(("bin", "dev", "sys", "modules"), (0o040755, b""))
    tree |= {"bin/busybox": (0o100755, (base / "busybox").read_bytes()), "init": (0o100755, INIT.encode())}
    tree |= {f"modules/{path.name}": (0o100644, path.read_bytes()) for path in (base / "modules").iterdir()}
    (folder / "own.cpio").write_bytes(initramfs.cpio(tree))
    console, extra = ("ttyAMA0", "")
    if architecture == "x86_64":
        (folder / "root.img").write_bytes(b"hello".ljust(2 << 20, b"\0"))
        console, extra = ("ttyS0", "root: root.img")
    path = folder / "own.yaml"
    path.write_text(f"""
name: own
time: {{quantum: 1ms, duration: 4s}}
partitions:
  guest:
    machine: linux-{architecture}
    memory: 256M
    speed: 1000 MIPS
    boot:
      kernel: {files.kernel}
      initrd: own.cpio
      arguments: console={console} nokaslr
      {extra}
""")
    return path


@pytest.mark.parametrize("architecture", ["x86_64", "aarch64"])
def test_software_of_ones_own_boots_within_the_run(architecture: str, tmp_path: Path) -> None:
    scenario = own_software(tmp_path, architecture)
    consoles = []
    for name in ("first", "again"):
        done = run(tmp_path / name, scenario, "4s")
        assert done.code == 0, done.err
        consoles.append((done.folder / "logs" / "guest.console.log").read_text())
    lines = consoles[0].splitlines()
    assert f"up on {architecture}" in lines and "done" in lines
    assert consoles[0] == consoles[1]  # with the kernel's time of every line
    if architecture == "x86_64":
        assert "root hello" in lines
        assert (tmp_path / "root.img").read_bytes().startswith(b"hello")


def looking(port: int, interruptions: int) -> Sequence[str]:
    """Attach, look at the registers now and then until the machine is gone, and return what was seen."""
    debugger = Debugger(port)
    seen = [debugger.ask("?"), debugger.ask("g")]
    debugger.send("c")
    with contextlib.suppress(OSError):  # its run has ended
        for _ in range(interruptions):
            time.sleep(0.2)
            seen += [debugger.interrupt(), debugger.ask("g")]
            debugger.send("c")
    debugger.close()
    return seen


@pytest.mark.parametrize("machine", ["linux-x86_64", "linux-aarch64"])
def test_a_debugger_that_only_looks_changes_nothing(machine: str, tmp_path: Path) -> None:
    port = free_port()
    plain = run(tmp_path / "plain", one_guest(tmp_path, machine, ""), "2s")
    assert plain.code == 0, plain.err
    scenario = one_guest(tmp_path, machine, f"gdb: {port}")
    with ThreadPoolExecutor() as pool:
        seen = pool.submit(looking, port, 3)
        watched = run(tmp_path / "watched", scenario, "2s")
    assert f"guest waits for a debugger: target remote 127.0.0.1:{port}" in watched.out
    stops, registers = seen.result()[::2], seen.result()[1::2]
    assert len(stops) >= 2  # it was looked at while it ran
    assert all(len(each) == len(registers[0]) > 100 for each in registers)
    assert stops[0].startswith("T05") and all(stop.startswith("T02") for stop in stops[1:])
    assert_same(plain, watched)


@pytest.mark.parametrize("pause_s", [0, 0.04])
def test_a_debugger_in_a_hurry_waits_until_the_machine_is_there(pause_s: float, tmp_path: Path) -> None:
    plain = run(tmp_path / "plain", one_guest(tmp_path, "linux-x86_64", ""), "200ms")
    port = free_port()
    scenario = one_guest(tmp_path, "linux-x86_64", f"gdb: {port}")

    def let_go() -> None:
        debugger = Debugger(port, pause_s=0)
        time.sleep(pause_s)
        debugger.send("c")
        with contextlib.suppress(OSError):  # its run has ended
            debugger.answer()
        debugger.close()

    with ThreadPoolExecutor() as pool:
        gone = pool.submit(let_go)
        hurried = run(tmp_path / "hurried", scenario, "200ms")
    gone.result()
    assert_same(plain, hurried)


def test_a_taken_port_of_a_debugger_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taker:
        taker.bind(("127.0.0.1", 0))
        taker.listen()
        port = taker.getsockname()[1]
        done = run(tmp_path / "out", one_guest(tmp_path, "linux-x86_64", f"gdb: {port}"), "200ms")
    assert done.code == 3
    assert done.err.splitlines() == [
        f"sim: guest: nothing can listen at port {port} of 127.0.0.1; take another for gdb"
    ]


def test_a_debugger_of_a_microcontroller_changes_nothing(tmp_path: Path) -> None:
    board = {"machine": "mps2-an386", "backend": "qemu"}
    plain = run(tmp_path / "plain", echoing(tmp_path, {"echo": node(board=board)}), "3s")
    assert plain.code == 0, plain.err
    port = free_port()
    scenario = echoing(tmp_path, {"echo": node(board=board, gdb=port)})
    with ThreadPoolExecutor() as pool:
        seen = pool.submit(looking, port, 1)
        watched = run(tmp_path / "watched", scenario, "3s")
    assert watched.code == 0, watched.err
    assert f"echo waits for a debugger: target remote 127.0.0.1:{port}" in watched.out
    assert seen.result()[0].startswith("T05")
    assert_same(plain, watched)
