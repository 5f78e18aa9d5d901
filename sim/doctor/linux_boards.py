"""Linux boards of other instruction sets than this computer's: what their guests need besides."""

from __future__ import annotations

from guests.linux import image
from machines import boards
from machines.boards import LinuxBoard
from machines.errors import EnvironmentLacks
from machines.qemu import binary
from sim.doctor.finding import Finding, State
from virtio_shm import library
from virtio_shm.errors import LibraryError

AREA = "Linux boards"


def look() -> list[Finding]:
    """Return for each such board whether its guests run here; nothing is built for that."""
    known = (boards.load(name) for name in boards.names())
    return [_board(board) for board in known if isinstance(board, LinuxBoard) and board.architecture != "x86_64"]


def _board(board: LinuxBoard) -> Finding:
    architecture = board.architecture
    try:
        qemu = binary.find(architecture)
        compiler = library.cross_compiler(architecture)
    except (EnvironmentLacks, LibraryError) as lack:
        reason, _, remedy = str(lack).partition(": ")
        return Finding(AREA, board.name, State.MISSING, f"{reason}; without it no such guest runs", remedy=remedy)
    found = image.find(architecture)
    version = qemu.identity.removeprefix("QEMU emulator version ")
    cached = "made at the first run, in a minute" if found is None else found.digest[:16]
    facts = {"version": version, "compiler": compiler, "image": None if found is None else found.digest}
    return Finding(AREA, board.name, State.OK, f"{version}; {compiler}; guest image {cached}", facts=facts)
