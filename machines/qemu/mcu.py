"""Microcontrollers in QEMU, under the lockstep plugin: the backend ``qemu`` of `machines.mcu.backends`."""

from __future__ import annotations

import contextlib
import os
from fractions import Fraction
from pathlib import Path

from machines.boards import McuBackend
from machines.errors import ParticipantFailed
from machines.mcu.control import ControlPage
from machines.mcu.machine import Standing
from machines.mcu.window import Window
from machines.qemu import binary, limits, plugin
from machines.qemu.lockstep import NO_DEADLINE, PATIENCE_S, Boundary, Lockstep
from machines.qemu.mcu_command import McuAttachments, McuMachine, arguments, target
from machines.qemu.process import QemuProcess, explained

STALL_S = 5
"""Wall seconds without a single instruction, twice in a row, after which a core is taken for stuck: a fault in the
handler of a fault repeats for ever without executing anything, and so without reaching any time."""

_FASTEST_MIPS = 1000


def find(backend: McuBackend) -> str:
    """Return the version of the QEMU that emulates a board.

    Raises:
        EnvironmentLacks: it is not installed, or too old.
    """
    return binary.find(target(backend)).identity


def make(name: str, backend: McuBackend, elf: Path, window: Window, speed_mips: Fraction, logs: Path) -> QemuMcu:
    """Return a machine that is not launched yet; see `machines.mcu.backends.Backend`."""
    return QemuMcu(name, backend, elf, window, speed_mips, logs)


class QemuMcu:
    """One microcontroller in a QEMU process; see `machines.mcu.machine.Machine` for the interface.

    Parameters:
        name: the partition, for messages and files.
        backend: its board's entry for QEMU.
        elf: the firmware.
        window: its shared memory, mapped into QEMU as it is.
        speed_mips: million instructions per virtual second: 1000 / 2^n.
        logs: folder that takes the console and QEMU's own messages.

    Raises:
        ValueError: the speed is none of these.

    Attributes:
        gdb_port: where it waits for a debugger, which lets it go; None: nowhere.
    """

    counter_in_memory = True

    def __init__(
        self, name: str, backend: McuBackend, elf: Path, window: Window, speed_mips: Fraction, logs: Path
    ) -> None:
        self.name = name
        self.machine = McuMachine(backend, elf, _shift(speed_mips))
        self.console = logs / f"{name}.console.log"
        self.free_sleep = self.machine.rings
        self.gdb_port: int | None = None
        self._window = window
        self._page = ControlPage(window.control)
        self._messages = logs / f"{name}.qemu.log"
        self._until_ns = 0
        self._resources = contextlib.ExitStack()
        self._process: QemuProcess | None = None

    def launch(self) -> None:
        """Power on and stand still before the first instruction; a debugger, if it waits for one, powers it on.

        Raises:
            EnvironmentLacks: QEMU is not installed or cannot do lockstep.
            ParticipantFailed: it does not start.
        """
        qemu = binary.find(target(self.machine.entry))
        patience_s = PATIENCE_S if self.gdb_port is None else None
        self._lockstep = self._resources.enter_context(contextlib.closing(Lockstep(self.name, patience_s=patience_s)))
        attached = McuAttachments(
            plugin=plugin.path(qemu.plugin_api),
            parent=os.getpid(),
            lockstep_fd=self._lockstep.plugin_fd,
            pieces=[(piece.offset, piece.region.size, piece.region.fd) for piece in self._window.pieces],
            console=self.console,
            gdb_port=self.gdb_port,
        )
        line = arguments(self.machine, qemu, attached)
        inherited = [attached.lockstep_fd, *(fd for _, _, fd in attached.pieces)]
        bounds = limits.of_microcontroller([size for _, size, _ in attached.pieces])
        self._process = QemuProcess(self.name, qemu, line, inherited, self._messages, bounds)
        self._resources.callback(self._process.kill)
        self._lockstep.handed_over()
        with explained(self._process):
            self._lockstep.wait()

    def run(self, duration_ns: int) -> None:
        """Begin to run for this long; returns at once.

        Raises:
            ParticipantFailed: QEMU has ended.
        """
        self._until_ns += duration_ns
        with explained(self._process):
            self._lockstep.grant(self._until_ns)

    def settle(self) -> Standing:
        """Wait until it stands still.

        Raises:
            ParticipantFailed: QEMU ended, or the core is stuck.
        """
        held = self._boundary()
        deadline_ns = None if held.deadline_ns == NO_DEADLINE else held.deadline_ns - held.now_ns
        return Standing(held.instructions, held.idle, deadline_ns)

    def interrupt(self) -> None:
        """Pend the doorbell interrupt while it stands still; nothing where the board polls.

        Raises:
            ParticipantFailed: QEMU has ended.
        """
        if self.machine.rings:
            with explained(self._process):
                self._lockstep.ring()

    def close(self) -> None:
        """Kill QEMU and release what it held; may be called in any state, and twice."""
        self._resources.close()
        if self._process is not None and not self._process.words():
            self._messages.unlink(missing_ok=True)

    def _boundary(self) -> Boundary:
        with explained(self._process):
            count = -1
            while self.gdb_port is None and not self._lockstep.waiting(STALL_S):
                before, count = count, self._page.counter()
                if count == before:
                    raise ParticipantFailed(self.name, "it faults without end: its fault handler cannot be executed")
            held = self._lockstep.wait()
            late_ns = held.now_ns - self._until_ns
            if late_ns >> self.machine.shift:
                raise ParticipantFailed(self.name, f"QEMU ran {late_ns} ns beyond its boundary")
            return held


def _shift(speed_mips: Fraction) -> int:
    """Return the icount shift of a speed: an instruction takes 2^shift ns."""
    ns = _FASTEST_MIPS / speed_mips
    if ns.denominator != 1 or ns.numerator & (ns.numerator - 1):
        raise ValueError(f"QEMU runs at 1000 / 2^n MIPS, not at {float(speed_mips):g}")
    return ns.numerator.bit_length() - 1
