"""From a scenario to everything that takes part in its run, connected and at its ready point."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from guests.linux import image
from machines.memory import SharedRegion
from machines.native.participant import NativeDevice
from machines.qemu import binary, boot, plugin
from machines.qemu.command import GuestImage, GuestMachine
from machines.qemu.guest import LinuxGuest
from machines.qemu.vm import Installation, VirtualMachine
from sim.host.channel import Channel, End
from sim.host.devices import make_device
from sim.host.payload import channel_ends, pack
from sim.report.record import ChannelRecord, DeviceRecord, LogLine, PartitionRecord, RunRecord
from sim.scenario.model import Scenario
from virtio_shm import Consumer, Layout, Producer, TensorSpec

_ARM_STEP_NS = 5_000_000


@dataclass
class System:
    """A scenario come to life.

    Attributes:
        guests: by partition, in the order in which they are granted.
        devices: by name.
        channels: by name.
    """

    guests: dict[str, LinuxGuest]
    devices: dict[str, NativeDevice]
    channels: dict[str, Channel]


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


def build(
    scenario: Scenario,
    installed: Installation,
    record: RunRecord,
    logs: Path,
    cold: bool,
    progress: Callable[[str], None],
    hold: contextlib.ExitStack,
) -> System:
    """Bring all of a scenario to its ready point, with every service loaded.

    Parameters:
        scenario: what to build.
        installed: QEMU, plugin and image.
        record: takes what there is to say of partitions, devices and channels.
        logs: folder for consoles.
        cold: boot guests even where snapshots exist.
        progress: told what happens, in words.
        hold: ends and releases everything when it is closed.

    Raises:
        ParticipantFailed: a guest does not boot, or a service does not load.
        EnvironmentLacks: QEMU cannot do what is needed.
    """
    channels = {name: _channel(scenario, name, record, hold) for name in scenario.channels}
    makers = [partial(_machine, scenario, name, channels, installed, logs) for name in scenario.partitions]
    guests: dict[str, LinuxGuest] = {}
    for machine, start in boot.start(makers, cold, progress):
        guest = guests[machine.name] = LinuxGuest(machine, partial(_hear, record.partitions, machine.name))
        hold.callback(guest.stop)
        record.partitions[machine.name] = _partition_record(scenario, machine, start)
    progress("loading services")
    _begin_arming(scenario, guests)
    # Only now may anything be written to a channel: regions are part of a snapshot, and restoring one overwrites them.
    devices = {name: _device(scenario, name, channels, record) for name in scenario.devices}
    _arm(guests)
    return System(guests, devices, channels)


def _channel(scenario: Scenario, name: str, record: RunRecord, hold: contextlib.ExitStack) -> Channel:
    described = scenario.channels[name]
    layout = Layout(described.depth, described.payload_bytes)
    region = hold.enter_context(contextlib.closing(SharedRegion(name, layout.mapping_bytes)))
    ends = [
        End(node, 1 + [(end.channel, end.role) for end in channel_ends(scenario, node)].index((name, role)))
        for node, role in ((described.source.node, "producer"), (described.target.node, "consumer"))
    ]
    record.channels[name] = ChannelRecord(
        source=str(described.source),
        target=str(described.target),
        dtype=described.tensor.dtype,
        shape=described.tensor.shape,
        depth=described.depth,
        overflow=described.overflow,
        region_bytes=layout.region_bytes,
    )
    return Channel(name, region, layout, ends[0], ends[1], record.channels[name])


def _device(scenario: Scenario, name: str, channels: Mapping[str, Channel], record: RunRecord) -> NativeDevice:
    device = make_device(name, scenario.devices[name], scenario.seed)
    for index, end in enumerate(channel_ends(scenario, name)):
        described, channel = scenario.channels[end.channel], channels[end.channel]
        memory, layout = channel.region.view, channel.layout
        if end.role == "producer":
            device.attach(1 + index, Producer(memory, layout, overflow=described.overflow, clock=device.clock))
        else:
            tensor = described.tensor
            spec = TensorSpec(tensor.dtype, tensor.shape, tensor.scale, tensor.zero_point)
            device.attach(1 + index, Consumer(memory, layout, spec=spec, clock=device.clock))
    record.devices[name] = DeviceRecord(scenario.devices[name].kind, scenario.devices[name].summary)
    return device


def _machine(
    scenario: Scenario, name: str, channels: Mapping[str, Channel], installed: Installation, logs: Path
) -> VirtualMachine:
    partition = scenario.partitions[name]
    regions = [channels[end.channel].region for end in channel_ends(scenario, name)]
    sizes = tuple(region.size for region in regions)
    machine = GuestMachine(partition.board.cpu, partition.memory_bytes, partition.icount_shift, sizes)
    return VirtualMachine(name, machine, installed, regions, logs)


def _partition_record(scenario: Scenario, machine: VirtualMachine, start: boot.Start) -> PartitionRecord:
    partition = scenario.partitions[machine.name]
    return PartitionRecord(
        machine=partition.machine,
        backend="qemu",
        memory_bytes=partition.memory_bytes,
        mips=float(partition.speed_mips),
        services=list(partition.services),
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


def _begin_arming(scenario: Scenario, guests: Mapping[str, LinuxGuest]) -> None:
    """Hand every guest its services and let it begin to load them."""
    for name, guest in guests.items():
        guest.post(pack(scenario, name))
        guest.arm_step(_ARM_STEP_NS)


def _arm(guests: Mapping[str, LinuxGuest]) -> None:
    """Run all guests until they have loaded their services; none touches a channel yet, so at once."""
    arming = list(guests.values())
    while arming:
        for guest in arming:
            guest.arm_settle()
        arming = [guest for guest in arming if guest.arm_step(_ARM_STEP_NS)]
