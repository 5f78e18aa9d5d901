"""From a description of a microcontroller to QEMU's arguments: a pure function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from machines.boards import McuBackend
from machines.mcu.control import COUNTER_OFFSET
from machines.qemu.binary import QemuBinary, Target
from machines.qemu.command import quoted
from machines.qemu.debugger import gdb_arguments
from machines.qemu.limits import SANDBOX

RV32IMC = "rv32imc"
_RV32I_MODEL = (9, 0)
"""The first QEMU with the CPU model rv32i, to which extensions are added; before, they are taken away from rv32."""

_CONTROLLERS = {"nvic": ("armv7m", "pulse"), "plic": ("riscv.sifive.plic", "raise")}
"""Doorbells that are interrupts: type of the controller, and what leaves its input pending. The NVIC latches an edge,
but pends again while the line is high (Armv7-M ARM, B3.4.1); the PLIC's gateway latches a level (PLIC 1.0.0, 5)."""


@dataclass(frozen=True)
class McuMachine:
    """What is emulated.

    Attributes:
        entry: the board profile's entry for QEMU.
        elf: the firmware.
        shift: icount shift; an instruction takes 2**shift virtual nanoseconds.
    """

    entry: McuBackend
    elf: Path
    shift: int

    @property
    def rings(self) -> bool:
        """The doorbell is an interrupt."""
        return self.entry.doorbell.kind in _CONTROLLERS


@dataclass(frozen=True)
class McuAttachments:
    """What differs from one process to the next: descriptors by number and paths.

    Attributes:
        plugin: the lockstep plugin.
        parent: process id of the simulator.
        lockstep_fd: connected socket.
        pieces: offset in the window, size in bytes and descriptor of each shared region.
        console: file that takes what the UART sends.
        gdb_port: where it waits for a debugger, which lets it go; None: it goes at once.
    """

    plugin: Path
    parent: int
    lockstep_fd: int
    pieces: Sequence[tuple[int, int, int]]
    console: Path
    gdb_port: int | None = None


def target(entry: McuBackend) -> Target:
    """Return which QEMU emulates a board: its Cortex-M machines are boards, the others are called ``virt``."""
    if entry.machine != "virt":
        return "arm"
    return "riscv32" if entry.cpu.startswith("rv32") else "xtensa"


def arguments(machine: McuMachine, binary: QemuBinary, attached: McuAttachments) -> list[str]:
    """Return QEMU's arguments for one microcontroller, without the program's name."""
    firmware = ["-L", str(binary.data)] if binary.data is not None else []
    return [
        *firmware,
        "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-net", "none",
        "-machine", machine.entry.machine, "-accel", "tcg,thread=single", *_cpu(machine.entry, binary),
        "-icount", f"shift={machine.shift},sleep=off",
        "-rtc", "base=2026-01-01T00:00:00,clock=vm", "-seed", "1",
        *_load(machine),
        "-chardev", f"file,id=console,path={quoted(attached.console)}", *_console(machine.entry),
        "-plugin", ",".join([quoted(attached.plugin), *_plugin(machine, attached)]),
        *SANDBOX,
        *gdb_arguments(attached.gdb_port),
        *(["-S"] if attached.gdb_port is not None else []),
    ]  # fmt: skip


def _cpu(entry: McuBackend, binary: QemuBinary) -> list[str]:
    model = entry.cpu
    if model == RV32IMC:
        new = binary.version[:2] >= _RV32I_MODEL
        model = "rv32i,m=on,c=on,zicsr=on,zicntr=on,pmp=on" if new else "rv32,a=off,f=off,d=off,mmu=off"
    return ["-cpu", model] if model else []


def _load(machine: McuMachine) -> list[str]:
    """A Cortex-M starts by its vector table; the others would at a reset vector, and the loader sets their entry."""
    if target(machine.entry) == "arm":
        return ["-kernel", str(machine.elf)]
    bios = ["-bios", "none"] if target(machine.entry) == "riscv32" else []
    return [*bios, "-device", f"loader,file={quoted(machine.elf)},cpu-num=0"]


def _console(entry: McuBackend) -> list[str]:
    """The first UART of the machine, or one on PCI where it has none of its own."""
    if target(entry) == "xtensa":
        return ["-device", "pci-serial,chardev=console,addr=1"]
    return ["-serial", "chardev:console"]


def _plugin(machine: McuMachine, attached: McuAttachments) -> list[str]:
    wiring = [
        f"socket={attached.lockstep_fd}",
        f"parent={attached.parent}",
        f"window={machine.entry.window.address}",
        f"counter={COUNTER_OFFSET}",
        *(f"map={offset}:{size}:{fd}" for offset, size, fd in attached.pieces),
    ]
    if machine.rings:
        controller, pending = _CONTROLLERS[machine.entry.doorbell.kind]
        wiring.append(f"doorbell={controller}:{machine.entry.doorbell.irq}:{pending}")
    return wiring
