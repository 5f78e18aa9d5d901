"""A microcontroller in Renode: `machines.mcu.machine.Machine`, and what `machines.mcu.backends` asks of a backend."""

from __future__ import annotations

import shutil
import struct
from fractions import Fraction
from pathlib import Path

from machines.boards import McuBackend
from machines.errors import EnvironmentLacks, ParticipantFailed
from machines.mcu.machine import Standing
from machines.mcu.mirror import Mirror
from machines.mcu.window import Window
from machines.renode import folder, platform, program
from machines.renode.api import Command, ControlError, ExternalControl
from machines.renode.folder import PrivateFolder
from machines.renode.memory import MonitorMemory, WindowMemory, share
from machines.renode.monitor import Monitor, MonitorError
from machines.renode.process import RenodeProcess, arguments, free_port

ATTEMPTS = 3
"""How often another port is tried if somebody was faster."""
SLOWEST_MIPS = 1
"""Renode runs a hundred times faster; one that has not finished by then hangs."""
PATIENCE_S = 60.0
_GAP_SHARED, _GAP_MONITOR = 64, 2048
"""Unchanged bytes that are rather copied again than left out, in bytes."""
_ELF_ENTRY = struct.Struct("<24xI")


def find(backend: McuBackend) -> str:
    """Return which Renode is installed.

    Raises:
        EnvironmentLacks: none, or one that cannot be this board.
    """
    found = program.find()
    try:
        platform.check(backend, found.version)
    except platform.PlatformError as error:
        raise EnvironmentLacks(f"{error} (installed: {found.identity})") from error
    return found.identity


def make(name: str, backend: McuBackend, elf: Path, window: Window, speed_mips: Fraction, logs: Path) -> RenodeMcu:
    """Return a machine that is not launched yet; parameters as of `machines.mcu.backends.Backend.make`."""
    return RenodeMcu(name, backend, elf, window, speed_mips, logs)


class RenodeMcu:
    """One Renode process with one core.

    Its counter is the one of `platform.COUNTER_PAGE`: a word that counts microseconds of Renode's time since power-on,
    one for each instruction, and one for each that a sleeping core would have executed.
    """

    free_sleep = False
    counter_in_memory = False

    def __init__(
        self, name: str, backend: McuBackend, elf: Path, window: Window, speed_mips: Fraction, logs: Path
    ) -> None:
        self._name = name
        self._entry = backend
        self._elf = elf
        self._window = window
        self._mips = speed_mips
        self._logs = logs
        self.console = logs / f"{name}.console.log"
        self._folder: PrivateFolder | None = None
        self._shared: PrivateFolder | None = None
        self._process: RenodeProcess | None = None
        self._monitor: Monitor | None = None
        self._control: ExternalControl | None = None
        self._memory: WindowMemory | None = None
        self._mirror: Mirror | None = None
        self._bus: int | None = None
        self._granted_ns = 0
        self._count = 0
        self._runs = self._rung = False
        self._trouble: Exception | None = None

    # -- life ------------------------------------------------------------------------------------------------------

    def launch(self) -> None:
        """Start Renode, make the board, load the firmware; its first instruction is the next one.

        Raises:
            EnvironmentLacks: Renode is not installed or cannot be this board.
            ParticipantFailed: it does not start.
        """
        find(self._entry)
        found = program.find()
        self.console.unlink(missing_ok=True)
        try:
            self._folder = PrivateFolder(folder.temporary())
            self._shared = PrivateFolder(folder.memory())
            self._process, self._monitor = self._start(found)
            self._make_board(found)
            self._control = self._open_control(found)
        except (ControlError, MonitorError, OSError) as error:
            failure = self._failed(error)
            self.close()
            raise failure from error
        except BaseException:
            self.close()
            raise

    def _start(self, found: program.Program) -> tuple[RenodeProcess, Monitor]:
        """Start the program on a free port; if another program took that in between, on another one."""
        assert self._folder is not None
        assert self._shared is not None
        messages = self._logs / f"{self._name}.renode.log"
        for attempt in range(ATTEMPTS):
            port = free_port()
            command = [str(found.path), *arguments(port)]
            process = RenodeProcess(self._name, command, self._folder.path, self._shared.path, messages)
            try:
                monitor = Monitor(process.connect(port))
                monitor.open()
                return process, monitor
            except (MonitorError, ParticipantFailed) as error:
                failure = error if isinstance(error, ParticipantFailed) else process.explain(f"failed: {error}")
                process.kill()
                if attempt == ATTEMPTS - 1:
                    raise failure from error
            except BaseException:
                process.kill()
                raise
        raise AssertionError("unreachable")

    def _make_board(self, found: program.Program) -> None:
        assert self._folder is not None
        assert self._shared is not None
        assert self._monitor is not None
        home, shared = self._folder.path, self._shared.path
        used = max(piece.offset + piece.region.size for piece in self._window.pieces)
        sharing = platform.Sharing(used, shared) if found.has_bus else None
        shutil.copyfile(self._elf, home / "firmware.elf")
        (home / "logs").symlink_to(self._logs.absolute())
        (home / "board.repl").write_text(platform.description(self._entry, sharing))
        (elf_entry,) = _ELF_ENTRY.unpack_from((home / "firmware.elf").read_bytes())
        script = platform.script(self._machine, self._entry, home, self.console.name, elf_entry)
        (home / "board.resc").write_text(script)
        current, _ = self._monitor.execute(f"include @{home}/board.resc")
        if current != self._machine:
            raise MonitorError(f"the machine is called {current}, expected {self._machine}")
        if sharing is None:
            self._memory = MonitorMemory(self._monitor, self._window.span.address, home)
        else:
            self._memory = share(self._monitor, used, shared)
        gap = _GAP_MONITOR if sharing is None else _GAP_SHARED
        pieces = [(piece.offset, piece.region.view) for piece in self._window.pieces]
        self._mirror = Mirror(self._memory, pieces, gap_bytes=gap)

    @property
    def _machine(self) -> str:
        """Name of the machine: nobody else's Renode has one of this name."""
        assert self._folder is not None
        return f"{self._name}-{self._folder.path.name.rpartition('-')[2]}"

    def _open_control(self, found: program.Program) -> ExternalControl:
        assert self._process is not None
        assert self._monitor is not None
        for attempt in range(ATTEMPTS):
            port = free_port()
            try:
                self._monitor.execute(f'emulation CreateExternalControlServer "control{attempt}" {port}')
                break
            except MonitorError:
                if attempt == ATTEMPTS - 1:
                    raise
        control = ExternalControl(self._process.connect(port))
        self._control = control  # from here on close() closes it
        commands = [Command.RUN_FOR, Command.GET_TIME, Command.GET_MACHINE]
        control.open([*commands, Command.SYSTEM_BUS] if found.has_bus else commands)
        machine = control.machine(self._machine)
        self._bus = control.bus(machine) if found.has_bus else None
        return control

    def close(self) -> None:
        """Power off and release everything; may be called in any state, and twice."""
        for part in (self._control, self._monitor, self._memory):
            if part is not None:
                part.close()
        self._control = self._monitor = self._memory = self._mirror = None
        if self._process is not None:
            self._process.kill()
        for place in (self._folder, self._shared):
            if place is not None:
                place.remove()

    # -- running ---------------------------------------------------------------------------------------------------

    def run(self, duration_ns: int) -> None:
        """Begin to run; fractions of an instruction are kept for the next time, and trouble is told by `settle`."""
        self._granted_ns += duration_ns
        due = int(self._granted_ns * self._mips / 1000) - self._count
        if due == 0:
            return
        assert self._mirror is not None
        assert self._control is not None
        try:
            self._mirror.push()
            self._ring()
            patience = PATIENCE_S + due / (SLOWEST_MIPS * 1e6)
            self._control.begin_run(due // platform.INSTRUCTIONS_PER_US, patience)
        except (ControlError, MonitorError, OSError) as error:
            self._trouble = error
        self._count += due
        self._runs = True

    def settle(self) -> Standing:
        """Wait until it stands still.

        Raises:
            ParticipantFailed: Renode ended, or hangs, or talks nonsense.
        """
        if self._runs:
            assert self._mirror is not None
            assert self._control is not None
            self._runs = False
            try:
                if self._trouble is not None:
                    raise self._trouble
                self._control.finish_run()
                self._mirror.pull()
            except (ControlError, MonitorError, OSError) as error:
                raise self._failed(error) from error
        return Standing(self._count, False, None)

    def interrupt(self) -> None:
        """Pend the doorbell interrupt with the next run; nothing where the board polls."""
        self._rung = self._entry.doorbell.kind == "nvic"

    def _ring(self) -> None:
        if not self._rung:
            return
        self._rung = False
        address, word = platform.doorbell(self._entry.doorbell.irq)
        if self._bus is None:
            assert self._monitor is not None
            self._monitor.execute(f"sysbus WriteDoubleWord {address:#x} {word:#x}")
        else:
            assert self._control is not None
            self._control.write(self._bus, address, struct.pack("<I", word), width=4)

    def _failed(self, error: Exception) -> ParticipantFailed:
        if self._process is None:
            return ParticipantFailed(self._name, f"Renode: {error}")
        return self._process.explain(f"failed: {error}")
