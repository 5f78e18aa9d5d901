"""The coordinator's end of the lockstep plugin: grants in, boundaries out."""

from __future__ import annotations

import os
import select
import socket
import struct
from typing import NamedTuple

from machines.errors import ParticipantFailed

_ORDER = struct.Struct("<QQ")  # kind, until_ns: struct order in plugin/lockstep.c
_REPORT = struct.Struct("<QQQQ")  # now_ns, deadline_ns, instructions, idle: struct report
_GRANT, _DRAIN, _YIELD, _RING = 1, 2, 3, 4
_DRAIN_ORDER = _ORDER.pack(_DRAIN, 0)
_YIELD_ORDER = _ORDER.pack(_YIELD, 0)
_RING_ORDER = _ORDER.pack(_RING, 0)
NO_DEADLINE = 2**64 - 1
"""`Boundary.deadline_ns` of a guest that has no timer at all."""

PATIENCE_S = 120
"""Wall seconds that one grant may take before the guest counts as hung: far beyond any quantum."""


class Boundary(NamedTuple):
    """Where a guest stands still. Times are nanoseconds of QEMU's own virtual clock."""

    now_ns: int
    deadline_ns: int
    instructions: int
    idle: bool


class Lockstep:
    """Speaks with the plugin of one QEMU process.

    The plugin sends a boundary and waits for an order; so there is always either an order or a boundary under way.

    Parameters:
        name: the guest, for messages.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", PATIENCE_S, 0))
        self._fd = self._ours.fileno()

    @property
    def plugin_fd(self) -> int:
        """The descriptor that the QEMU process inherits."""
        return self._theirs.fileno()

    def handed_over(self) -> None:
        """Close our copy of the plugin's end, so that its death is seen as an end of file."""
        self._theirs.close()

    def wait(self) -> Boundary:
        """Return the boundary at which the guest stands.

        Raises:
            ParticipantFailed: QEMU ended, or did not get there within `PATIENCE_S`.
        """
        try:
            packet = os.read(self._fd, _REPORT.size)
        except BlockingIOError:
            raise ParticipantFailed(self._name, f"QEMU did not reach its boundary within {PATIENCE_S} s") from None
        except ConnectionResetError:
            packet = b""
        if len(packet) != _REPORT.size:
            raise ParticipantFailed(self._name, "QEMU ended")
        now, deadline, instructions, idle = _REPORT.unpack(packet)
        return Boundary(now, deadline, instructions, bool(idle))

    def waiting(self, timeout_s: float = 0) -> bool:
        """Return whether the guest stands at a boundary that `wait` has not returned yet, or comes to it in time."""
        return bool(select.select([self._fd], [], [], timeout_s)[0])

    def grant(self, until_ns: int) -> None:
        """Let the guest run until its virtual clock shows `until_ns`."""
        self._order(_ORDER.pack(_GRANT, until_ns))

    def drain(self) -> Boundary:
        """Let QEMU's main loop handle what became readable, while no virtual time passes."""
        self._order(_DRAIN_ORDER)
        return self.wait()

    def yield_(self) -> None:
        """Let the vCPU go round its loop, at this nanosecond, where QEMU can stop it; else a boundary follows."""
        self._order(_YIELD_ORDER)

    def ring(self) -> None:
        """Pend the doorbell's interrupt of a microcontroller; it stands where it stood."""
        self._order(_RING_ORDER)

    def _order(self, packet: bytes) -> None:
        try:
            self._ours.send(packet, socket.MSG_NOSIGNAL)
        except OSError:
            raise ParticipantFailed(self._name, "QEMU ended") from None

    def close(self) -> None:
        """End the conversation; a plugin that still waits ends its QEMU."""
        self._ours.close()
        self._theirs.close()
