"""Partitions with a user's own kernel: no snapshot, no agent; they boot within the run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

from machines.qemu import binary, plugin
from machines.qemu.command import GuestImage
from machines.qemu.guest import Guest
from machines.qemu.launcher import Launcher
from machines.qemu.vm import Installation, VirtualMachine
from sim.host.linux import machine_of
from sim.report.record import PartitionRecord, RunRecord
from sim.scenario.boot import Boot
from sim.scenario.model import LinuxPartition


def installation(partition: LinuxPartition, own: Boot, launcher: Launcher) -> Installation:
    """Return QEMU, plugin and the user's files for a partition.

    Raises:
        EnvironmentLacks: something cannot be had on this computer.
    """
    qemu = binary.find(partition.board.architecture)
    initrd, root = (None if file is None else file.path for file in (own.initrd, own.root))
    image = GuestImage(own.kernel.path, initrd, root, own.arguments, own.digest)
    return Installation(qemu, plugin.path(qemu.plugin_api), image, launcher)


def bring_up(
    partitions: Mapping[str, LinuxPartition],
    installed: Mapping[str, Installation],
    record: RunRecord,
    logs: Path,
    progress: Callable[[str], None],
    hold: contextlib.ExitStack,
) -> dict[str, Guest]:
    """Bring guests to their first instruction.

    Parameters:
        partitions: by name, all with `boot`.
        installed: QEMU, plugin and files of each.
        record: takes what there is to say of them.
        logs: folder for consoles.
        progress: told what happens, in words.
        hold: ends them when it is closed.

    Raises:
        ParticipantFailed: a guest does not start.
        EnvironmentLacks: QEMU cannot do what is needed.
    """
    guests: dict[str, Guest] = {}
    for name, partition in partitions.items():
        vm = VirtualMachine(name, machine_of(partition, ()), installed[name], [], logs)
        vm.gdb_port = partition.gdb
        hold.callback(vm.close)
        vm.launch(None)
        vm.go(progress)
        guest = guests[name] = Guest(vm)
        hold.callback(guest.stop)
        record.partitions[name] = PartitionRecord(
            machine=partition.machine,
            backend="qemu",
            memory_bytes=partition.memory_bytes,
            mips=float(partition.speed_mips),
            vcpus=partition.vcpus,
            console=vm.console,
        )
    return guests
