"""Proof that virtual time works here: a short run of the very machine that guests get."""

from __future__ import annotations

import contextlib
import struct
import tempfile
import time
from pathlib import Path

from machines import boards
from machines.errors import EnvironmentLacks, ParticipantFailed
from machines.memory import SharedRegion
from machines.qemu import plugin
from machines.qemu.binary import QemuBinary
from machines.qemu.command import ROOT_ALIGNMENT, GuestImage, GuestMachine
from machines.qemu.vm import Installation, VirtualMachine
from sim.doctor.backends import TIME_MODES
from sim.doctor.finding import Finding, State

BOARD = "linux-x86_64"
QUANTA, QUANTUM_NS = 10, 1_000_000
_MEMORY_BYTES = 32 << 20
_REGION_BYTES = 1 << 16
_LOAD_ADDRESS = 1 << 20


def look(binary: QemuBinary) -> Finding:
    """Return whether a machine with all devices of a guest stops at exactly the granted nanoseconds."""
    began = time.monotonic()
    name, remedy = "virtual", "apt-get install qemu-system-x86, or point SIM_QEMU to another QEMU, 7.2 or newer"
    try:
        with tempfile.TemporaryDirectory(prefix="edgesim-") as folder:
            late = _lateness_ns(binary, Path(folder))
    except (EnvironmentLacks, ParticipantFailed) as error:
        reason = str(error).partition(" (messages:")[0]
        return Finding(TIME_MODES, name, State.BROKEN, reason, True, remedy)
    facts = {"quanta": QUANTA, "quantum_ns": QUANTUM_NS, "late_ns": late, "wall_s": round(time.monotonic() - began, 3)}
    if any(late):
        return Finding(TIME_MODES, name, State.BROKEN, f"boundaries are late by {late} ns", True, remedy, facts)
    exact = f"{QUANTA} quanta of {QUANTUM_NS // 1_000_000} ms, each exact to the nanosecond"
    detail = f"every symbol that the lockstep plugin needs is there; {exact}"
    return Finding(TIME_MODES, name, State.OK, detail, True, facts=facts)


def _lateness_ns(binary: QemuBinary, folder: Path) -> list[int]:
    """Return for each quantum by how much its boundary was late, in virtual time and in instructions."""
    machine = GuestMachine(boards.load_linux(BOARD).cpu, _MEMORY_BYTES, 0, (_REGION_BYTES,))
    installed = Installation(binary, plugin.path(binary.plugin_api), _image(folder))
    late = []
    with (
        contextlib.closing(SharedRegion("doctor", _REGION_BYTES)) as region,
        contextlib.closing(VirtualMachine("doctor", machine, installed, [region], folder)) as vm,
    ):
        vm.launch(None)
        vm.go()
        begin = vm.held
        for number in range(1, QUANTA + 1):
            vm.grant(begin.now_ns + number * QUANTUM_NS)
            held = vm.settle()
            elapsed_ns = held.now_ns - begin.now_ns
            executed = held.instructions - begin.instructions
            late.append(max(elapsed_ns - number * QUANTUM_NS, 0 if held.idle else abs(elapsed_ns - executed), key=abs))
    return late


def _image(folder: Path) -> GuestImage:
    """Make what QEMU takes for an image; it is not booted, because the firmware is at work longer than the proof."""
    kernel, initrd, root = folder / "kernel", folder / "initrd", folder / "root"
    kernel.write_bytes(_multiboot())
    initrd.write_bytes(bytes(512))
    with root.open("wb") as file:
        file.truncate(ROOT_ALIGNMENT)
    return GuestImage(kernel, initrd, root, "doctor", "doctor")


def _multiboot() -> bytes:
    """Return a kernel that only halts (Multiboot Specification 0.6.96, section 3.1.1)."""
    magic, flags = 0x1BADB002, 1 << 16
    header_bytes, code = 32, b"\xfa\xf4\xeb\xfd"  # cli; 1: hlt; jmp 1b
    end = _LOAD_ADDRESS + header_bytes + len(code)
    addresses = (_LOAD_ADDRESS, _LOAD_ADDRESS, end, end, _LOAD_ADDRESS + header_bytes)
    return struct.pack("<8I", magic, flags, -(magic + flags) & 0xFFFFFFFF, *addresses) + code
