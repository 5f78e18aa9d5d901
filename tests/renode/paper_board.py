"""Reads the platform files that we write, as strictly as Renode does, and is the memory that they describe.

It executes no instructions: `run` does what a firmware does to the window that copies each doorbell and adds one to a
word of each channel.
"""

from __future__ import annotations

import mmap
import re
import struct
import uuid
from pathlib import Path

PAGE_BYTES = 0x400
ALIGNMENT = 0x1000

CONSTRUCTORS = {
    "IRQControllers.NVIC": {"systickFrequency", "priorityMask", "haltSystickOnDeepSleep"},
    "CPU.CortexM": {"cpuType", "nvic"},
    "CPU.RiscV32": {"cpuType", "timeProvider", "hartId", "privilegedArchitecture"},
    "CPU.Xtensa": {"cpuType", "frequency"},
    "Miscellaneous.DWT": {"frequency"},
    "Memory.MappedMemory": {"size", "segmentSize", "sharedMemoryFileRoot"},
    "UART.CMSDK_APB_UART": {"frequency"},
    "UART.ESP32_UART": set(),
    "UART.NRF52840_UART": {"easyDMA"},
    "UART.STM32F7_USART": {"frequency"},
    "UART.TrivialUart": set(),
}
"""What constructors take; an attribute that begins with a capital letter is a property instead."""
PROPERTIES = {"PerformanceInMips"}
NEWER = {"UART.ESP32_UART": "1.16", "sharedMemoryFileRoot": "1.16"}
CPU_TYPES = {"cortex-m3", "cortex-m4f", "cortex-m7", "esp32", "esp32s3", "rv32imc_zicsr_zifencei"}

_DEVICE = re.compile(r"(\w+): ([\w.]+) @ sysbus(?: (0x[0-9A-F]+))?")
_ATTRIBUTE = re.compile(r"    (\w+): (\S+|\"[^\"]*\")")


class Refusal(Exception):
    """Renode prints this."""


class Memory:
    """One range of memory; its first segment may be a file."""

    def __init__(self, address: int, attributes: dict[str, str]) -> None:
        self.address = address
        self.size = int(attributes["size"], 0)
        if self.size % PAGE_BYTES:
            raise Refusal(f"Error E39: the size has to be aligned to guest page size {PAGE_BYTES:#x}")
        self.segment = int(attributes.get("segmentSize", attributes["size"]), 0)
        self.root = attributes.get("sharedMemoryFileRoot", "").strip('"')
        if self.root and not Path(self.root).is_dir():
            raise Refusal(f"Error E25: Requested sharedMemoryFileRoot path {self.root} doesn't exist")
        self.path: Path | None = None
        self.bytes: memoryview = memoryview(bytearray(self.size))

    def touch(self) -> None:
        """Make the file of the first segment."""
        if self.path is None and self.root:
            self.path = Path(self.root, f"renode-sharedSegment-{uuid.uuid4()}")
            with self.path.open("x+b") as file:
                file.truncate(self.segment + ALIGNMENT)
                self.bytes = memoryview(mmap.mmap(file.fileno(), 0))[ALIGNMENT:]


class Board:
    """A machine made from a platform description."""

    def __init__(self, name: str, version: str) -> None:
        self.name = name
        self.version = version
        self.time_us = 0
        self.memories: dict[str, Memory] = {}
        self.devices: dict[str, str] = {}
        self.registers: dict[int, int] = {}
        self.interrupts = 0
        self.console: Path | None = None
        self.started_at: int | None = None

    # -- platform --------------------------------------------------------------------------------------------------

    def load(self, text: str) -> None:
        """Add what a platform description lists."""
        for entry in text.strip().split("\n\n"):
            first, *rest = entry.rstrip().split("\n")
            head = _DEVICE.fullmatch(first)
            if head is None:
                raise Refusal(f"Error E05: Syntax error: {first}")
            self._add(head[1], head[2], head[3], [line for line in rest if "->" not in line])

    def _add(self, name: str, kind: str, address: str | None, lines: list[str]) -> None:
        attributes = {}
        for line in lines:
            match = _ATTRIBUTE.fullmatch(line)
            if match is None:
                raise Refusal(f"Error E05: Syntax error: {line}")
            attributes[match[1]] = match[2]
        if kind not in CONSTRUCTORS or self.version < NEWER.get(kind, ""):
            raise Refusal(f"Error E04: Could not resolve type: '{kind}'")
        unknown = {key for key in attributes if key not in CONSTRUCTORS[kind] and key not in PROPERTIES}
        unknown |= {key for key in attributes if self.version < NEWER.get(key, "")}
        if unknown:
            raise Refusal(f"Error E25: Could not find suitable constructor; unused attributes: {', '.join(unknown)}")
        if kind.startswith("CPU.") and attributes["cpuType"].strip('"') not in CPU_TYPES:
            raise Refusal(f"Error E25: {attributes['cpuType']} is no CPU")
        self.devices[name] = kind
        if kind == "Memory.MappedMemory":
            assert address is not None
            self.memories[name] = Memory(int(address, 16), attributes)

    def load_elf(self, data: bytes) -> None:
        """Copy the segments of a 32-bit ELF file to their load addresses."""
        if data[:5] != b"\x7fELF\x01":
            raise Refusal("Error while loading ELF: Could not load ELF from path")
        offset, count = struct.unpack_from("<I", data, 28)[0], struct.unpack_from("<H", data, 44)[0]
        for number in range(count):
            kind, at, _, load, size = struct.unpack_from("<5I", data, offset + 32 * number)
            if kind == 1:
                self.write(load, data[at : at + size])

    # -- bus -------------------------------------------------------------------------------------------------------

    def _place(self, address: int, size: int) -> memoryview | None:
        for memory in self.memories.values():
            if memory.address <= address and address + size <= memory.address + memory.size:
                memory.touch()
                return memory.bytes[address - memory.address :]
        return None

    def read(self, address: int, size: int) -> bytes:
        """Read from the bus; nothing is there: zeros."""
        place = self._place(address, size)
        if place is not None:
            return bytes(place[:size])
        return self.registers.get(address, 0).to_bytes(4, "little")[:size].ljust(size, b"\0")

    def write(self, address: int, data: bytes) -> None:
        """Write to the bus: memory, or registers word by word."""
        place = self._place(address, len(data))
        if place is not None:
            place[: len(data)] = data
            return
        for number, (word,) in enumerate(struct.iter_unpack("<I", data)):
            self.registers[address + 4 * number] = word

    # -- firmware --------------------------------------------------------------------------------------------------

    def run(self, duration_us: int) -> None:
        """Let time pass, and the stand-in of a firmware use the window once."""
        self.time_us += duration_us
        window = self._place(self.memories["window"].address, 4096)
        assert window is not None
        for register in [key for key in self.registers if 0xE000E200 <= key < 0xE000E240]:
            self.interrupts += self.registers.pop(register).bit_count()
        (heartbeat,) = struct.unpack_from("<I", window, 0x118)
        struct.pack_into("<4IQI", window, 0x100, 0x4B4F5746, 1, 2, 1, 0, heartbeat + 1)
        # stack and arena words carry what only this machine knows: interrupts taken, time, and the counter's switch
        counter = self.registers.get(0xE0001000, 0)
        struct.pack_into("<4I", window, 0x130, self.interrupts, self.time_us & 0xFFFFFFFF, counter, duration_us)
        window[0x180:0x200] = window[0x40:0xC0]
        (count,) = struct.unpack_from("<I", window, 0x2C)
        for vector in range(count):
            (offset,) = struct.unpack_from("<I", window, 0x200 + 48 * vector + 20)
            place = self._place(self.memories["window"].address + offset, 4096)
            assert place is not None
            (asked,) = struct.unpack_from("<I", place, 64)
            struct.pack_into("<I", place, 128, asked + 1)
        if self.console is not None:
            with self.console.open("a") as console:
                console.write(f"ran {duration_us}\n")
