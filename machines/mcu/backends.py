"""Which backend runs a microcontroller: a new backend is a package with `find` and `make`, and one line here."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, cast

from machines.boards import BackendName, McuBackend, McuBoard
from machines.errors import EnvironmentLacks
from machines.mcu.machine import Machine
from machines.mcu.window import Window

_MODULES: Mapping[BackendName, str] = {
    "renode": "machines.renode.mcu",
    "qemu": "machines.qemu.mcu",
    "labwired": "machines.labwired.mcu",
}
"""In the order in which ``auto`` prefers them."""


class Backend(Protocol):
    """What the module of a backend has."""

    @staticmethod
    def find(backend: McuBackend) -> str:
        """Return what is installed, with its version.

        Raises:
            EnvironmentLacks: it is not, or cannot run this machine; the text says how to get it.
        """

    @staticmethod
    def make(name: str, backend: McuBackend, elf: Path, window: Window, speed_mips: Fraction, logs: Path) -> Machine:
        """Return a machine that is not launched yet.

        Parameters:
            name: the partition, for messages and files.
            backend: its board's entry.
            elf: the firmware.
            window: its shared memory.
            speed_mips: million instructions per virtual second.
            logs: folder for its console.
        """


class Choice(NamedTuple):
    """Who runs a microcontroller.

    Attributes:
        name: of the backend.
        entry: what it makes of the board.
        identity: program and version.
        note: why it was chosen, or empty where there was nothing to choose.
    """

    name: BackendName
    entry: McuBackend
    identity: str
    note: str


def module(name: BackendName) -> Backend:
    """Return the module of a backend."""
    return cast(Backend, importlib.import_module(_MODULES[name]))


def choose(board: McuBoard, wanted: Literal["auto"] | BackendName) -> Choice:
    """Return the backend that runs a board.

    Parameters:
        board: what is to run.
        wanted: a backend that the board lists, or ``auto``: the first installed one of Renode, QEMU, labwired that
            models the board itself, else one that runs its instructions on another machine.

    Raises:
        EnvironmentLacks: the one wanted is not installed, or none is.
    """
    if wanted != "auto":
        entry = board.backends[wanted]
        note = f"{entry.machine} stands in for the board" if entry.stand_in else ""
        return Choice(wanted, entry, module(wanted).find(entry), note)
    lacking = []
    listed = [name for name in _MODULES if name in board.backends]
    for name in sorted(listed, key=lambda each: board.backends[each].stand_in):
        entry = board.backends[name]
        try:
            identity = module(name).find(entry)
        except EnvironmentLacks as error:
            lacking.append(f"{name}: {error}")
            continue
        stands = [f"{entry.machine} stands in for the board"] if entry.stand_in else []
        passed = [f"{each.partition(':')[0]} is not installed" for each in lacking]
        return Choice(name, entry, identity, "; ".join([*stands, *passed]))
    raise EnvironmentLacks(f"no backend for {board.name} is installed ({'; '.join(lacking)})")
