"""Builds tiny.c for a board."""

from __future__ import annotations

import struct
import subprocess
from fractions import Fraction
from pathlib import Path

from machines import boards
from machines.boards import McuBackend, McuBoard
from machines.labwired.mcu import LabwiredMcu, make
from machines.mcu.control import ChannelEntry, ControlPage
from machines.mcu.cores import CORES
from machines.mcu.machine import Standing
from machines.mcu.window import arrange
from machines.memory import SharedRegion

SCRIPT = """ENTRY({entry})
SECTIONS {{ . = {code:#x}; .text : {{ KEEP(*(.start)) *(.literal* .text* .rodata*) }}
. = {data:#x}; .data : {{ *(.data* .bss* COMMON) }} }}
"""
CONSOLES = {"esp32": (0, 0x14, 1, 0x1C, 0xFF << 16), "nrf52840": (0x51C, 0x500, 4, 0, 0), "stm32f7": (0x28, 0, 9, 0, 0)}
"""By the console's type: offset of the data register; of one to set, and to what; of the state, and its busy bits."""


def entry(name: str) -> McuBackend:
    """Return what labwired makes of a board."""
    board = boards.load(name)
    assert isinstance(board, McuBoard)
    return board.backends["labwired"]


def build(name: str, folder: Path) -> Path:
    """Return the ELF file for a board."""
    board = boards.load(name)
    assert isinstance(board, McuBoard)
    core, backend = CORES[board.core], board.backends["labwired"]
    elf, script = folder / f"{name}.elf", folder / f"{name}.ld"
    start = "run" if board.core.startswith("cortex") else "_start"
    script.write_text(SCRIPT.format(entry=start, code=backend.code.address, data=backend.data.address))
    data, control, setting, state, busy = CONSOLES[backend.console.uart]
    macros = {
        "WINDOW": backend.window.address,
        "STACK": backend.data.address + 0x4000,
        "DOORBELL": backend.doorbell.irq,
        "CONSOLE": backend.console.address + data,
        "CONSOLE_CONTROL": backend.console.address + control,
        "CONSOLE_SETTING": setting,
        "CONSOLE_STATE": backend.console.address + state,
        "CONSOLE_BUSY": busy,
    }
    defines = [f"-D{key}={number:#x}" for key, number in macros.items()]
    assembler = f"-Wa,--defsym,STACK={macros['STACK']:#x}"
    flags = [*core.flags, *backend.flags, "-O2", "-ffreestanding", "-nostdlib", "-Wall", "-Wextra", "-Werror"]
    source = str(Path(__file__).with_name("tiny.c"))
    command = [core.toolchain + "gcc", *flags, assembler, *defines, source, "-T", str(script), "-o", str(elf)]
    subprocess.run(command, check=True, timeout=60)
    return elf


class Tiny:
    """tiny.c in labwired, powered on, with one region of 8 KiB. It wants to be closed.

    Parameters:
        name: the board.
        folder: takes its files.
        speed_mips: million instructions per virtual second.
    """

    def __init__(self, name: str, folder: Path, speed_mips: Fraction = Fraction(125)) -> None:
        self._control = SharedRegion("control", 4096)
        self._region = SharedRegion("region", 8192)
        backend = entry(name)
        window = arrange(name, backend.window, self._control, [self._region])
        self.page = ControlPage(self._control)
        self.page.introduce([ChannelEntry("port", False, 4096, 8192, 2, 64, 1)], (8, 1), False, 1, 1_000_000)
        self.mcu: LabwiredMcu = make(name, backend, build(name, folder), window, speed_mips, folder)
        self.mcu.launch()

    def words(self, first: int, count: int) -> tuple[int, ...]:
        """Return words of the region."""
        return struct.unpack_from(f"<{count}I", self._region.view, 4 * first)

    def write(self, first: int, *words: int) -> None:
        """Write words of the region."""
        struct.pack_into(f"<{len(words)}I", self._region.view, 4 * first, *words)

    def run(self, duration_ns: int) -> Standing:
        """Run for this long."""
        self.mcu.run(duration_ns)
        return self.mcu.settle()

    def ring(self) -> None:
        """Ring the doorbell."""
        self.page.ring(0)
        self.mcu.interrupt()

    def command(self, *words: int, duration_ns: int = 1_000_000) -> Standing:
        """Write the command's words, ring, and run."""
        self.write(0, *words)
        self.ring()
        return self.run(duration_ns)

    @property
    def answered(self) -> int:
        """How many doorbells it has rung back for."""
        return self.page.out_counts()[0]

    def close(self) -> None:
        """Power it off."""
        self.mcu.close()
        self._control.close()
        self._region.close()
