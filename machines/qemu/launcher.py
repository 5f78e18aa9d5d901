"""Ways to start a QEMU: as a process of our own, which is here, or through somebody else (`machines.libvirt`)."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from machines.limits import Limits
from machines.qemu.binary import QemuBinary
from machines.qemu.process import Process, QemuProcess
from machines.qemu.wire import SocketPair, Wire


class Launcher(Protocol):
    """A way to start QEMUs. Arguments name what QEMU opens by our descriptors, whether it inherits these or not."""

    @property
    def inherits(self) -> bool:
        """Whether QEMU has our descriptors from its first moment; if not, its monitor is given its saved state."""

    def wire(self, name: str, kind: socket.SocketKind) -> Wire:
        """Return a socket to a QEMU that is started next; its `fd` may stand in the arguments.

        Parameters:
            name: the guest, for messages.
            kind: stream or packets.
        """

    def start(
        self,
        name: str,
        binary: QemuBinary,
        arguments: Sequence[str],
        inherited: Sequence[int],
        messages: Path,
        limits: Limits,
    ) -> Process:
        """Start a QEMU; returns while it loads. Parameters are those of `QemuProcess`.

        Raises:
            EnvironmentLacks: it cannot be started.
        """


class DirectLauncher:
    """Starts QEMU as a child that inherits its descriptors: nothing has a name that could be left behind."""

    inherits = True

    def wire(self, name: str, kind: socket.SocketKind) -> Wire:
        """Return a socket pair."""
        return SocketPair(kind)

    def start(
        self,
        name: str,
        binary: QemuBinary,
        arguments: Sequence[str],
        inherited: Sequence[int],
        messages: Path,
        limits: Limits,
    ) -> Process:
        """Start the process."""
        return QemuProcess(name, binary, arguments, inherited, messages, limits)


DIRECT = DirectLauncher()
