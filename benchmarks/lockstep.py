"""What lockstep costs: the boot of a Linux guest to its ready point, free-running under icount and held at boundaries.

    python -m benchmarks.lockstep [--rounds 5]

The work is the same in every way of running: firmware, kernel, Python with numpy and the interpreter, up to the agent's
first doorbell; 1.5 virtual seconds, nearly all of them busy. The ways take turns, and overheads are ratios of
neighbours, so that a computer that is busy with other things disturbs all alike.
"""

from __future__ import annotations

import contextlib
import os
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.figure import Figure
from benchmarks.harness import Tell, main
from guests.linux import image
from machines import boards
from machines.memory import SharedRegion
from machines.qemu import binary, command, limits, plugin
from machines.qemu.command import GuestImage, GuestMachine
from machines.qemu.ivshmem import DoorbellServer
from machines.qemu.lockstep import Lockstep
from machines.qemu.monitor import Monitor
from machines.qemu.process import QemuProcess
from machines.qemu.vm import Installation, VirtualMachine

OVERHEAD_PERCENT = 10.0
"""Target at a quantum of 1 ms."""

READY = 0
"""The doorbell that the agent rings at its ready point."""

_MEMORY_BYTES = 256 << 20
_POLL_S = 0.002


@dataclass(frozen=True)
class Cost:
    """What one boot took.

    Attributes:
        wall_s: from telling the machine to go until its doorbell was seen.
        cpu_s: user and system time of QEMU and of this process, start and end of QEMU included.
        grants: how often the guest was held; 0 where it ran free.
    """

    wall_s: float
    cpu_s: float
    grants: int


def installation() -> Installation:
    """Return what a run of the simulator uses."""
    qemu, files = binary.find(), image.ensure()
    guest = GuestImage(files.kernel, files.initrd, files.root, files.arguments, files.digest)
    return Installation(qemu, plugin.path(qemu.plugin_api), guest)


def _cpu_s() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def boot(way: Callable[[Installation, GuestMachine, Path], tuple[float, int]], installed: Installation) -> Cost:
    """Boot a guest in one way; see `Cost`."""
    machine = GuestMachine(boards.load_linux("linux-x86_64").cpu, _MEMORY_BYTES, 0, ())
    before = _cpu_s()
    with tempfile.TemporaryDirectory(prefix="edgesim-bench-") as folder:
        wall_s, grants = way(installed, machine, Path(folder))
    return Cost(wall_s, _cpu_s() - before, grants)


def free(installed: Installation, machine: GuestMachine, folder: Path) -> tuple[float, int]:
    """Boot with the same options, but without the plugin."""
    with contextlib.ExitStack() as hold:
        control = hold.enter_context(contextlib.closing(SharedRegion("control", command.CONTROL_BYTES)))
        doorbells = hold.enter_context(contextlib.closing(DoorbellServer(control.fd, machine.vectors)))
        monitor = hold.enter_context(contextlib.closing(Monitor("free")))
        unused = hold.enter_context(contextlib.closing(Lockstep("free")))
        attached = command.Attachments(
            plugin=installed.plugin,
            parent=os.getpid(),
            lockstep_fd=unused.plugin_fd,
            monitor_fd=monitor.qemu_fd,
            doorbell_fd=doorbells.device_fd,
            region_fds=(),
            console=folder / "console",
            snapshot_fd=None,
        )
        line = command.arguments(machine, installed.image, installed.binary, attached)
        at = line.index("-plugin")
        inherited = (attached.monitor_fd, attached.doorbell_fd)
        root_bytes = installed.image.root_bytes
        bounds = limits.of_guest(machine.memory_bytes, root_bytes, (command.CONTROL_BYTES,), saves=True)
        free_line = line[:at] + line[at + 2 :]
        process = QemuProcess("free", installed.binary, free_line, inherited, folder / "messages", bounds)
        hold.callback(process.kill)
        doorbells.handed_over()
        began = time.monotonic()
        monitor.connect()
        monitor.execute("cont")
        while READY not in doorbells.collect():
            time.sleep(_POLL_S)
        return time.monotonic() - began, 0


def held(quantum_ns: int | None, installed: Installation, machine: GuestMachine, folder: Path) -> tuple[float, int]:
    """Boot in lockstep.

    Parameters:
        quantum_ns: distance of boundaries, chosen as the executive does; None: one grant for everything.
        installed, machine, folder: as in `free`.
    """
    with contextlib.closing(VirtualMachine("held", machine, installed, (), folder)) as vm:
        vm.launch(None)
        began = time.monotonic()
        vm.go()
        if quantum_ns is None:
            vm.grant(1 << 62)
            while READY not in vm.collect():
                time.sleep(_POLL_S)
            return time.monotonic() - began, 1
        grants = 0
        while READY not in vm.collect():
            at = vm.held.deadline_ns if vm.held.idle else vm.held.now_ns
            vm.grant((max(at, vm.held.now_ns) // quantum_ns + 1) * quantum_ns)
            vm.settle()
            grants += 1
        return time.monotonic() - began, grants


WAYS: dict[str, Callable[[Installation, GuestMachine, Path], tuple[float, int]]] = {
    "free-running icount": free,
    "one single grant": partial(held, None),
    "quantum 1 ms": partial(held, 1_000_000),
    "quantum 100 us": partial(held, 100_000),
}


def figures(rounds: int, tell: Tell) -> list[Figure]:
    """Measure all ways in turn; the first boot of all fills the page cache and is not counted."""
    installed = installation()
    tell("warming up")
    boot(free, installed)
    costs: dict[str, list[Cost]] = {name: [] for name in WAYS}
    for number in range(rounds):
        for name, way in WAYS.items():
            tell(f"round {number + 1} of {rounds}: {name}")
            costs[name].append(boot(way, installed))
    found = [
        Figure(f"boot, {name}", [cost.wall_s for cost in taken], "s", cpu_s=[cost.cpu_s for cost in taken])
        for name, taken in costs.items()
    ]
    reference = costs["free-running icount"]
    for name in list(WAYS)[1:]:
        pairs = list(zip(costs[name], reference, strict=True))
        against, bound = ("target", OVERHEAD_PERCENT) if name == "quantum 1 ms" else ("", None)
        for what, overhead in (
            ("wall", [100 * (cost.wall_s / other.wall_s - 1) for cost, other in pairs]),
            ("CPU", [100 * (cost.cpu_s / other.cpu_s - 1) for cost, other in pairs]),
        ):
            found.append(Figure(f"lockstep overhead, {name}: {what}", overhead, "%", against, bound))
    return found


if __name__ == "__main__":
    main(__doc__, figures, rounds=5)
