"""The host's end of an ivshmem-doorbell device.

Each guest has a server of its own whose only other peer is the host, so a guest can neither ring nor map what it has no
channel to. The host holds both sets of eventfds: doorbells of the guest wait in ours until its boundary, and the
executive decides when the guest's are rung. Protocol: QEMU's docs/specs/ivshmem-spec, "ivshmem client-server protocol".
"""

from __future__ import annotations

import array
import os
import select
import socket
import struct

GUEST_ID = 0
"""QEMU demands it of a device with `master=on`, which migration needs."""
HOST_ID = 1
_MESSAGE = struct.Struct("<q")
_VERSION = 0
_MEMORY = -1
_RUNG = struct.pack("=Q", 1)


class DoorbellServer:
    """Gives one ivshmem-doorbell device its memory and its eventfds.

    Parameters:
        memory_fd: file descriptor of the control region.
        vectors: how many doorbells there are in each direction.

    Raises:
        OSError: no descriptor is left.
    """

    def __init__(self, memory_fd: int, vectors: int) -> None:
        self._ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        flags = os.EFD_CLOEXEC | os.EFD_NONBLOCK
        self._from_guest = [os.eventfd(0, flags) for _ in range(vectors)]
        self._to_guest = [os.eventfd(0, flags) for _ in range(vectors)]
        self._vector_of = {fd: vector for vector, fd in enumerate(self._from_guest)}
        self._rung = select.epoll()
        for fd in self._from_guest:
            self._rung.register(fd, select.EPOLLIN)
        self._unread = select.poll()
        for fd in self._to_guest:
            self._unread.register(fd, select.POLLIN)
        self._introduce(memory_fd)

    @property
    def device_fd(self) -> int:
        """The connected socket that the QEMU process inherits."""
        return self._theirs.fileno()

    def handed_over(self) -> None:
        """Close our copy of the device's socket."""
        self._theirs.close()

    def _introduce(self, memory_fd: int) -> None:
        """Queue the whole conversation: the socket buffer holds it until QEMU reads."""
        self._send(_VERSION)
        self._send(GUEST_ID)
        self._send(_MEMORY, memory_fd)
        for fd in self._from_guest:
            self._send(HOST_ID, fd)
        for fd in self._to_guest:
            self._send(GUEST_ID, fd)

    def _send(self, value: int, fd: int | None = None) -> None:
        rights = [] if fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
        self._ours.sendmsg([_MESSAGE.pack(value)], rights)

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
        self._ours.close()
        self._theirs.close()
        self._rung.close()
        for fd in self._from_guest + self._to_guest:
            os.close(fd)
        self._from_guest.clear()
        self._to_guest.clear()
