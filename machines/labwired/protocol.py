"""What a node's process is told at its start, and what it and the simulator say to each other.

Imports next to nothing: it runs in a process that has to start fast.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

ORDER = struct.Struct("<QQ")
"""Simulator to process: run this many instructions; 1: pend the doorbell interrupt first."""

REPORT = struct.Struct("<QQQQ")
"""Process to simulator: `STANDS`, instructions executed by this order, the firmware's counter, 1: it sleeps."""

FAILURE = struct.Struct("<Q")
"""Process to simulator: `FAILED`, and one line of UTF-8 behind it; nothing follows."""

STANDS, FAILED = 1, 2
LARGEST_PACKET = 4096


class Region(NamedTuple):
    """One shared region: where it begins in the window, its size in bytes, and its descriptor."""

    offset: int
    size: int
    fd: int


class Setup(NamedTuple):
    """Everything that a node's process needs.

    Attributes:
        elf: the firmware.
        system: labwired's description of the machine.
        parent_pid: who started it; it ends when that is no longer its parent.
        socket_fd: where orders come from.
        console_fd: takes what the firmware writes to its UART.
        window: address of the window.
        doorbell_address, doorbell_value: what to write where to pend the doorbell interrupt; 0, 0 if the board polls.
        counter: address of a counter that the firmware uses, of 32 bits; 0: it uses the core's, which counts what the
            emulator counts.
        regions: of the window, the control page first.
    """

    elf: str
    system: str
    parent_pid: int
    socket_fd: int
    console_fd: int
    window: int
    doorbell_address: int
    doorbell_value: int
    counter: int
    regions: tuple[Region, ...]

    def arguments(self) -> list[str]:
        """Return it as words of a command line."""
        regions = (f"{region.offset},{region.size},{region.fd}" for region in self.regions)
        return [*map(str, self[:-1]), *regions]

    @staticmethod
    def parse(words: Sequence[str]) -> Setup:
        """Return what `arguments` was made of."""
        elf, system = words[:2]
        parent, socket, console, window, address, value, counter = map(int, words[2:9])
        regions = tuple(Region(*map(int, word.split(","))) for word in words[9:])
        return Setup(elf, system, parent, socket, console, window, address, value, counter, regions)
