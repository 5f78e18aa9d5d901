"""The Linux guests of a run in real time: what executes them, and the doorbells between them."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from machines.memory import SharedRegion
from machines.qemu.command import Execution, GuestMachine
from machines.qemu.guest import LinuxGuest
from machines.qemu.ivshmem import Direct
from machines.qemu.realtime import accelerator
from machines.qemu.realtime.guest import FreeGuest
from machines.qemu.realtime.machine import FreeMachine
from machines.qemu.vm import Installation
from sim.host import linux
from sim.report.record import RunRecord
from sim.scenario.model import LinuxPartition, Scenario

_FIRST_VECTOR = 1


class FreeMachines:
    """Makes the machines of a run's Linux guests.

    Where both ends of a channel are Linux guests, they have their eventfds in common, so that a doorbell of one is an
    interrupt of the other without anybody between.

    Parameters:
        regions: memory of the channel ends of each guest, in the order of their index.
        executions: `tcg` or `kvm`, by architecture.
        hold: closes the eventfds when it is closed.
    """

    def __init__(
        self, regions: Mapping[str, Sequence[SharedRegion]], executions: Mapping[str, Execution], hold: ExitStack
    ) -> None:
        self._executions = executions
        ends: dict[int, list[tuple[str, int]]] = defaultdict(list)
        for name, own in regions.items():
            for index, region in enumerate(own):
                ends[id(region)].append((name, _FIRST_VECTOR + index))
        self._direct: dict[str, dict[int, Direct]] = defaultdict(dict)
        for one, other in (pair for pair in ends.values() if len(pair) == 2):
            there, back = (os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK) for _ in "ab")
            hold.callback(os.close, there)
            hold.callback(os.close, back)
            self._direct[one[0]][one[1]] = Direct(there, back)
            self._direct[other[0]][other[1]] = Direct(back, there)

    def make(
        self,
        name: str,
        partition: LinuxPartition,
        regions: list[SharedRegion],
        installed: Installation,
        logs: Path,
    ) -> FreeMachine:
        """Return the machine of one guest, not launched yet."""
        sizes = tuple(region.size for region in regions)
        board = partition.board
        machine = GuestMachine(
            board.cpu, partition.memory_bytes, 0, sizes, self._executions[board.architecture], board.architecture,
            partition.vcpus,
        )  # fmt: skip
        return FreeMachine(name, machine, installed, regions, logs, self._direct[name])


def bring_up(
    scenario: Scenario,
    regions: Mapping[str, list[SharedRegion]],
    installed: Mapping[str, Installation],
    record: RunRecord,
    logs: Path,
    cold: bool,
    progress: Callable[[str], None],
    hear: Callable[[str, Mapping[str, Any]], None],
    hold: ExitStack,
) -> dict[str, LinuxGuest]:
    """Bring guests to their ready point, where they run free; parameters as of `sim.host.linux.bring_up`."""
    executions: dict[str, Execution] = {}
    for architecture, each in installed.items():
        executions[architecture], reason = accelerator.choose(each.binary, architecture)
        what = (
            "run on the processor itself (KVM)" if executions[architecture] == "kvm" else f"are translated ({reason})"
        )
        record.notes.append(f"real time: {architecture} guests {what}, as fast as can be, whatever their `speed`")
    own = {name: regions[name] for name in scenario.served_guests}
    machines = FreeMachines(own, executions, hold)
    return linux.bring_up(
        scenario.served_guests, own, installed, record, logs, cold, progress, hear, hold, machines.make, FreeGuest
    )
