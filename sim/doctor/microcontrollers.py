"""Who can run microcontrollers, who can compile for them, and which boards go without if something is missing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from guests.mcu import toolchain
from machines import boards
from machines.boards import BackendName, McuBackend, McuBoard
from machines.errors import EnvironmentLacks
from machines.mcu import backends
from machines.mcu.cores import CORES, Core
from machines.qemu.mcu_command import target
from sim.doctor.finding import Finding, State

AREA = "Microcontrollers"


class _Answer(NamedTuple):
    """What a backend says of one board: whether another machine stands in for it, and its version or what it lacks."""

    board: str
    stand_in: bool
    identity: str | None
    lack: str


def look() -> list[Finding]:
    """Return which emulators and compilers there are for the shipped boards."""
    answers = _answers(_microcontrollers())
    runnable = {answer.board for each in answers.values() for answer in each if answer.identity is not None}
    emulators = [_emulator(program, each, runnable) for program, each in answers.items()]
    return [*emulators, *_compilers()]


def _microcontrollers() -> list[McuBoard]:
    return [board for name in boards.names() if isinstance(board := boards.load(name), McuBoard)]


def _answers(known: Iterable[McuBoard]) -> dict[str, list[_Answer]]:
    """Ask every backend about every board that lists it; return the answers by program."""
    answers: dict[str, list[_Answer]] = {}
    for board in known:
        for name, entry in board.backends.items():
            answers.setdefault(_program(name, entry), []).append(_ask(board.name, name, entry))
    return dict(sorted(answers.items()))


def _program(name: BackendName, entry: McuBackend) -> str:
    return f"qemu-system-{target(entry)}" if name == "qemu" else name


def _ask(board: str, name: BackendName, entry: McuBackend) -> _Answer:
    try:
        return _Answer(board, entry.stand_in, backends.module(name).find(entry), "")
    except EnvironmentLacks as lack:
        return _Answer(board, entry.stand_in, None, str(lack))


def _emulator(program: str, answers: list[_Answer], runnable: set[str]) -> Finding:
    running = [answer for answer in answers if answer.identity is not None]
    lacking = [answer for answer in answers if answer.identity is None]
    facts = {"boards": [answer.board for answer in running]}
    if not running:
        reason, _, remedy = lacking[0].lack.partition(": ")
        lost = [answer.board for answer in lacking if answer.board not in runnable]
        cost = f"without it {_listed(lost)} cannot run" if lost else "other backends run its boards"
        return Finding(AREA, program, State.MISSING, f"{reason}; {cost}", remedy=remedy, facts=facts)
    identity = running[0].identity or ""
    if program == "labwired" and (reason := _labwired_complaint()):
        return Finding(AREA, program, State.BROKEN, f"{identity} cannot be loaded: {reason}", facts=facts)
    version = identity.removeprefix("QEMU emulator version ").removeprefix(f"{program} ")
    parts = [version]
    for verb, stand_in in (("runs", False), ("stands in for", True)):
        named = [answer.board for answer in running if answer.stand_in is stand_in]
        parts += [f"{verb} {_listed(named)}"] if named else []
    parts += [f"not {answer.board}: {answer.lack}" for answer in lacking]
    detail = "; ".join(parts)
    return Finding(AREA, program, State.OK, detail, facts=facts | {"version": version})


def _labwired_complaint() -> str:
    """Load labwired where it runs too: in a process of its own. Return what that says if it cannot."""
    line = [sys.executable, "-c", "import labwired"]
    done = subprocess.run(line, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL)
    return (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1] if done.returncode else ""


def _compilers() -> list[Finding]:
    users: dict[str, list[McuBoard]] = {}
    for board in _microcontrollers():
        users.setdefault(CORES[board.core].toolchain, []).append(board)
    return [_compiler(CORES[known[0].core], [board.name for board in known]) for known in users.values()]


def _compiler(core: Core, users: list[str]) -> Finding:
    name = f"{core.toolchain}gcc"
    facts: Mapping[str, object] = {"boards": users}
    try:
        identity = toolchain.identity(core)
    except EnvironmentLacks as lack:
        reason, _, remedy = str(lack).partition(": ")
        cost = f"without it there is no firmware for {_listed(users)}"
        return Finding(AREA, name, State.MISSING, f"{reason}; {cost}", remedy=remedy, facts=facts)
    except (OSError, subprocess.CalledProcessError) as error:
        reinstall = f"apt-get install --reinstall {core.package}"
        return Finding(AREA, name, State.BROKEN, f"does not start: {error}", remedy=reinstall, facts=facts)
    version = identity.rpartition(") ")[2] or identity
    return Finding(AREA, name, State.OK, f"{version}; for {_listed(users)}", facts={**facts, "version": version})


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
