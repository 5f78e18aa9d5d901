"""Renode's External Control: the client side of the protocol of Renode 1.15 and 1.16.

The server is another process that may be anything: every length it states is checked before it is believed, and every
wait has an end.
"""

from __future__ import annotations

import socket
import struct
import time
from collections import deque
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

TEXT_LIMIT = 1 << 16
"""Longest message or event that is taken, in bytes."""
EVENTS_KEPT = 1024


class ControlError(Exception):
    """Raised when the conversation with Renode fails; the text is one line."""


class Refused(ControlError):
    """Raised when Renode answers that it cannot do what was asked; the conversation goes on."""


class Command(IntEnum):
    """Commands, with the version that both Renode 1.15 and 1.16 have of those used here."""

    RUN_FOR = 1
    GET_TIME = 2
    GET_MACHINE = 3
    SYSTEM_BUS = 6


class Reply(IntEnum):
    """First byte of a reply."""

    COMMAND_FAILED = 0  # command, length, text
    FATAL_ERROR = 1  # length, text
    INVALID_COMMAND = 2  # command
    DATA = 3  # command, length, data
    DONE = 4  # command
    HANDSHAKE = 5
    EVENT = 6  # command, u32 descriptor, length, data


class Event(NamedTuple):
    """What the server said without being asked."""

    command: int
    descriptor: int
    data: bytes


_VERSION = 0
_COUNT = struct.Struct("<H")
_REQUEST = struct.Struct("<2sBI")
_WORD = struct.Struct("<I")
_EVENT = struct.Struct("<BII")
_RUN_FOR = struct.Struct("<Q")
_TIME = struct.Struct("<Q")
_NUMBER = struct.Struct("<i")
_REGISTER = struct.Struct("<iiI")
_ACCESS = struct.Struct("<iBBQI")
_NEW = -1
_READ, _WRITE = 0, 1
_WIDTHS = (0, 1, 2, 4, 8)


def handshake(commands: Sequence[Command]) -> bytes:
    """Return what a client says first: how many commands it wants, and each with its version."""
    return _COUNT.pack(len(commands)) + b"".join(bytes((command, _VERSION)) for command in commands)


def request(command: Command, data: bytes = b"") -> bytes:
    """Return one request."""
    return _REQUEST.pack(b"RE", command, len(data)) + data


class ExternalControl:
    """One conversation. Only one request is under way at a time.

    Parameters:
        connection: to the server, which accepts one client only.
        patience: longest wait for the answer to a short request, in seconds.

    Attributes:
        events: the last events, oldest first.
    """

    def __init__(self, connection: socket.socket, patience: float = 30.0) -> None:
        self._socket = connection
        self._patience = patience
        self._deadline = 0.0
        self.events: deque[Event] = deque(maxlen=EVENTS_KEPT)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def open(self, commands: Sequence[Command]) -> None:
        """Agree with the server on the commands that will be used.

        Raises:
            ControlError: it does not have them, or is no External Control server.
        """
        self._send(handshake(commands), self._patience)
        code = self._receive(1)[0]
        if code == Reply.FATAL_ERROR:
            raise ControlError(f"Renode does not agree to the protocol: {self._text()}")
        if code != Reply.HANDSHAKE:
            raise ControlError(f"External Control answers the handshake with {code}, expected {int(Reply.HANDSHAKE)}")

    def begin_run(self, duration_us: int, patience: float) -> None:
        """Let the emulation run; `finish_run` must follow.

        Parameters:
            duration_us: of Renode's virtual time, in microseconds.
            patience: longest wait for its end, in seconds of the host.
        """
        self._send(request(Command.RUN_FOR, _RUN_FOR.pack(duration_us)), patience)

    def finish_run(self) -> None:
        """Wait for the end of the run.

        Raises:
            ControlError: it did not come.
        """
        self._nothing(Command.RUN_FOR)

    def time_us(self) -> int:
        """Return Renode's virtual time in microseconds."""
        self._send(request(Command.GET_TIME), self._patience)
        return int(_TIME.unpack(self._data(Command.GET_TIME, _TIME.size))[0])

    def machine(self, name: str) -> int:
        """Return the number of the machine of this name.

        Raises:
            Refused: there is none.
        """
        text = name.encode()
        self._send(request(Command.GET_MACHINE, _WORD.pack(len(text)) + text), self._patience)
        return self._number(Command.GET_MACHINE)

    def bus(self, machine: int) -> int:
        """Return the number of a machine's system bus, for `read` and `write`."""
        text = b"sysbus"
        self._send(request(Command.SYSTEM_BUS, _REGISTER.pack(_NEW, machine, len(text)) + text), self._patience)
        return self._number(Command.SYSTEM_BUS)

    def read(self, bus: int, address: int, count: int, width: int = 0) -> bytes:
        """Read from a system bus.

        Parameters:
            bus: from `bus`.
            address: of the first byte.
            count: how many values.
            width: bytes of each, 1, 2, 4 or 8; 0: `count` bytes in whatever accesses Renode likes.

        Returns:
            The values, little endian, one after the other.
        """
        assert width in _WIDTHS
        self._send(request(Command.SYSTEM_BUS, _ACCESS.pack(bus, _READ, width, address, count)), self._patience)
        return self._data(Command.SYSTEM_BUS, (width or 1) * count)

    def write(self, bus: int, address: int, data: bytes, width: int = 0) -> None:
        """Write to a system bus; parameters as of `read`."""
        assert width in _WIDTHS
        assert len(data) % (width or 1) == 0
        head = _ACCESS.pack(bus, _WRITE, width, address, len(data) // (width or 1))
        self._send(request(Command.SYSTEM_BUS, head + data), self._patience)
        self._nothing(Command.SYSTEM_BUS)

    def close(self) -> None:
        """End the conversation."""
        self._socket.close()

    # -- replies ---------------------------------------------------------------------------------------------------

    def _number(self, command: Command) -> int:
        number = int(_NUMBER.unpack(self._data(command, _NUMBER.size))[0])
        if number < 0:
            raise ControlError(f"{command.name} is answered with the number {number}")
        return number

    def _nothing(self, command: Command) -> None:
        if self._reply(command) != Reply.DONE:
            raise ControlError(f"{command.name} is answered with data, expected none")

    def _data(self, command: Command, size: int) -> bytes:
        if self._reply(command) != Reply.DATA:
            raise ControlError(f"{command.name} is answered without data, expected {size} bytes")
        stated = self._length()
        if stated != size:
            raise ControlError(f"{command.name} is answered with {stated} bytes, expected {size}")
        return self._receive(size)

    def _reply(self, command: Command) -> Reply:
        """Return the code of the reply to a command, once events before it are taken; data is not read yet."""
        while (code := self._receive(1)[0]) == Reply.EVENT:
            self._take_event()
        if code == Reply.FATAL_ERROR:
            raise ControlError(f"{command.name}: fatal error: {self._text()}")
        if code not in (Reply.COMMAND_FAILED, Reply.INVALID_COMMAND, Reply.DATA, Reply.DONE):
            raise ControlError(f"{command.name} is answered with the unknown code {code}")
        of = self._receive(1)[0]
        if of != command:
            raise ControlError(f"{command.name} ({int(command)}) is answered for command {of}")
        if code == Reply.COMMAND_FAILED:
            raise Refused(f"{command.name}: {self._text()}")
        if code == Reply.INVALID_COMMAND:
            raise ControlError(f"{command.name} is a command that this Renode does not have")
        return Reply(code)

    def _take_event(self) -> None:
        command, descriptor, size = _EVENT.unpack(self._receive(_EVENT.size))
        if size > TEXT_LIMIT:
            raise ControlError(f"an event states {size} bytes, at most {TEXT_LIMIT} are taken")
        self.events.append(Event(command, descriptor, self._receive(size)))

    def _text(self) -> str:
        size = self._length()
        if size > TEXT_LIMIT:
            raise ControlError(f"an error message states {size} bytes, at most {TEXT_LIMIT} are taken")
        words = self._receive(size).decode("utf-8", "replace").split()
        return "".join(each if each.isprintable() else "?" for each in " ".join(words)) or "no reason given"

    def _length(self) -> int:
        return int(_WORD.unpack(self._receive(_WORD.size))[0])

    # -- bytes -----------------------------------------------------------------------------------------------------

    def _send(self, data: bytes, patience: float) -> None:
        self._deadline = time.monotonic() + patience
        try:
            self._socket.settimeout(patience)
            self._socket.sendall(data)
        except TimeoutError:
            raise ControlError(f"Renode takes no request for {patience:g} s") from None
        except OSError as error:
            raise ControlError(f"the connection to Renode broke: {error.strerror}") from error

    def _receive(self, size: int) -> bytes:
        parts, left = [], size
        while left:
            rest = self._deadline - time.monotonic()
            try:
                self._socket.settimeout(max(rest, 1e-3))
                part = self._socket.recv(min(left, 1 << 20))
            except TimeoutError:
                raise ControlError("Renode does not answer in time") from None
            except OSError as error:
                raise ControlError(f"the connection to Renode broke: {error.strerror}") from error
            if not part:
                raise ControlError("Renode closed the connection")
            parts.append(part)
            left -= len(part)
            if rest < 0:
                raise ControlError("Renode does not answer in time")
        return b"".join(parts)
