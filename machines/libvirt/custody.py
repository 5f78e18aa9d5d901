"""Descriptors held where a QEMU may open them.

The kernel lets a process look into another one's /proc/<pid>/fd if it has the same user and at least the same
capabilities (ptrace(2), "Ptrace access mode checking"). A simulator that an ordinary user runs has none, as QEMU; one
that root runs has all of them, and libvirt starts QEMU without any.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from machines.errors import EnvironmentLacks


class Custody:
    """Descriptors that are open under their numbers in a process without capabilities.

    Parameters:
        fds: the descriptors.

    Attributes:
        pid: that process: ourselves where we have no capabilities.

    Raises:
        EnvironmentLacks: the program that gives them up is not installed.
    """

    def __init__(self, fds: Sequence[int]) -> None:
        self.pid = os.getpid()
        self._holder: subprocess.Popen[bytes] | None = None
        if not _capable():
            return
        line = [
            "setpriv",
            "--inh-caps=-all",
            "--bounding-set=-all",
            "cat",
        ]  # it ends when we do: at the end of its input
        try:
            pipe = subprocess.PIPE
            holder = subprocess.Popen(line, stdin=pipe, stdout=pipe, pass_fds=list(fds), start_new_session=True)
        except OSError as error:
            raise EnvironmentLacks(f"root needs setpriv for libvirt: apt-get install util-linux ({error})") from error
        assert holder.stdin is not None and holder.stdout is not None
        holder.stdin.write(b"\n")
        holder.stdin.flush()
        holder.stdout.read(1)  # now it is `cat`
        self._holder = holder
        self.pid = holder.pid

    def close(self) -> None:
        """End that process; may be called twice."""
        if self._holder is not None:
            self._holder.kill()
            self._holder.communicate()
            self._holder = None


def _capable() -> bool:
    """Return whether we have any capability (proc(5), status: CapPrm)."""
    status = Path("/proc/self/status").read_text().splitlines()
    permitted = next(line for line in status if line.startswith("CapPrm:"))
    return int(permitted.split()[1], 16) != 0
