"""A debugger that only looks: it speaks GDB's remote protocol (GDB manual, appendix E) with a machine."""

from __future__ import annotations

import socket
import time
from typing import BinaryIO


def free_port() -> int:
    """Return a port of this computer that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _connected(port: int) -> socket.socket | None:
    try:
        made = socket.create_connection(("127.0.0.1", port))
    except OSError:
        return None
    if made.getsockname() == made.getpeername():  # it was given the very port that it asked for, and reached itself
        made.close()
        return None
    return made


class Debugger:
    """A connection to a machine that waits for its debugger.

    Parameters:
        port: of this computer.
        patience_s: wall seconds within which the machine must be there, and answer.
        pause_s: wall seconds between attempts to reach it.
    """

    def __init__(self, port: int, patience_s: float = 120, pause_s: float = 0.05) -> None:
        deadline = time.monotonic() + patience_s
        while (connected := _connected(port)) is None:
            assert time.monotonic() < deadline, f"nobody listens at port {port}"
            time.sleep(pause_s)
        self._socket = connected
        self._socket.settimeout(patience_s)
        self._input: BinaryIO = self._socket.makefile("rb")

    def ask(self, command: str) -> str:
        """Send a command and return the answer."""
        self.send(command)
        return self.answer()

    def send(self, command: str) -> None:
        """Send a command that is answered later."""
        packet = command.encode()
        self._socket.sendall(b"$%s#%02x" % (packet, sum(packet) % 256))

    def interrupt(self) -> str:
        """Stop the running machine and return why it stopped."""
        self._socket.sendall(b"\x03")
        return self.answer()

    def answer(self) -> str:
        """Return the next answer."""
        while (byte := self._input.read(1)) != b"$":
            if not byte:
                raise ConnectionError("the machine is gone")
        content = b""
        while (byte := self._input.read(1)) != b"#":
            if not byte:
                raise ConnectionError("the machine is gone")
            content += byte
        self._input.read(2)
        self._socket.sendall(b"+")
        return content.decode()

    def close(self) -> None:
        """Hang up."""
        self._input.close()
        self._socket.close()
