"""Processes that do not outlive the one that made them, however that ends."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
from collections.abc import Sequence

from machines.errors import EnvironmentLacks

_PR_SET_PDEATHSIG = 1
"""<linux/prctl.h>"""

_UNLESS_ORPHANED = 'test "$PPID" = "$1" || exit 1; shift; exec "$@"'
"""The maker may have ended before the kernel was asked; a shell's PPID is read after that."""


def tied(command: Sequence[str]) -> list[str]:
    """Return a command that runs another one, which the kernel kills when the thread that made it ends (prctl(2)).

    It is asked by a program, and not between fork and exec: there Python runs hooks that swallow a Ctrl-C.

    Parameters:
        command: program, with its path, and arguments.

    Raises:
        EnvironmentLacks: there is no setpriv.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise EnvironmentLacks("setpriv is not installed, real time needs it: apt-get install util-linux")
    return [setpriv, "--pdeathsig", "KILL", "sh", "-c", _UNLESS_ORPHANED, "sh", str(os.getpid()), *command]


def tie_to(maker: int) -> None:
    """Let the kernel kill this process, which was forked, when the thread that made it ends (prctl(2)).

    Parameters:
        maker: number of the process that made it; if that has ended already, so does this one.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != maker:
        os._exit(1)
