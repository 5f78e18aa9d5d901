"""A wire to a QEMU that cannot inherit it: a UNIX socket without a name, which is reached through /proc."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import tempfile
import time

from machines.errors import ParticipantFailed

_CREDENTIALS = struct.Struct("3i")  # struct ucred, unix(7): pid, uid, gid

PATIENCE_S = 300
"""Wall seconds that libvirt may take to start a domain: the first time, it asks QEMU for all that it can do."""

_GLANCE_S = 0.05
"""How often it is looked whether waiting is of any use."""


class Listener:
    """See `machines.qemu.wire.Wire`.

    Its file is removed at once. A descriptor of it stays open, and `connect` finds the socket at
    `/proc/<process>/fd/<number>` as it finds a file: whoever may look into that process, which is its own user. So
    nothing is left behind however the simulator ends.

    Parameters:
        name: the guest, for messages.
        kind: stream or packets.

    Attributes:
        ours: listens at first; from `handed_over` on it is the connection.
        fd: the descriptor of the file.
        peer: process id of who connected, 0 before.
        process: descriptor of that process (pidfd_open(2)), -1 before.
    """

    def __init__(self, name: str, kind: socket.SocketKind) -> None:
        self._name = name
        self._abandoned = False
        self.peer = 0
        self.process = -1
        self.ours = socket.socket(socket.AF_UNIX, kind)
        with tempfile.TemporaryDirectory(prefix="edgesim-") as folder:
            within = os.open(folder, os.O_PATH | os.O_CLOEXEC)
            try:  # by way of the descriptor: the name of a socket has 107 bytes at most, unix(7)
                self.ours.bind(f"/proc/self/fd/{within}/socket")
            finally:
                os.close(within)
            self.fd = os.open(f"{folder}/socket", os.O_PATH | os.O_CLOEXEC)
        self.ours.listen(1)

    @property
    def connected(self) -> bool:
        """Whether QEMU has connected."""
        return bool(self.peer)

    def handed_over(self) -> None:
        """Wait until QEMU has connected, and be the connection.

        Raises:
            ParticipantFailed: it ended instead, or did not connect within `PATIENCE_S`.
        """
        with self._accepted() as connection:
            said = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
            os.dup2(connection.fileno(), self.ours.fileno(), inheritable=False)
        self.peer = _CREDENTIALS.unpack(said)[0]
        try:
            self.process = os.pidfd_open(self.peer)
        except OSError as error:
            raise ParticipantFailed(self._name, f"QEMU ended, or is in a container of its own ({error})") from None

    def _accepted(self) -> socket.socket:
        deadline = time.monotonic() + PATIENCE_S
        while not self._abandoned:
            if select.select([self.ours], [], [], _GLANCE_S)[0]:
                with contextlib.suppress(OSError):  # it was abandoned meanwhile
                    return self.ours.accept()[0]
            elif time.monotonic() > deadline:
                raise ParticipantFailed(self._name, f"QEMU did not connect within {PATIENCE_S} s")
        raise ParticipantFailed(self._name, "QEMU did not start")

    def abandon(self) -> None:
        """Let nobody wait any longer if QEMU has not connected: neither we nor QEMU."""
        self._abandoned = True
        if not self.connected and self.ours.fileno() >= 0:
            self.ours.shutdown(socket.SHUT_RDWR)  # refuses a connection that comes too late

    def close(self) -> None:
        """Close the socket and its file."""
        self.ours.close()
        for fd in (self.fd, self.process):
            if fd >= 0:
                os.close(fd)
        self.fd = self.process = -1
