"""Memory shared between the simulator and its participants.

Regions are memfds: they have no name in the file system, so nothing is left behind however a process ends.
"""

from __future__ import annotations

import mmap
import os


class SharedRegion:
    """One anonymous region that other processes map through its file descriptor.

    Parameters:
        name: shown in /proc, for people who debug.
        size: bytes; a PCI BAR must be a power of two.

    Raises:
        OSError: the kernel has no memory for it.
    """

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self.size = size
        self.fd = os.memfd_create(f"edgesim-{name}", os.MFD_CLOEXEC)
        os.ftruncate(self.fd, size)
        self.map = mmap.mmap(self.fd, size, mmap.MAP_SHARED)
        self.view = memoryview(self.map)

    def close(self) -> None:
        """Drop the descriptor; the mapping goes when its last user does."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
