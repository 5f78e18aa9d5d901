"""The Linux guests of a scenario: booted or restored, with every service loaded."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from guests.linux import image
from machines.memory import SharedRegion
from machines.qemu import binary, boot, plugin
from machines.qemu.command import GuestImage, GuestMachine
from machines.qemu.guest import LinuxGuest
from machines.qemu.vm import Installation, VirtualMachine
from sim.host.payload import pack
from sim.report.record import LogLine, PartitionRecord, RunRecord
from sim.scenario.model import LinuxPartition, Scenario

_ARM_STEP_NS = 5_000_000


def installation(progress: Callable[[str], None]) -> tuple[Installation, dict[str, str]]:
    """Return QEMU, plugin and image, building what is missing, and the versions of what shapes a run.

    Raises:
        EnvironmentLacks: something cannot be had on this computer.
    """
    qemu = binary.find()
    files = image.ensure(progress)
    boots = GuestImage(files.kernel, files.initrd, files.root, image.KERNEL_ARGUMENTS, files.digest)
    versions = {"qemu": qemu.identity, "kernel": str(files.manifest["kernel"]), "image": files.digest}
    return Installation(qemu, plugin.path(qemu.plugin_api), boots), versions


def bring_up(
    partitions: Mapping[str, LinuxPartition],
    regions: Mapping[str, list[SharedRegion]],
    installed: Installation,
    record: RunRecord,
    logs: Path,
    cold: bool,
    progress: Callable[[str], None],
    hold: contextlib.ExitStack,
) -> dict[str, LinuxGuest]:
    """Bring guests to their ready point.

    Parameters:
        partitions: by name.
        regions: memory of the channel ends of each, in the order of their vectors.
        installed: QEMU, plugin and image.
        record: takes what there is to say of them.
        logs: folder for consoles.
        cold: boot even where snapshots exist.
        progress: told what happens, in words.
        hold: ends them when it is closed.

    Raises:
        ParticipantFailed: a guest does not boot.
        EnvironmentLacks: QEMU cannot do what is needed.
    """
    makers = [
        partial(_machine, name, partition, regions[name], installed, logs) for name, partition in partitions.items()
    ]
    guests: dict[str, LinuxGuest] = {}
    for machine, start in boot.start(makers, cold, progress):
        guest = guests[machine.name] = LinuxGuest(machine, partial(_hear, record.partitions, machine.name))
        hold.callback(guest.stop)
        record.partitions[machine.name] = _record(partitions[machine.name], machine, start)
    return guests


def begin_arming(scenario: Scenario, guests: Mapping[str, LinuxGuest]) -> None:
    """Hand every guest its services and let it begin to load them.

    Raises:
        ParticipantFailed: a guest ended.
    """
    for name, guest in guests.items():
        guest.post(pack(scenario, name))
        guest.arm_step(_ARM_STEP_NS)


def arm(guests: Mapping[str, LinuxGuest]) -> None:
    """Run all guests until they have loaded their services; none touches a channel yet, so at once.

    Raises:
        ParticipantFailed: a guest ended, or a service does not load.
    """
    arming = list(guests.values())
    while arming:
        for guest in arming:
            guest.arm_settle()
        arming = [guest for guest in arming if guest.arm_step(_ARM_STEP_NS)]


def _machine(
    name: str, partition: LinuxPartition, regions: list[SharedRegion], installed: Installation, logs: Path
) -> VirtualMachine:
    sizes = tuple(region.size for region in regions)
    machine = GuestMachine(partition.board.cpu, partition.memory_bytes, partition.icount_shift, sizes)
    return VirtualMachine(name, machine, installed, regions, logs)


def _record(partition: LinuxPartition, machine: VirtualMachine, start: boot.Start) -> PartitionRecord:
    return PartitionRecord(
        machine=partition.machine,
        backend="qemu",
        memory_bytes=partition.memory_bytes,
        mips=float(partition.speed_mips),
        services=list(partition.service_names),
        boot="cold" if start.kind == "cold" else "warm",
        boot_s=start.boot_s,
        restore_s=start.restore_s,
        console=machine.console,
    )


def _hear(partitions: Mapping[str, PartitionRecord], name: str, message: Mapping[str, Any]) -> None:
    """Note what an agent says; a guest may say anything, so everything is made plain text."""
    kind = message.get("type")
    if kind not in ("log", "failed"):
        return
    if kind == "failed" and partitions[name].failed is None:
        partitions[name].failed = f"service {message.get('service')}: {message.get('error')}"
    t_ns = message.get("t_ns")
    partitions[name].log.append(
        LogLine(
            t_ns=t_ns if isinstance(t_ns, int) else 0,
            level="error" if kind == "failed" else str(message.get("level", "info")),
            service=str(message.get("service", "")),
            text=str(message.get("text" if kind == "log" else "traceback", "")),
        )
    )
