"""What the process of an emulator may use (prlimit(2)), and who may read what it writes."""

from __future__ import annotations

import contextlib
import os
import resource
from dataclasses import dataclass

CONSOLE_BYTES = 16 << 20
"""Largest console file, and largest file of an emulator's own messages."""

ONLY_OURS = 0o077
"""File mode creation mask: consoles hold what guests say, which is nobody else's business."""


@dataclass(frozen=True)
class Limits:
    """Resource limits of one process; it also writes no core file, which would hold all of a guest's memory.

    Attributes:
        memory_bytes: address space.
        file_bytes: largest file that it may write; what is beyond is not written.
        descriptors: highest number of open files and sockets.
    """

    memory_bytes: int
    file_bytes: int
    descriptors: int

    def impose(self, pid: int) -> None:
        """Limit a process that was just started; one that has ended already needs none.

        A lower limit that it has inherited stays.

        Parameters:
            pid: a child of ours, so that the number is still its own.
        """
        wanted = {
            resource.RLIMIT_AS: self.memory_bytes,
            resource.RLIMIT_FSIZE: self.file_bytes,
            resource.RLIMIT_NOFILE: self.descriptors,
            resource.RLIMIT_CORE: 0,
        }
        with contextlib.suppress(ProcessLookupError):
            for which, most in wanted.items():
                _, hard = resource.prlimit(pid, which)
                allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
                resource.prlimit(pid, which, (allowed, allowed))


def private(path: str, flags: int) -> int:
    """Open a file that nobody else may read; an opener for `open`."""
    return os.open(path, flags, 0o666 & ~ONLY_OURS)
