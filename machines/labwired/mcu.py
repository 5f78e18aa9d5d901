"""Microcontrollers in labwired. See `machines.mcu.backends.Backend` and `machines.mcu.machine.Machine`."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from fractions import Fraction
from functools import cache
from math import floor
from pathlib import Path

from machines.boards import Doorbell, McuBackend
from machines.errors import EnvironmentLacks
from machines.labwired.process import NodeProcess
from machines.labwired.protocol import Region, Setup
from machines.mcu.machine import Standing
from machines.mcu.window import Window

VERSION = "0.25.0"
"""The release that the descriptions of machines, and what is known of its limits, are for."""

SYSTEMS = Path(__file__).with_name("systems")
"""Machines by the name in board profiles; each refers to its chip in ``chips``."""

_NVIC_SET_PENDING = 0xE000E200  # Armv7-M Architecture Reference Manual, B3.4.5
_DWT_CYCCNT = 0xE0001004  # the same, C1.8.8


def find(backend: McuBackend) -> str:
    """Return program and version.

    Parameters:
        backend: the board's entry.

    Raises:
        EnvironmentLacks: labwired is not there, or another release of it, or it has no such machine.
    """
    _library()
    known = sorted(path.stem for path in SYSTEMS.glob("*.yaml"))
    if backend.machine not in known:
        raise EnvironmentLacks(f"labwired has no machine '{backend.machine}'; one of {', '.join(known)}")
    return f"labwired {VERSION}"


@cache
def _library() -> Path:
    """Return the folder that the package labwired lies in; it is not imported."""
    advice = f"pip install labwired=={VERSION}"
    spec = importlib.util.find_spec("labwired")
    if spec is None or spec.origin is None:
        raise EnvironmentLacks(f"labwired {VERSION} is not installed: {advice}")
    found = importlib.metadata.version("labwired")
    if found != VERSION:
        raise EnvironmentLacks(f"labwired {found} is installed, needed is {VERSION}: {advice}")
    return Path(spec.origin).parents[1]


def make(name: str, backend: McuBackend, elf: Path, window: Window, speed_mips: Fraction, logs: Path) -> LabwiredMcu:
    """Return a machine that is not launched yet; parameters as of `LabwiredMcu`."""
    return LabwiredMcu(name, backend, elf, window, speed_mips, logs)


class LabwiredMcu:
    """One microcontroller in a process of labwired.

    It executes one instruction per cycle, so time is a number of instructions. Once the firmware sleeps, the rest of a
    run is skipped.

    Parameters:
        name: the partition, for messages and files.
        backend: its board's entry.
        elf: the firmware.
        window: its shared memory.
        speed_mips: million instructions per virtual second.
        logs: folder for its console and labwired's own messages.

    Attributes:
        console: file with what the firmware wrote to its UART.
    """

    free_sleep = False
    counter_in_memory = False

    def __init__(
        self, name: str, backend: McuBackend, elf: Path, window: Window, speed_mips: Fraction, logs: Path
    ) -> None:
        self.console = logs / f"{name}.console.log"
        self._messages = logs / f"{name}.labwired.log"
        self._name = name
        address, value = _doorbell(backend.doorbell)
        self._setup = Setup(
            elf=str(elf.resolve()),
            system=str(SYSTEMS / f"{backend.machine}.yaml"),
            parent_pid=0,
            socket_fd=-1,
            console_fd=-1,
            window=window.span.address,
            doorbell_address=address,
            doorbell_value=value,
            counter=_DWT_CYCCNT if backend.doorbell.kind == "nvic" else 0,
            regions=tuple(Region(piece.offset, piece.region.size, piece.region.fd) for piece in window.pieces),
        )
        self._instructions_per_ns = speed_mips / 1000
        self._owed = Fraction(0)  # instructions that are due but not executed
        self._granted = 0
        self._rung = False
        self._process: NodeProcess | None = None

    @property
    def pid(self) -> int:
        """Of its process, once it is launched."""
        return self._running.pid

    @property
    def _running(self) -> NodeProcess:
        if self._process is None:
            raise RuntimeError(f"{self._name} is not powered on")
        return self._process

    def launch(self) -> None:
        """Power on and stand still before the first instruction."""
        self._process = NodeProcess(self._name, _library(), self._setup, self.console, self._messages)
        self._process.report()

    def run(self, duration_ns: int) -> None:
        """Begin to run for this long, or until the firmware sleeps."""
        self._owed += duration_ns * self._instructions_per_ns
        self._granted = max(floor(self._owed), 0)
        self._running.order(self._granted, self._rung)
        self._rung = False

    def settle(self) -> Standing:
        """Wait until it stands still."""
        report = self._running.report()
        # What it slept through is not owed any more; labwired may overshoot by the cost of a peripheral's work.
        self._owed -= max(self._granted, report.executed)
        return Standing(report.counter, report.sleeps, None)

    def interrupt(self) -> None:
        """Pend the doorbell interrupt at the start of the next run; nothing where the board polls."""
        self._rung = True

    def close(self) -> None:
        """Power off."""
        if self._process is not None:
            self._process.kill()


def _doorbell(doorbell: Doorbell) -> tuple[int, int]:
    """Return what to write where to pend it; zeros if the board polls."""
    if doorbell.kind == "nvic":
        return _NVIC_SET_PENDING + doorbell.irq // 32 * 4, 1 << doorbell.irq % 32
    if doorbell.kind == "poll":
        return 0, 0
    raise EnvironmentLacks(f"labwired is not taught the doorbell '{doorbell.kind}'; a board of it can poll")
