"""Sockets between the simulator and one QEMU."""

from __future__ import annotations

import socket
from typing import Protocol


class Wire(Protocol):
    """One socket whose far end is a QEMU's."""

    @property
    def ours(self) -> socket.socket:
        """Our end; always the same object, connected from `handed_over` on."""

    @property
    def connected(self) -> bool:
        """Whether what we send is kept for QEMU; a wire that QEMU inherits is connected before it runs."""

    @property
    def fd(self) -> int:
        """The descriptor by which QEMU's command line names its end."""

    def handed_over(self) -> None:
        """Leave QEMU's end to the QEMU that was started, so that its death is seen as an end of file.

        Raises:
            ParticipantFailed: QEMU ended before it took its end.
        """

    def close(self) -> None:
        """Close what is still open."""


class SocketPair:
    """A wire whose far end the QEMU process inherits; what we send meanwhile waits in it until QEMU reads.

    Parameters:
        kind: stream or packets.

    Attributes:
        ours: our end.
        fd: the descriptor that is inherited.
    """

    connected = True

    def __init__(self, kind: socket.SocketKind) -> None:
        self.ours, self._theirs = socket.socketpair(socket.AF_UNIX, kind)
        self.fd = self._theirs.fileno()

    def handed_over(self) -> None:
        """Close our copy of QEMU's end."""
        self._theirs.close()

    def close(self) -> None:
        """Close both ends."""
        self.ours.close()
        self._theirs.close()
