"""Checks of partitions that boot a user's own software, and of debuggers' ports."""

from __future__ import annotations

from collections.abc import Callable

from machines.qemu.chipset import CHIPSETS
from machines.qemu.command import ROOT_ALIGNMENT
from sim.scenario.boot import Boot
from sim.scenario.checks.context import Context
from sim.scenario.partitions import LinuxPartition, McuPartition

_HEAD_BYTES = 8192
"""A Multiboot header lies within so many: Multiboot Specification 0.6.96, section 3.1."""

_ANY = "any"
_WANTED = {"x86_64": "a bzImage (or an ELF file that QEMU can start)", "aarch64": "an Image, Image.gz or ELF file"}
_KERNELS: dict[str, Callable[[bytes], bool]] = {
    "x86_64": lambda head: head[0x202:0x206] == b"HdrS" or b"\x02\xb0\xad\x1b" in head,
    "aarch64": lambda head: head[56:60] == b"ARM\x64" or head[:2] == b"\x1f\x8b" or head[:4] == b"\x27\x05\x19\x56",
    _ANY: lambda head: head[:4] == b"\x7fELF",
}
"""What a kernel for an architecture begins with. Sources: Linux, Documentation/arch/x86/boot.rst and arm64/booting.rst;
Multiboot; gzip (RFC 1952) and U-Boot's uImage, which QEMU unpacks for Arm only."""


def boot(context: Context) -> None:
    """No agent is in a user's own software, so nothing that needs one works there."""
    for name, partition in context.scenario.linux_guests.items():
        if partition.boot is None:
            continue
        path = ("partitions", name)
        needs = "needs the simulator's agent, which is not in a partition with boot; leave it out"
        if partition.services:
            context.report((*path, "services"), f"a service {needs}")
        agents = {"watchdog": partition.watchdog_ns, "heartbeat": partition.heartbeat_ns}
        agents["ready_within"] = partition.ready_within_ns
        for key, value in agents.items():
            if value is not None:
                context.report((*path, key), f"{key} {needs}")
        if partition.on_failure in ("restart", "restart_cold"):
            message = f"{partition.on_failure} works only without boot; write stop or fail_run"
            context.report((*path, "on_failure"), message)
        if context.scenario.time.mode == "realtime":
            context.report((*path, "boot"), "works only in virtual time, and time.mode is realtime")
        _kernel(context, name, partition, partition.boot)
        _root(context, name, partition, partition.boot)


def _kernel(context: Context, name: str, partition: LinuxPartition, own: Boot) -> None:
    """QEMU takes any file for a kernel, and one for another processor too; the guest would then do nothing."""
    architecture = partition.board.architecture
    with own.kernel.path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    made_for = next((each for each, is_one in _KERNELS.items() if is_one(head)), None)
    if made_for not in (architecture, _ANY):
        what = f"is a kernel for {made_for}" if made_for else "is no kernel"
        context.report(
            ("partitions", name, "boot", "kernel"),
            f"{own.kernel.path} {what}; {partition.machine} boots {_WANTED[architecture]}",
        )
    if own.initrd is not None and not own.initrd.path.stat().st_size:
        context.report(("partitions", name, "boot", "initrd"), f"{own.initrd.path} is empty; leave it out")


def _root(context: Context, name: str, partition: LinuxPartition, own: Boot) -> None:
    path = ("partitions", name, "boot", "root")
    if own.root is None:
        return
    if not CHIPSETS[partition.board.architecture].maps_root:
        context.report(path, f"{partition.machine} has no device for it; put the root file system into initrd")
    elif own.root.path.stat().st_size % ROOT_ALIGNMENT or not own.root.path.stat().st_size:
        advice = f"is not a whole number of {ROOT_ALIGNMENT >> 20} MiB; truncate -s %2M {own.root.path} makes it so"
        context.report(path, f"{own.root.path.stat().st_size} bytes {advice}")


def debuggers(context: Context) -> None:
    """Every debugger needs a port of its own."""
    taken: dict[int, str] = {}
    for name, partition in context.scenario.partitions.items():
        if partition.gdb is None:
            continue
        path = ("partitions", name, "gdb")
        if isinstance(partition, McuPartition) and partition.backend != "qemu":
            offered = "qemu" in partition.board.backends
            advice = "write backend: qemu" if offered else "leave it out; QEMU does not run this board"
            context.report(path, f"only QEMU has a port for a debugger; {advice}")
        if partition.gdb in taken:
            context.report(path, f"{partition.gdb} is the port of {taken[partition.gdb]} already; take another one")
        taken.setdefault(partition.gdb, name)
        if context.scenario.time.mode == "realtime":
            context.report(path, "a debugger works only in virtual time, and time.mode is realtime")
