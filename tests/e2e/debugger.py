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


class Debugger:
    """A connection to a machine that waits for its debugger.

    Parameters:
        port: of this computer.
        patience_s: wall seconds within which the machine must be there, and answer.
    """

    def __init__(self, port: int, patience_s: float = 120) -> None:
        deadline = time.monotonic() + patience_s
        while True:
            try:
                self._socket = socket.create_connection(("127.0.0.1", port))
                break
            except OSError:
                assert time.monotonic() < deadline, f"nobody listens at port {port}"
                time.sleep(0.05)
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
