"""Processes that do not outlive the one that made them, however that ends."""

from __future__ import annotations

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1
"""include/uapi/linux/prctl.h"""

_libc = ctypes.CDLL(None)


def die_with(parent: int) -> None:
    """Ask the kernel to kill this process when the thread that made it ends; called between fork and exec.

    Parameters:
        parent: process id of the maker, which may have ended before the kernel was asked.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
