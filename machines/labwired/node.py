"""The process of one node: labwired with the firmware in it, run as the simulator orders.

It is a process of its own because labwired holds the interpreter's lock while it emulates and does not bear a second
thread. ``python -m machines.labwired.node`` with the words of `Setup.arguments`.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import socket
import struct
import sys

from labwired import Sim

from machines.labwired.image import stored_file
from machines.labwired.protocol import FAILED, FAILURE, LARGEST_PACKET, ORDER, REPORT, STANDS, Setup
from machines.mcu.mirror import Mirror

# Words of the control page, see machines/mcu/control.py.
_BASE_NS = 0x008
_CHANNEL_COUNT = 0x02C
_IN_COUNT = 0x040
_IDLE = 0x10C
_WAKE_NS = 0x110
_SLEPT_COUNT = 0x144
_MOST_CHANNELS = 32

# Emulating a sleeping core costs as much as a busy one, so the emulator is stopped after each slice to look whether the
# firmware sleeps. That costs as much as 10 to 50 instructions. What is emulated in vain is less than the last slice, so
# slices grow with what was executed; they depend on nothing else, so a run is the same every time.
_FIRST_SLICE = 256
_LARGEST_SLICE = 1 << 16
_SLICE_PART = 4  # a slice is that part of what was executed so far, within these limits


class EmulatedMemory:
    """The window in the emulator's memory.

    Parameters:
        sim: the emulator.
        address: of the window.
    """

    def __init__(self, sim: Sim, address: int) -> None:
        self._sim = sim
        self._address = address

    def read(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset` on."""
        data: bytes = self._sim.read_memory(self._address + offset, size)
        return data

    def write(self, offset: int, data: bytes) -> None:
        """Write whole words."""
        address = self._address + offset
        for (word,) in struct.iter_unpack("<I", data):
            self._sim.write_u32(address, word)
            address += 4

    def word(self, offset: int) -> int:
        """Return one word."""
        value: int = self._sim.read_u32(self._address + offset)
        return value


class Sleep:
    """Tells whether the firmware sleeps and knows of everything that it was rung for.

    Parameters:
        page: the control page as the host has it.
        memory: the window in the emulator.
    """

    def __init__(self, page: memoryview, memory: EmulatedMemory) -> None:
        self._page = page
        self._memory = memory
        self._base_ns = self._rung = 0

    def resume(self) -> None:
        """Note what the host wrote for this run."""
        (self._base_ns,) = struct.unpack_from("<Q", self._page, _BASE_NS)
        (channels,) = struct.unpack_from("<I", self._page, _CHANNEL_COUNT)
        counts = struct.unpack_from(f"<{_MOST_CHANNELS}I", self._page, _IN_COUNT)
        self._rung = sum(counts[:channels]) & 0xFFFFFFFF

    @property
    def lasts(self) -> bool:
        """Whether nothing but the host or a later time will wake it.

        A firmware that polls may just not have looked since it was rung: so it tells for which sum of `in_count` it
        went to sleep.
        """
        word = self._memory.word
        if not word(_IDLE) or word(_SLEPT_COUNT) != self._rung:
            return False
        wake_ns = word(_WAKE_NS) | word(_WAKE_NS + 4) << 32
        return not 0 < wake_ns <= self._base_ns


class Node:
    """Emulates one microcontroller.

    Parameters:
        setup: all about it.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._sim = Sim(stored_file(setup.elf), system=setup.system)
        memory = EmulatedMemory(self._sim, setup.window)
        views = [memoryview(mmap.mmap(region.fd, region.size)) for region in setup.regions]
        offsets = [region.offset for region in setup.regions]
        self._mirror = Mirror(memory, list(zip(offsets, views, strict=True)))
        self._sleep = Sleep(views[0], memory)

    def run(self, instructions: int, rung: bool) -> bytes:
        """Execute that many instructions, or fewer if the firmware falls asleep; return the packet that says so."""
        self._mirror.push()
        self._sleep.resume()
        if rung and self._setup.doorbell_address:
            self._sim.write_u32(self._setup.doorbell_address, self._setup.doorbell_value)
        start, failure = self._sim.cycles, ""
        try:
            failure = self._advance(start + instructions)
        except RuntimeError as error:  # the emulator cannot go on
            failure = f"its firmware stopped labwired: {error}"
        self._mirror.pull()
        with contextlib.suppress(OSError):  # a console at its limit stays as it is, and the firmware runs on
            os.write(self._setup.console_fd, self._sim.read_uart_bytes())
        if failure:
            return _failure(failure)
        return REPORT.pack(STANDS, self._sim.cycles - start, self._counter(), self._sleep.lasts)

    def _advance(self, until: int) -> str:
        """Emulate slice after slice up to this cycle; return why it cannot go on, or nothing."""
        start = now = self._sim.cycles
        while now < until:
            slice_ = min(max(_FIRST_SLICE, (now - start) // _SLICE_PART), _LARGEST_SLICE, until - now)
            stop = self._sim.run_for(f"{slice_}ns")  # the chips' clock is 1 GHz: a nanosecond is an instruction
            if stop.kind != "reached":
                where = "" if stop.pc is None else f" at {stop.pc:#010x}"
                return f"its firmware stopped for a debugger{where}"
            now = self._sim.cycles
            if self._sleep.lasts:
                break
            if os.getppid() != self._setup.parent_pid:
                sys.exit()
        return ""

    def _counter(self) -> int:
        """Return the firmware's counter of instructions; one of 32 bits may have started later than the emulator."""
        cycles: int = self._sim.cycles
        if not self._setup.counter:
            return cycles
        low: int = self._sim.read_u32(self._setup.counter)
        return cycles - (cycles - low & 0xFFFFFFFF)


def _failure(text: str) -> bytes:
    return FAILURE.pack(FAILED) + " ".join(text.split()).encode()[: LARGEST_PACKET - FAILURE.size]


def serve(setup: Setup) -> None:
    """Do what comes over the socket until its other end is closed."""
    orders = socket.socket(fileno=setup.socket_fd)
    try:
        node = Node(setup)
    except (ValueError, RuntimeError, OSError) as error:
        orders.send(_failure(f"labwired does not start with its firmware: {error}"))
        return
    orders.send(REPORT.pack(STANDS, 0, 0, 0))
    while packet := orders.recv(ORDER.size):
        instructions, rung = ORDER.unpack(packet)
        orders.send(node.run(instructions, bool(rung)))


if __name__ == "__main__":
    serve(Setup.parse(sys.argv[1:]))
