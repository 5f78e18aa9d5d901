"""The Linux guests of a scenario: booted or restored, with every service loaded."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from guests.linux import image
from machines.boards import LinuxBoard
from machines.memory import SharedRegion
from machines.qemu import binary, boot, plugin
from machines.qemu.command import GuestImage, GuestMachine
from machines.qemu.guest import LinuxGuest, Message
from machines.qemu.launcher import Launcher
from machines.qemu.vm import Installation, VirtualMachine
from sim.host.payload import pack
from sim.report.record import LogLine, PartitionRecord, RunRecord
from sim.scenario.model import LinuxPartition, Scenario

_ARM_STEP_NS = 5_000_000

Make = Callable[[str, LinuxPartition, "list[SharedRegion]", Installation, Path], VirtualMachine]
"""Makes a guest's machine, not launched yet, from its name, partition, regions, installation and log folder."""


def installation(
    board: LinuxBoard, progress: Callable[[str], None], launcher: Launcher
) -> tuple[Installation, dict[str, str]]:
    """Return QEMU, plugin and image for a board, building what is missing, and the versions of what shapes a run.

    Raises:
        EnvironmentLacks: something cannot be had on this computer.
    """
    qemu = binary.find(board.architecture)
    files = image.ensure(progress, board.architecture)
    boots = GuestImage(files.kernel, files.initrd, files.root, files.arguments, files.digest)
    versions = {"qemu": qemu.identity, "kernel": str(files.manifest["kernel"]), "image": files.digest}
    if board.architecture != "x86_64":
        versions = {f"{name} {board.architecture}": version for name, version in versions.items()}
    return Installation(qemu, plugin.path(qemu.plugin_api), boots, launcher), versions


def bring_up(
    partitions: Mapping[str, LinuxPartition],
    regions: Mapping[str, list[SharedRegion]],
    installed: Mapping[str, Installation],
    record: RunRecord,
    logs: Path,
    cold: bool,
    progress: Callable[[str], None],
    hear: Callable[[str, Mapping[str, Any]], None],
    hold: contextlib.ExitStack,
    make: Make | None = None,
    guest_of: Callable[[Any, Callable[[Message], None]], LinuxGuest] = LinuxGuest,
) -> dict[str, LinuxGuest]:
    """Bring guests to their ready point.

    Parameters:
        partitions: by name.
        regions: memory of the channel ends of each, in the order of their vectors.
        installed: QEMU, plugin and image by architecture.
        record: takes what there is to say of them.
        logs: folder for consoles.
        cold: boot even where snapshots exist.
        progress: told what happens, in words.
        hear: told (partition, message) what agents say.
        hold: ends them when it is closed.
        make: makes their machines; None: under lockstep.
        guest_of: makes a guest of a machine and what hears its messages.

    Raises:
        ParticipantFailed: a guest does not boot.
        EnvironmentLacks: QEMU cannot do what is needed.
    """
    makers = [
        partial(make or _machine, name, partition, regions[name], installed[partition.board.architecture], logs)
        for name, partition in partitions.items()
    ]
    guests: dict[str, LinuxGuest] = {}
    for machine, start in boot.start(makers, cold, progress):
        guest = guests[machine.name] = guest_of(machine, partial(hear, machine.name))
        hold.callback(guest.stop)
        record.partitions[machine.name] = _record(partitions[machine.name], machine, start)
    return guests


def revive(
    scenario: Scenario,
    name: str,
    regions: list[SharedRegion],
    installed: Mapping[str, Installation],
    logs: Path,
    at_ns: int,
    power_on: bool,
    hear: Callable[[str, Mapping[str, Any]], None],
) -> LinuxGuest:
    """Start one guest again within a run; all others stand still.

    Its services load in the time of the run, and so does its kernel if it boots.

    Parameters:
        scenario: what it is part of.
        name: the partition.
        regions: memory of its channel ends; what is in them stays.
        installed: QEMU, plugin and image by architecture.
        logs: folder for its console, which is continued.
        at_ns: time of the run.
        power_on: boot it; else it starts from its snapshot.
        hear: told (partition, message) what its agent says.

    Raises:
        ParticipantFailed: it does not start.
    """
    partition = scenario.linux_guests[name]
    maker = partial(_machine, name, partition, regions, installed[partition.board.architecture], logs)
    contents = [bytes(region.view) for region in regions]
    if power_on:
        machine = maker()
        machine.launch(None)
        machine.go()
    else:
        ((machine, _),) = boot.start([maker], False, lambda text: None)
    for region, content in zip(regions, contents, strict=True):
        region.view[:] = content  # they are part of the snapshot, too, and were overwritten
    guest = LinuxGuest(machine, partial(hear, name))
    guest.revive(pack(scenario, name), at_ns, booted=not power_on)
    return guest


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


def machine_of(partition: LinuxPartition, region_bytes: tuple[int, ...]) -> GuestMachine:
    """Return what a partition is to QEMU, with channel regions of these sizes."""
    board = partition.board
    return GuestMachine(
        board.cpu,
        partition.memory_bytes,
        partition.icount_shift,
        region_bytes,
        architecture=board.architecture,
        vcpus=partition.vcpus,
    )


def _machine(
    name: str, partition: LinuxPartition, regions: list[SharedRegion], installed: Installation, logs: Path
) -> VirtualMachine:
    machine = machine_of(partition, tuple(region.size for region in regions))
    made = VirtualMachine(name, machine, installed, regions, logs)
    made.gdb_port = partition.gdb
    return made


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


def note(partitions: Mapping[str, PartitionRecord], name: str, message: Mapping[str, Any]) -> None:
    """Note what an agent says; a guest may say anything, so everything is made plain text."""
    kind = message.get("type")
    if kind not in ("log", "failed", "suspended", "spoiled"):
        return
    t_ns = message.get("t_ns")
    partitions[name].log.append(
        LogLine(
            t_ns=t_ns if isinstance(t_ns, int) else 0,
            level=str(message.get("level", "info")) if kind == "log" else "error",
            service=str(message.get("service", "")),
            text=str(message.get("text" if kind == "log" else "traceback", "")),
        )
    )
