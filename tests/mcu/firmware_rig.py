"""A microcontroller between the two ends of its channels, without a scenario around it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from guests.mcu.build import build
from machines import boards
from machines.boards import McuBoard
from machines.mcu import backends
from machines.mcu.control import PAGE_BYTES, ChannelEntry, ControlPage
from machines.mcu.firmware import Firmware
from machines.mcu.node import McuNode
from machines.mcu.window import arrange
from machines.memory import SharedRegion
from virtio_shm import Consumer, Layout, Producer, TensorSpec
from virtio_shm.interface import OVERFLOW

MS = 1_000_000
SERVICES = Path(__file__).parents[2] / "guests" / "mcu" / "services"
BROKEN = Path(__file__).parent / "services"


def board_named(name: str) -> McuBoard:
    """Return the profile of a microcontroller board."""
    found = boards.load(name)
    assert isinstance(found, McuBoard)
    return found


class Wire(NamedTuple):
    """One channel; `port` and `sends` are the firmware's."""

    port: str
    sends: bool
    spec: TensorSpec
    overflow: str = "block"
    depth: int = 4


class Rig:
    """Powers a board on and is the other end of each of its channels.

    Parameters:
        board: profile name.
        source: service in C.
        wires: channels by name.
        logs: folder for the console.
        settings: of the service.
        backend: of the board.
    """

    def __init__(
        self,
        board: str,
        source: Path,
        wires: Mapping[str, Wire],
        logs: Path,
        settings: Mapping[str, int] | None = None,
        backend: str = "qemu",
    ) -> None:
        profile = board_named(board)
        entry = profile.backends[backend]
        self.now_ns = 0
        self.firmware: Firmware = build(profile, backend, source, settings or {})
        self.ends: dict[str, Producer | Consumer] = {}
        self._names = list(wires)
        self._rung: set[int] = set()
        layouts = [Layout.for_tensor(wire.spec, wire.depth) for wire in wires.values()]
        self._control = SharedRegion("control", PAGE_BYTES)
        self._regions = [SharedRegion(f"wire{n}", layout.mapping_bytes) for n, layout in enumerate(layouts)]
        window = arrange(board, entry.window, self._control, self._regions)
        entries = []
        for name, layout, piece in zip(wires, layouts, window.channels, strict=True):
            wire, overflow = wires[name], OVERFLOW[wires[name].overflow]
            geometry = (piece.offset, layout.region_bytes, layout.depth, layout.payload_bytes, overflow)
            entries.append(ChannelEntry(wire.port, wire.sends, *geometry))
            self.ends[name] = self._end(wire, piece.region, layout)
        self.page = ControlPage(self._control)
        speed = profile.speed_mips
        machine = backends.module(backend).make(board, entry, self.firmware.elf, window, speed, logs)
        self.node = McuNode(board, machine, self.page, entries, speed, MS, 1, 1000 * MS, self.firmware.symbol)

    def _end(self, wire: Wire, region: SharedRegion, layout: Layout) -> Producer | Consumer:
        def clock() -> int:
            return self.now_ns

        if wire.sends:
            return Consumer(region.map, layout, spec=wire.spec, clock=clock)
        return Producer(region.map, layout, overflow=wire.overflow, clock=clock)

    def __enter__(self) -> Rig:
        self.node.launch()
        self.node.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.node.machine.close()
        for region in (self._control, *self._regions):
            region.close()

    @property
    def console(self) -> str:
        """What the firmware wrote so far."""
        return self.node.machine.console.read_text()

    def run(self, milliseconds: int) -> None:
        """Let it run in quanta of 1 ms."""
        for _ in range(milliseconds):
            self._rung |= {n for n, name in enumerate(self._names) if self.ends[name].announce()}
            if self._rung:
                self.node.deliver(sorted(self._rung))
                self._rung.clear()
            self.node.grant(self.now_ns + MS)
            self.node.settle()
            self.now_ns += MS
            self.node.collect()
            for end in self.ends.values():
                end.poll_ready()

    def send(self, name: str, tensor: np.ndarray) -> bool:
        """Send a tensor to the firmware; False: there is no room."""
        end = self.ends[name]
        assert isinstance(end, Producer)
        slot = end.reserve(TensorSpec(str(tensor.dtype), tensor.shape))
        if slot is None:
            return False
        slot[...] = tensor
        if end.commit():
            self._rung.add(self._names.index(name))
        return True

    def receive(self, name: str) -> list[np.ndarray]:
        """Take all that the firmware sent since the last call."""
        end, tensors = self.ends[name], []
        assert isinstance(end, Consumer)
        while (frame := end.take()) is not None:
            tensors.append(frame.array.copy())
            if end.give_back(frame):
                self._rung.add(self._names.index(name))
        return tensors
