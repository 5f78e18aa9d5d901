"""The coordinator's end of the lockstep plugin: grants in, boundaries out."""

from __future__ import annotations

import os
import select
import socket
import struct
from typing import NamedTuple

from machines.errors import ParticipantFailed
from machines.qemu.wire import SocketPair, Wire

_ORDER = struct.Struct("<QQQQ")  # kind, until_ns, start_ns, stop_ns: struct order in plugin/lockstep.c
_REPORT = struct.Struct("<QQQQ")  # now_ns, deadline_ns, instructions, idle: struct report
_GRANT, _DRAIN, _YIELD, _RING = 1, 2, 3, 4
_DRAIN_ORDER = _ORDER.pack(_DRAIN, 0, 0, 0)
_YIELD_ORDER = _ORDER.pack(_YIELD, 0, 0, 0)
_RING_ORDER = _ORDER.pack(_RING, 0, 0, 0)
_END_NS = 2**64 - 1  # of a slice: that of the grant
NO_DEADLINE = 2**64 - 1
"""`Boundary.deadline_ns` of a guest that has no timer at all."""

PATIENCE_S = 120.0
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
        wire: to its QEMU, of packets; None: one that QEMU inherits.
        patience_s: wall seconds to wait for a boundary; None: for ever, as a guest under a debugger may need.
    """

    def __init__(self, name: str, wire: Wire | None = None, *, patience_s: float | None = PATIENCE_S) -> None:
        self._name = name
        self._patience_s = patience_s
        self._wire = SocketPair(socket.SOCK_SEQPACKET) if wire is None else wire
        self._ours = self._wire.ours
        self._fd = self._ours.fileno()
        self._be_patient()

    @property
    def plugin_fd(self) -> int:
        """The descriptor that names the plugin's end."""
        return self._wire.fd

    def handed_over(self) -> None:
        """Leave the plugin's end to it, so that its death is seen as an end of file.

        Raises:
            ParticipantFailed: QEMU ended before it connected.
        """
        self._wire.handed_over()
        self._be_patient()

    def _be_patient(self) -> None:
        seconds, rest = divmod(self._patience_s or 0, 1)  # to the kernel, 0 is for ever
        limit = struct.pack("ll", int(seconds), int(rest * 1e6))
        self._ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)

    def wait(self) -> Boundary:
        """Return the boundary at which the guest stands.

        Raises:
            ParticipantFailed: QEMU ended, or did not get there within its patience.
        """
        try:
            packet = os.read(self._fd, _REPORT.size)
        except BlockingIOError:
            waited = f"{self._patience_s:g} s"
            raise ParticipantFailed(self._name, f"QEMU did not reach its boundary within {waited}") from None
        except ConnectionResetError:
            packet = b""
        if len(packet) != _REPORT.size:
            raise ParticipantFailed(self._name, "QEMU ended")
        now, deadline, instructions, idle = _REPORT.unpack(packet)
        return Boundary(now, deadline, instructions, bool(idle))

    def waiting(self, timeout_s: float = 0) -> bool:
        """Return whether the guest stands at a boundary that `wait` has not returned yet, or comes to it in time."""
        return bool(select.select([self._fd], [], [], timeout_s)[0])

    def grant(self, until_ns: int, start_ns: int | None = None, stop_ns: int | None = None) -> None:
        """Let the guest's clock, its timers and its devices run until the clock shows `until_ns`.

        Parameters:
            until_ns: the next boundary.
            start_ns, stop_ns: the vCPUs execute from the one time on and before the other only; None: from the
                beginning, up to the end. They do not execute at all where both are the same.
        """
        start, stop = start_ns or 0, _END_NS if stop_ns is None else stop_ns
        self._order(_ORDER.pack(_GRANT, until_ns, start, stop))

    def drain(self) -> Boundary:
        """Let QEMU's main loop handle what became readable, while no virtual time passes.

        A debugger may stop the machine meanwhile, for which it must not be within a timer (see plugin/lockstep.c).
        """
        self._order(_YIELD_ORDER if self._patience_s is None else _DRAIN_ORDER)
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
        self._wire.close()
