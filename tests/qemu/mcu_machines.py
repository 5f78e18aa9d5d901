"""Microcontrollers in QEMU that run the probe, on every machine that the board profiles use."""

from __future__ import annotations

import contextlib
import struct
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest

from machines.boards import Console, Doorbell, McuBackend, Span
from machines.errors import EnvironmentLacks
from machines.mcu.control import COUNTER_OFFSET, PAGE_BYTES, ControlPage
from machines.mcu.cores import CORES
from machines.mcu.machine import Standing
from machines.mcu.window import arrange
from machines.memory import SharedRegion
from machines.qemu.mcu import QemuMcu, find

SLEEP, ADD, FOLLOW, STEADY, MEASURE, TALK, FAULT, SCRIBBLE, POLL, RESET = range(10)
"""What the probe does: the enum of mcu_probe.c."""

_MODE = struct.Struct("<I")
_MODE_OFFSET = 0xC00
_ANSWER = struct.Struct("<IIxxxxQ")

MIB = 1 << 20


@dataclass(frozen=True)
class Probe:
    """One machine: its core and the board profile's entry."""

    core: str
    entry: McuBackend

    @property
    def stack(self) -> int:
        """Where its stack starts."""
        return self.entry.data.address + MIB


def _probe(core: str, machine: str, code: int, data: int, window: int, kind: str, irq: int, console: int) -> Probe:
    entry = McuBackend(
        machine=machine,
        cpu={"rv32imc": "rv32imc", "esp32": "de212"}.get(core, ""),
        layer="none",
        code=Span(address=code, bytes=0x40000),
        data=Span(address=data, bytes=MIB),
        window=Span(address=window, bytes=16 * MIB),
        doorbell=Doorbell(kind=kind, irq=irq),  # type: ignore[arg-type]
        console=Console(uart="none", address=console),
    )
    return Probe(core, entry)


PROBES = {
    "mps2-an385": _probe("cortex-m3", "mps2-an385", 0, 0x20000000, 0x21000000, "nvic", 31, 0x40004000),
    "mps2-an386": _probe("cortex-m4", "mps2-an386", 0, 0x20000000, 0x21000000, "nvic", 31, 0x40004000),
    "mps2-an500": _probe("cortex-m7", "mps2-an500", 0, 0x20000000, 0x60000000, "nvic", 31, 0x40004000),
    "mps2-an505": _probe("cortex-m33", "mps2-an505", 0x10000000, 0x38000000, 0x80000000, "nvic", 63, 0x50200000),
    "mps3-an547": _probe("cortex-m55", "mps3-an547", 0, 0x31000000, 0x60000000, "nvic", 90, 0x59303000),
    "riscv": _probe("rv32imc", "virt", 0x80000000, 0x81000000, 0x82000000, "plic", 42, 0x10000000),
    "xtensa": _probe("esp32", "virt", 0x60000000, 0x61000000, 0x62000000, "poll", 0, 0xF0001000),
}


def lacking(name: str) -> str:
    """Return what this computer lacks to run a probe, or nothing."""
    try:
        find(PROBES[name].entry)
    except EnvironmentLacks as error:
        return str(error)
    return ""


def machines(*names: str) -> pytest.MarkDecorator:
    """Run a test on these machines, or on all; the argument is called `board`."""
    cases = []
    for name in names or PROBES:
        reason = lacking(name)
        cases.append(pytest.param(name, marks=pytest.mark.skipif(bool(reason), reason=reason)))
    return pytest.mark.parametrize("board", cases)


RINGING = [name for name, probe in PROBES.items() if probe.entry.doorbell.kind != "poll"]
"""Those whose doorbell is an interrupt."""


def build(probe: Probe, folder: Path) -> Path:
    """Compile the probe for a machine."""
    here, entry, core = Path(__file__).parent, probe.entry, CORES[probe.core]
    elf = folder / "probe.elf"
    defined = {
        "WINDOW": f"{entry.window.address:#x}u",
        "IRQ": f"{entry.doorbell.irq}u",
        "CONSOLE": f"{entry.console.address:#x}u",
        "STACK": f"{probe.stack:#x}u",
        "STACK_TEXT": f'"{probe.stack:#x}"',
    }
    placed = {
        "CODE": entry.code.address,
        "CODE_BYTES": entry.code.bytes,
        "DATA": entry.data.address,
        "DATA_BYTES": entry.data.bytes,
    }
    line = [
        f"{core.toolchain}gcc", *core.flags, "-O2", "-ffreestanding", "-nostdlib", "-nostartfiles", "-Wall", "-Wextra",
        "-Wno-unused-function", "-fno-jump-tables", *(f"-D{name}={value}" for name, value in defined.items()),
        "-Wl,--build-id=none,--no-warn-rwx-segments",
        *(f"-Wl,--defsym={name}={value:#x}" for name, value in placed.items()),
        "-T", str(here / "mcu_probe.ld"), "-o", str(elf), str(here / "mcu_probe.c"),
    ]  # fmt: skip
    subprocess.run(line, check=True)
    return elf


@dataclass(frozen=True)
class Answer:
    """What the probe wrote."""

    rounds: int
    result: int
    seen: int


class Running:
    """A probe on its machine, with one shared region behind its control page."""

    def __init__(self, board: str, mode: int, folder: Path, shared: SharedRegion, speed_mips: Fraction) -> None:
        probe = PROBES[board]
        folder.mkdir(parents=True, exist_ok=True)
        self.control = SharedRegion("control", PAGE_BYTES)
        self.shared = shared
        _MODE.pack_into(self.control.view, _MODE_OFFSET, mode)
        self.page = ControlPage(self.control)
        window = arrange("probe", probe.entry.window, self.control, [shared])
        self.machine = QemuMcu("probe", probe.entry, build(probe, folder), window, speed_mips, folder)

    def advance(self, duration_ns: int) -> Standing:
        """Run for so long."""
        self.machine.run(duration_ns)
        return self.machine.settle()

    @property
    def answer(self) -> Answer:
        """What the probe has written."""
        return Answer(*_ANSWER.unpack_from(self.control.view, _MODE_OFFSET + 4))

    @property
    def counter(self) -> int:
        """The counter in the control page."""
        return int.from_bytes(self.control.view[COUNTER_OFFSET : COUNTER_OFFSET + 8], "little")

    def close(self) -> None:
        """End it."""
        self.machine.close()
        self.control.close()


ProbeMaker = Callable[..., Running]


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[ProbeMaker]:
    """A maker of probes that stand before their first instruction; all are closed after the test.

    Its parameters: board, mode, and by name a region to share and the speed in MIPS.
    """
    with contextlib.ExitStack() as hold:

        def make(board: str, mode: int, shared: SharedRegion | None = None, mips: Fraction = Fraction(1000)) -> Running:
            if shared is None:
                shared = hold.enter_context(contextlib.closing(SharedRegion("shared", PAGE_BYTES)))
            folder = tmp_path / f"{board}-{len(list(tmp_path.iterdir()))}"
            made = hold.enter_context(contextlib.closing(Running(board, mode, folder, shared, mips)))
            made.machine.launch()
            return made

        yield make
