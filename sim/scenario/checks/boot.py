"""Checks of partitions that boot a user's own software, and of debuggers' ports."""

from __future__ import annotations

from machines.qemu.chipset import CHIPSETS
from machines.qemu.command import ROOT_ALIGNMENT
from sim.scenario.boot import Boot
from sim.scenario.checks.context import Context
from sim.scenario.partitions import LinuxPartition, McuPartition


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
        _root(context, name, partition, partition.boot)


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
