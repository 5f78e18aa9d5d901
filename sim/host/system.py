"""From a scenario to everything that takes part in its run, connected and at its ready point."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from machines.memory import SharedRegion
from machines.native.participant import NativeDevice
from machines.qemu.launcher import DIRECT, Launcher
from machines.qemu.vm import Installation as LinuxInstallation
from sim.host import linux, microcontrollers, software
from sim.host.channel import Channel
from sim.host.devices import make_device
from sim.host.ends import channel_ends
from sim.host.legs import Leg, legs_of
from sim.host.links import make_links
from sim.host.node import Node
from sim.host.realtime import linux as realtime
from sim.host.realtime.channel import FreeChannel
from sim.host.revival import Revival
from sim.report.record import ChannelRecord, DeviceRecord, RunRecord
from sim.scenario.model import Scenario
from virtio_shm import Consumer, Layout, Producer, TensorSpec


@dataclass
class System:
    """A scenario come to life.

    Attributes:
        nodes: Linux guests and microcontrollers by partition, in the order in which they are granted.
        devices: by name; the links of off-chip microcontrollers are among them.
        channels: by name, and those on the far side of a link.
        revival: starts nodes again.
    """

    nodes: dict[str, Node]
    devices: dict[str, NativeDevice]
    channels: dict[str, Channel]
    revival: Revival


@dataclass
class Installation:
    """What runs need of this computer, found or built.

    Attributes:
        linux: for Linux guests that run services, by architecture.
        software: for those that boot a user's own software, by name.
        mcus: backend and firmware of each microcontroller.
        versions: of everything that shapes a run.
    """

    linux: dict[str, LinuxInstallation] = field(default_factory=dict)
    software: dict[str, LinuxInstallation] = field(default_factory=dict)
    mcus: dict[str, microcontrollers.Prepared] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)


def installation(scenario: Scenario, progress: Callable[[str], None], launcher: Launcher = DIRECT) -> Installation:
    """Return what a scenario needs, building what is missing; `launcher` starts its Linux guests.

    Raises:
        EnvironmentLacks: something cannot be had on this computer.
        FirmwareError: firmware does not compile or fit.
    """
    installed = Installation()
    for board in {guest.machine: guest.board for guest in scenario.served_guests.values()}.values():
        installed.linux[board.architecture], versions = linux.installation(board, progress, launcher)
        installed.versions |= versions
    for name, guest in scenario.linux_guests.items():
        if guest.boot is not None:
            installed.software[name] = software.installation(guest, guest.boot, launcher)
            installed.versions[f"software {name}"] = guest.boot.digest
    if scenario.microcontrollers:
        progress("building firmware")
        installed.mcus = microcontrollers.prepare(scenario.microcontrollers)
        for prepared in installed.mcus.values():
            installed.versions[f"mcu {prepared.choice.name}"] = prepared.choice.identity
        installed.versions |= {f"firmware {name}": each.firmware.digest for name, each in installed.mcus.items()}
    return installed


def build(
    scenario: Scenario,
    installed: Installation,
    record: RunRecord,
    logs: Path,
    cold: bool,
    progress: Callable[[str], None],
    hear: Callable[[str, Mapping[str, Any]], None],
    hold: contextlib.ExitStack,
) -> System:
    """Bring all of a scenario to its ready point, with every service loaded.

    Parameters:
        scenario: what to build.
        installed: what it needs of this computer.
        record: takes what there is to say of partitions, devices and channels.
        logs: folder for consoles.
        cold: boot guests even where snapshots exist.
        progress: told what happens, in words.
        hear: told (partition, message) what the agents of Linux guests say.
        hold: ends and releases everything when it is closed.

    Raises:
        ParticipantFailed: a guest does not boot, or a service does not load.
        EnvironmentLacks: a backend cannot do what is needed.
    """
    legs = legs_of(scenario)
    channels = {leg.name: _channel(scenario, leg, record, hold) for leg in legs}
    regions = {name: _regions(scenario, name, legs, channels) for name in scenario.partitions}
    guests = {}
    if installed.linux and scenario.time.mode == "realtime":
        guests = realtime.bring_up(scenario, regions, installed.linux, record, logs, cold, progress, hear, hold)
    elif installed.linux:
        guests = linux.bring_up(
            scenario.served_guests, regions, installed.linux, record, logs, cold, progress, hear, hold
        )
    if guests:
        progress("loading services")
        linux.begin_arming(scenario, guests)
    mcus = microcontrollers.bring_up(
        scenario, scenario.microcontrollers, installed.mcus, regions, record, logs, progress, hold
    )
    # Only now may anything be written to a channel: regions are part of a snapshot, and restoring one overwrites them.
    devices: dict[str, NativeDevice] = {name: _device(scenario, name, channels, record) for name in scenario.devices}
    devices |= make_links(scenario, legs, channels, record)
    linux.arm(guests)
    own = {name: scenario.linux_guests[name] for name in installed.software}
    booting = software.bring_up(own, installed.software, record, logs, progress, hold)
    everyone: dict[str, Node] = {**guests, **booting, **mcus}
    record.partitions = {name: record.partitions[name] for name in scenario.partitions}
    revival = Revival(scenario, installed, regions, logs, hear, hold)
    return System({name: everyone[name] for name in scenario.partitions}, devices, channels, revival)


def _channel(scenario: Scenario, leg: Leg, record: RunRecord, hold: contextlib.ExitStack) -> Channel:
    described = scenario.channels[leg.channel]
    layout = Layout(described.depth, described.payload_bytes)
    region = hold.enter_context(contextlib.closing(SharedRegion(leg.name, layout.mapping_bytes)))
    record.channels[leg.name] = ChannelRecord(
        source=leg.shown[0],
        target=leg.shown[1],
        dtype=described.tensor.dtype,
        shape=described.tensor.shape,
        depth=described.depth,
        overflow=described.overflow,
        region_bytes=layout.region_bytes,
    )
    kind = FreeChannel if scenario.time.mode == "realtime" else Channel
    return kind(leg.name, region, layout, leg.source, leg.target, record.channels[leg.name])


def _regions(scenario: Scenario, node: str, legs: Sequence[Leg], channels: Mapping[str, Channel]) -> list[SharedRegion]:
    """Return the memory of a node's channel ends in the order of their vectors."""
    regions = []
    for end in channel_ends(scenario, node):
        producer = end.role == "producer"
        own = (leg for leg in legs if leg.channel == end.channel)
        leg = next(leg for leg in own if (leg.source if producer else leg.target) == (node, end.vector))
        regions.append(channels[leg.name].region)
    return regions


def _device(scenario: Scenario, name: str, channels: Mapping[str, Channel], record: RunRecord) -> NativeDevice:
    device = make_device(name, scenario.devices[name], scenario.seed)
    for end in channel_ends(scenario, name):
        described, channel = scenario.channels[end.channel], channels[end.channel]
        memory, layout = channel.region.view, channel.layout
        if end.role == "producer":
            producer = Producer(memory, layout, overflow=described.overflow, clock=device.clock)
            device.attach(end.vector, producer, described.source.port or "")
        else:
            tensor = described.tensor
            spec = TensorSpec(tensor.dtype, tensor.shape, tensor.scale, tensor.zero_point)
            consumer = Consumer(memory, layout, spec=spec, clock=device.clock)
            device.attach(end.vector, consumer, described.target.port or "")
    record.devices[name] = DeviceRecord(scenario.devices[name].kind, scenario.devices[name].summary)
    return device
