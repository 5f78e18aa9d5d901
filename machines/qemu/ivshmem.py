"""The host's end of an ivshmem-doorbell device.

Each guest has a server of its own whose only other peer is the host, so a guest can neither ring nor map what it has no
channel to. The host holds both sets of eventfds: doorbells of the guest wait in ours until its boundary, and the
executive decides when the guest's are rung. Protocol: QEMU's docs/specs/ivshmem-spec, "ivshmem client-server protocol".
"""

from __future__ import annotations

import array
import contextlib
import os
import select
import socket
import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from machines.qemu.wire import SocketPair, Wire

GUEST_ID = 0
"""QEMU demands it of a device with `master=on`, which migration needs."""
HOST_ID = 1
_MESSAGE = struct.Struct("<q")
_VERSION = 0
_MEMORY = -1
_RUNG = struct.pack("=Q", 1)


class Direct(NamedTuple):
    """A doorbell that leads to another guest without the host: eventfds that both guests' QEMUs have.

    Attributes:
        rings: the guest rings it.
        rung: it rings the guest.
    """

    rings: int
    rung: int


class DoorbellServer:
    """Gives one ivshmem-doorbell device its memory and its eventfds.

    Parameters:
        memory_fd: file descriptor of the control region.
        vectors: how many doorbells there are in each direction.
        wire: to its QEMU, a stream; None: one that QEMU inherits.
        direct: doorbells by vector that the host neither hears nor rings.

    Raises:
        OSError: no descriptor is left.
    """

    def __init__(
        self,
        memory_fd: int,
        vectors: int,
        wire: Wire | None = None,
        direct: Mapping[int, Direct] = MappingProxyType({}),
    ) -> None:
        self._wire = SocketPair(socket.SOCK_STREAM) if wire is None else wire
        self._memory_fd = memory_fd
        flags = os.EFD_CLOEXEC | os.EFD_NONBLOCK
        ours = [None if vector in direct else os.eventfd(0, flags) for vector in range(vectors)]
        self._from_guest = [os.dup(direct[v].rings) if fd is None else fd for v, fd in enumerate(ours)]
        self._to_guest = [os.dup(direct[v].rung) if v in direct else os.eventfd(0, flags) for v in range(vectors)]
        self._vector_of = {fd: vector for vector, fd in enumerate(ours) if fd is not None}
        self._rung = select.epoll()
        for fd in self._vector_of:
            self._rung.register(fd, select.EPOLLIN)
        self._unread = select.poll()
        for vector in self._vector_of.values():
            self._unread.register(self._to_guest[vector], select.POLLIN)
        if self._wire.connected:
            self._introduce()

    @property
    def device_fd(self) -> int:
        """The descriptor that names the device's end."""
        return self._wire.fd

    def handed_over(self) -> None:
        """Leave the device's end to QEMU, which waits for what it is told now.

        Raises:
            ParticipantFailed: QEMU ended before it connected.
        """
        inherited = self._wire.connected
        self._wire.handed_over()
        if not inherited:
            with contextlib.suppress(OSError):  # QEMU ended; whoever asks it next is told
                self._introduce()

    def _introduce(self) -> None:
        """Queue the whole conversation: the socket buffer holds it until QEMU reads."""
        self._send(_VERSION)
        self._send(GUEST_ID)
        self._send(_MEMORY, self._memory_fd)
        for fd in self._from_guest:
            self._send(HOST_ID, fd)
        for fd in self._to_guest:
            self._send(GUEST_ID, fd)

    def _send(self, value: int, fd: int | None = None) -> None:
        rights = [] if fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
        self._wire.ours.sendmsg([_MESSAGE.pack(value)], rights)

    def fileno(self) -> int:
        """Return a descriptor that is readable while there is something to collect."""
        return self._rung.fileno()

    def collect(self) -> list[int]:
        """Return the vectors that the guest rang since the last call, ascending."""
        ready = self._rung.poll(0)
        if not ready:
            return []
        for fd, _ in ready:
            os.eventfd_read(fd)
        return sorted(self._vector_of[fd] for fd, _ in ready)

    def ring(self, vector: int) -> None:
        """Ring the guest; its device sees it when QEMU's main loop runs."""
        os.write(self._to_guest[vector], _RUNG)

    def consumed(self) -> bool:
        """Return whether QEMU has taken every doorbell that was rung."""
        return not self._unread.poll(0)

    def close(self) -> None:
        """Close every descriptor."""
        self._wire.close()
        self._rung.close()
        for fd in self._from_guest + self._to_guest:
            os.close(fd)
        self._from_guest.clear()
        self._to_guest.clear()
