"""`sim console`: what a partition's serial console shows."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from machines import locks
from sim.exit_codes import EXIT_PASSED, EXIT_USAGE

LOCK = ".running"
"""File of a run's folder that the run holds locked as long as it goes on."""

_POLL_S = 0.2


class FolderInUse(Exception):
    """Raised when a folder is to take a second run while one goes on in it."""


@contextlib.contextmanager
def running(folder: Path) -> Iterator[None]:
    """Mark a run's folder as that of a run that goes on; the kernel takes the mark away if the process is killed.

    Raises:
        FolderInUse: another run goes on in it.
        OSError: the folder cannot be written.
    """
    if locks.is_held(folder / LOCK):
        raise FolderInUse(f"{folder}: another run goes on in this folder; choose another --out")
    with locks.holding(folder / LOCK):
        try:
            yield
        finally:
            (folder / LOCK).unlink(missing_ok=True)


def print_console(folder: Path, partition: str, follow: bool) -> int:
    """Print a partition's console.

    Parameters:
        folder: of a run.
        partition: its name.
        follow: go on while the run does.

    Returns:
        The exit code.
    """
    path = folder / "logs" / f"{partition}.console.log"
    if not path.is_file():
        known = sorted(each.name.removesuffix(".console.log") for each in (folder / "logs").glob("*.console.log"))
        what = f"it has {', '.join(known)}" if known else "name the folder of a run, such as runs/ivi_camera-1"
        print(f"{folder}: no console of a partition '{partition}'; {what}", file=sys.stderr)
        return EXIT_USAGE
    with path.open("rb") as console:
        while True:
            goes_on = follow and locks.is_held(folder / LOCK)
            while text := console.read(1 << 16):
                sys.stdout.buffer.write(_harmless(text))
            sys.stdout.flush()
            if not goes_on:
                return EXIT_PASSED
            time.sleep(_POLL_S)


def _harmless(text: bytes) -> bytes:
    """Drop control characters: a guest must not steer the terminal."""
    return bytes(byte for byte in text if (byte >= 0x20 and byte != 0x7F) or byte in b"\n\t")
