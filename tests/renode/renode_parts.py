"""What the tests of the Renode backend have in common: a program called renode, boards, windows, an ELF file."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

from machines.boards import Console, Doorbell, McuBackend, Span
from machines.mcu.control import ChannelEntry, ControlPage
from machines.mcu.window import Window, arrange
from machines.memory import SharedRegion

FAKE = Path(__file__).with_name("fake_renode.py")

CORTEX_M4 = McuBackend(
    machine="cortex-m4f",
    layer="mps2",
    code=Span(address=0, bytes=0x400000),
    data=Span(address=0x20000000, bytes=0x400000),
    window=Span(address=0x21000000, bytes=0x1000000),
    doorbell=Doorbell(kind="nvic", irq=37),
    console=Console(uart="cmsdk", address=0x40004000),
)
ESP32 = McuBackend(
    machine="esp32",
    layer="esp32",
    code=Span(address=0x400D0000, bytes=0x330000),
    data=Span(address=0x3FFB0000, bytes=0x50000),
    window=Span(address=0x3F800000, bytes=0x400000),
    doorbell=Doorbell(kind="poll"),
    console=Console(uart="esp32", address=0x3FF40000),
)
ESP32C3 = McuBackend(
    machine="rv32imc_zicsr_zifencei",
    layer="esp32",
    code=Span(address=0x42000000, bytes=0x400000),
    data=Span(address=0x3FC80000, bytes=0x60000),
    window=Span(address=0x3D000000, bytes=0x400000),
    doorbell=Doorbell(kind="poll"),
    console=Console(uart="esp32", address=0x60000000),
)


def install(folder: Path, version: str = "1.16.1", trick: str = "none") -> Path:
    """Make a program called renode, a shell script that starts another process, as it is in most packages."""
    program = folder / "renode"
    program.write_text(f'#!/bin/sh\n"{sys.executable}" -I "{FAKE}" {version} {trick} "$@"\nexit $?\n')
    program.chmod(0o755)
    return program


def write_elf(path: Path, address: int, entry: int, content: bytes) -> Path:
    """Write a 32-bit ELF file with one loadable segment."""
    head = b"\x7fELF\x01\x01\x01".ljust(16, b"\0")
    head += struct.pack("<HHIIIIIHHHHHH", 2, 40, 1, entry, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    segment = struct.pack("<8I", 1, 84, address, address, len(content), len(content), 5, 4)
    path.write_bytes(head + segment + content)
    return path


def make_window(entry: McuBackend, channels: int = 2) -> Window:
    """Return a window with a control page that is introduced, and channel regions."""
    control = SharedRegion("control", 4096)
    regions = [SharedRegion(f"channel{number}", 8192 + 4096 * number) for number in range(channels)]
    window = arrange("safety", entry.window, control, regions)
    ends = [
        ChannelEntry(f"port{number}", bool(number % 2), piece.offset, piece.region.size, 4, 256, 0)
        for number, piece in enumerate(window.channels)
    ]
    ControlPage(control).introduce(ends, (32, 1), in_memory=False, seed=7, quantum_ns=1_000_000)
    return window
