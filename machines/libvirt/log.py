"""libvirt's log of one domain, which also takes what its QEMU prints."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

_LIBVIRTS_OWN = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\+0000: ")
_SYSTEM = Path("/var/log/libvirt/qemu")


def folder(private: bool) -> Path:
    """Return where libvirt writes its logs: the user's own libvirt, or the system's, whose logs only root may read."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "libvirt" / "qemu" / "log" if private else _SYSTEM


def sweep(private: bool) -> None:
    """Remove the logs that killed simulators left: of domains whose name ends in the id of no process."""
    for path in folder(private).glob("edgesim-*.log"):
        owner = path.stem.rpartition("-")[2]
        if owner.isdecimal() and not Path("/proc", owner).exists():
            with contextlib.suppress(OSError):
                path.unlink()


class DomainLog:
    """The log of a domain, if we may read it.

    Parameters:
        domain: its name.
        private: whether libvirt is the user's own.
    """

    def __init__(self, domain: str, private: bool) -> None:
        self._path = folder(private) / f"{domain}.log"

    def take(self) -> str:
        """Return what QEMU has printed, nothing if that cannot be read."""
        try:
            lines = self._path.read_text(errors="replace").splitlines()
        except OSError:
            return ""
        said = []
        continued = False  # libvirt writes QEMU's command line over several lines
        for line in lines:
            command, continued = continued or line.endswith(" \\"), line.endswith(" \\")
            if not command and not _LIBVIRTS_OWN.match(line):
                said.append(line + "\n")
        return "".join(said)

    def remove(self) -> None:
        """Remove it, as every run would leave some; libvirt itself never does."""
        with contextlib.suppress(OSError):
            self._path.unlink()
