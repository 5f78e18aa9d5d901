"""Processes that do not outlive the one that made them, however that ends."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

from machines.errors import EnvironmentLacks

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
