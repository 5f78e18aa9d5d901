"""The microcontrollers of a scenario: firmware built, backend chosen, powered on."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from guests.mcu.build import build
from machines.mcu import backends
from machines.mcu.backends import Choice
from machines.mcu.control import PAGE_BYTES, WHOLE_INFERENCE, ChannelEntry, ControlPage
from machines.mcu.cores import CORES
from machines.mcu.firmware import Firmware, load
from machines.mcu.node import McuNode
from machines.mcu.window import Window, arrange, needed_bytes
from machines.memory import SharedRegion
from machines.qemu import debugger
from machines.qemu.mcu import QemuMcu
from sim.host.ends import channel_ends
from sim.report.record import InferenceRecord, McuRecord, PartitionRecord, RunRecord
from sim.scenario.files import File
from sim.scenario.model import McuPartition, Scenario
from virtio_shm import Layout
from virtio_shm.interface import OVERFLOW


@dataclass(frozen=True)
class Prepared:
    """A microcontroller before its memory is there.

    Attributes:
        choice: who runs it.
        firmware: what it runs.
    """

    choice: Choice
    firmware: Firmware


def prepare(partitions: Mapping[str, McuPartition]) -> dict[str, Prepared]:
    """Choose a backend for each microcontroller and build its firmware.

    Raises:
        EnvironmentLacks: no backend or compiler.
        FirmwareError: the firmware does not compile or fit.
    """
    choices = [backends.choose(partition.board, partition.backend) for partition in partitions.values()]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as compilers:
        firmware = compilers.map(_firmware, partitions.values(), choices)
        return dict(zip(partitions, map(Prepared, choices, firmware), strict=True))


def _firmware(partition: McuPartition, choice: Choice) -> Firmware:
    if partition.firmware is not None:
        return load(partition.firmware.path, partition.board, choice.name)
    service = next(iter(partition.services.values()))
    model = service.settings.get("model")
    numbers = {name: value for name, value in service.settings.items() if name != "model"}
    return build(
        partition.board,
        choice.name,
        service.source.path,
        numbers,
        model.path if isinstance(model, File) else None,
    )


def bring_up(
    scenario: Scenario,
    partitions: Mapping[str, McuPartition],
    prepared: Mapping[str, Prepared],
    regions: Mapping[str, list[SharedRegion]],
    record: RunRecord,
    logs: Path,
    progress: Callable[[str], None],
    hold: contextlib.ExitStack,
) -> dict[str, McuNode]:
    """Power microcontrollers on; they stand still before their first instruction.

    Parameters:
        scenario: what they are part of.
        partitions: by name.
        prepared: what `prepare` made of them.
        regions: memory of the channel ends of each, in the order of their vectors.
        record: takes what there is to say of them.
        logs: folder for consoles.
        progress: told what happens, in words.
        hold: powers them off when it is closed.

    Raises:
        ParticipantFailed: one does not start.
        EnvironmentLacks: a backend cannot do what is needed.
        WindowError: the channels do not fit into the window.
    """
    nodes: dict[str, McuNode] = {}
    for name, partition in partitions.items():
        began = time.monotonic()
        control = hold.enter_context(contextlib.closing(SharedRegion(f"{name}-control", PAGE_BYTES)))
        node = nodes[name] = _node(scenario, name, prepared[name], control, regions[name], logs)
        hold.callback(node.stop)
        debugger.announce(name, partition.gdb, progress)
        node.launch()
        window_bytes = needed_bytes([region.size for region in regions[name]])
        record.partitions[name] = _record(partition, prepared[name], window_bytes, node, time.monotonic() - began)
    return nodes


def revive(
    scenario: Scenario,
    name: str,
    prepared: Prepared,
    regions: list[SharedRegion],
    logs: Path,
    at_ns: int,
    hold: contextlib.ExitStack,
) -> McuNode:
    """Power one microcontroller on again within a run.

    Parameters:
        scenario: what it is part of.
        name: the partition.
        prepared: backend and firmware.
        regions: memory of its channel ends; what is in them stays.
        logs: folder for its console.
        at_ns: time of the run.
        hold: releases its control page when it is closed.

    Raises:
        ParticipantFailed: it does not start.
    """
    control = hold.enter_context(contextlib.closing(SharedRegion(f"{name}-control", PAGE_BYTES)))
    node = _node(scenario, name, prepared, control, regions, logs)
    node.launch()
    node.start(at_ns)
    return node


def _node(
    scenario: Scenario, name: str, prepared: Prepared, control: SharedRegion, regions: list[SharedRegion], logs: Path
) -> McuNode:
    partition = scenario.microcontrollers[name]
    choice, firmware = prepared.choice, prepared.firmware
    window = arrange(name, choice.entry.window, control, regions)
    machine = backends.module(choice.name).make(name, choice.entry, firmware.elf, window, partition.speed_mips, logs)
    if isinstance(machine, QemuMcu):  # a check has seen to it that there is a debugger for no other one
        machine.gdb_port = partition.gdb
    return McuNode(
        name,
        machine,
        ControlPage(control),
        _entries(scenario, name, window),
        partition.speed_mips,
        scenario.time.quantum_ns,
        scenario.seed,
        partition.watchdog_ns,
        firmware.symbol,
    )


def _entries(scenario: Scenario, node: str, window: Window) -> list[ChannelEntry]:
    entries = []
    for end, piece in zip(channel_ends(scenario, node), window.channels, strict=True):
        channel = scenario.channels[end.channel]
        layout = Layout(channel.depth, channel.payload_bytes)
        producer = end.role == "producer"
        entries.append(
            ChannelEntry(
                port=(channel.source if producer else channel.target).port or "",
                producer=producer,
                offset=piece.offset,
                region_bytes=layout.region_bytes,
                depth=layout.depth,
                payload_bytes=layout.payload_bytes,
                overflow=OVERFLOW[channel.overflow],
            )
        )
    return entries


def _record(
    partition: McuPartition, prepared: Prepared, window_bytes: int, node: McuNode, started_s: float
) -> PartitionRecord:
    board, firmware = partition.board, prepared.firmware
    return PartitionRecord(
        machine=partition.machine,
        backend=prepared.choice.name,
        memory_bytes=board.ram_bytes,
        mips=float(partition.speed_mips),
        services=list(partition.service_names),
        boot="power-on",
        restore_s=started_s,
        console=node.machine.console,
        mcu=McuRecord(
            core=CORES[board.core].title,
            board_mips=board.mips,
            backend_note=prepared.choice.note,
            firmware=firmware.digest,
            flash_bytes=firmware.flash_bytes,
            ram_bytes=firmware.ram_bytes,
            board_flash_bytes=board.flash_bytes,
            board_ram_bytes=board.ram_bytes,
            window_bytes=window_bytes,
        ),
    )


def conclude(node: McuNode, record: McuRecord) -> None:
    """Note at the end of a run what the firmware said of its memory and its inferences."""
    status = node.status
    if status.ready:
        record.stack_bytes, record.stack_high_water = status.stack_bytes, status.stack_high_water
        record.arena_bytes, record.arena_high_water = status.arena_bytes, status.arena_high_water
    record.inferences = [
        InferenceRecord(entry.start_ns, entry.end_ns, entry.instructions, entry.origin_sequence)
        for entry in node.inferences
        if entry.layer == WHOLE_INFERENCE
    ]
    record.lost_inferences = node.lost_inferences
