"""Speaks External Control as Renode 1.15 and 1.16 do, byte for byte, over a machine that is nothing but memory.

The bytes are those measured with Renode 1.16.1 and 1.15.3, and those of the servers' sources of these versions.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import Protocol

VERSIONS = {
    "1.15.3": {1: 0, 2: 0, 3: 0, 4: 0, 5: 1},
    "1.16.1": {1: 0, 2: 0, 3: 0, 4: 0, 5: 1, 6: 0},
}
"""Commands and their versions by version of Renode."""

FAILED, FATAL, INVALID, DATA, DONE, HANDSHAKE, EVENT = range(7)


class Machine(Protocol):
    """What is behind the server."""

    name: str
    time_us: int

    def run(self, duration_us: int) -> None:
        """Run for a while."""

    def read(self, address: int, size: int) -> bytes:
        """Read from the bus."""

    def write(self, address: int, data: bytes) -> None:
        """Write to the bus."""


class Gone(Exception):
    """The client closed the connection."""


class Fatal(Exception):
    """The client does not speak the protocol; the server says why and hangs up."""


class Failed(Exception):
    """A command cannot be done."""


def sized(data: bytes) -> bytes:
    """Return data with its length before it."""
    return struct.pack("<I", len(data)) + data


class ControlServer:
    """One conversation.

    Parameters:
        connection: the client.
        version: of Renode.
        machine: what it controls.
    """

    def __init__(self, connection: socket.socket, version: str, machine: Machine) -> None:
        self._socket = connection
        self._has = VERSIONS[version]
        self._machine = machine
        self._active: set[int] = set()
        self._machines: list[str] = []
        self._buses: list[str] = []

    def serve(self) -> None:
        """Answer until the client goes."""
        try:
            self._handshake()
            while True:
                self._serve_one()
        except Fatal as error:
            self._socket.sendall(bytes([FATAL]) + sized(str(error).encode()))
        except (Gone, OSError):
            pass
        finally:
            self._socket.close()

    def _take(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self._socket.recv(size - len(data))
            if not part:
                raise Gone
            data += part
        return data

    def _handshake(self) -> None:
        (count,) = struct.unpack("<H", self._take(2))
        for _ in range(count):
            command, version = self._take(2)
            if command not in self._has or command in self._active:
                raise Fatal(f"Encountered unknown command 0x{command:X}")
            if self._has[command] != version:
                raise Fatal(f"Encountered invalid version (0x{version:X}) for {command}")
            self._active.add(command)
        self._socket.sendall(bytes([HANDSHAKE]))

    def _serve_one(self) -> None:
        magic, command, size = struct.unpack("<2sBI", self._take(7))
        if magic != b"RE" or size > 0x7FFFFFFF:
            raise Fatal("Encountered invalid header")
        data = self._take(size)
        if command not in self._active:
            self._socket.sendall(bytes([INVALID, command]))
            return
        try:
            answer = self._do(command, data)
        except Failed as error:
            self._socket.sendall(bytes([FAILED, command]) + sized(str(error).encode()))
            return
        head = bytes([DONE if answer is None else DATA, command])
        self._socket.sendall(head if answer is None else head + sized(answer))

    def _do(self, command: int, data: bytes) -> bytes | None:
        if command == 1:
            if len(data) != 8:
                raise Failed("Expected 8 bytes of payload")
            self._machine.run(int.from_bytes(data, "little"))
            return None
        if command == 2:
            return struct.pack("<Q", self._machine.time_us)
        if command == 3:
            return self._number(self._machines, self._named(data))
        if command == 6:
            return self._bus(data)
        raise Failed("not played here")

    def _named(self, data: bytes) -> str:
        (size,) = struct.unpack_from("<I", data)
        if len(data) != 4 + size:
            raise Failed(f"Expected {4 + size} bytes of payload")
        name = data[4:].decode()
        if name != self._machine.name:
            raise Failed("Machine not found")
        return name

    @staticmethod
    def _number(known: list[str], name: str) -> bytes:
        if name not in known:
            known.append(name)
        return struct.pack("<i", known.index(name))

    def _bus(self, data: bytes) -> bytes | None:
        (number,) = struct.unpack_from("<i", data)
        if number == -1:
            machine, size = struct.unpack_from("<iI", data, 4)
            if machine >= len(self._machines) or data[12:] != b"sysbus" or size != 6:
                raise Failed("Instance not found")
            return self._number(self._buses, "sysbus")
        if not 0 <= number < len(self._buses):
            raise Failed(f"Invalid instance ID: {number}")
        operation, width, address, count = struct.unpack_from("<BBQI", data, 4)
        size = (width or 1) * count
        if operation > 1 or width not in (0, 1, 2, 4, 8):
            raise Failed("Invalid system bus operation")
        if len(data) != 18 + (size if operation else 0):
            raise Failed(f"Expected {18 + size} bytes of payload")
        if operation == 0:
            return self._machine.read(address, size)
        self._machine.write(address, data[18:])
        return None


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    """Return data in pieces of the sizes `cuts`, over and over."""
    at = number = 0
    while at < len(data):
        size = cuts[number % len(cuts)]
        yield data[at : at + size]
        at += size
        number += 1
