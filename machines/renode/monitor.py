"""Renode's monitor: its command line over telnet.

The monitor serves one client, once, and answers no command while the emulation runs.
"""

from __future__ import annotations

import re
import socket
import time

OFFER = bytes.fromhex("fffd00 fffb01 fffb03 fffc22")
"""What the monitor says first: telnet options (RFC 854), measured with Renode 1.16."""
ANSWER = bytes.fromhex("fffc00 fffd01 fffd03")
"""The monitor takes the first nine bytes it gets for the answer to its offer."""
REPLY_LIMIT = 1 << 24
"""Longest reply that is taken, in bytes."""

_COLOUR = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
_PROMPT = re.compile(rb"(?:^|[\r\n])\(([\w.-]+)\) $")
_TROUBLE = re.compile(
    r"^(?:There was an error|No such command or device|Bad parameters for command|Parameters did not match|"
    r"Could not tokenize|Could not find|Could not resolve|Error E\d+:|Fatal error:|Unhandled exception|"
    r"Exception has been thrown|.* does not provide a field).*",
)


class MonitorError(Exception):
    """Raised when the monitor is not there or a command fails; the text is one line."""


class Monitor:
    """A connection to the monitor.

    Parameters:
        connection: to its port; closed with the monitor.
        patience: longest wait for an answer, in seconds.
    """

    def __init__(self, connection: socket.socket, patience: float = 60.0) -> None:
        self._socket = connection
        self._patience = patience

    def open(self) -> None:
        """Settle the telnet options and wait for the first prompt.

        Raises:
            MonitorError: this is no Renode.
        """
        deadline = time.monotonic() + self._patience
        offer = b""
        while len(offer) < len(OFFER):
            offer += self._receive(deadline, len(OFFER) - len(offer))
            if not OFFER.startswith(offer):
                raise MonitorError(f"a Renode monitor was expected, but it says {offer!r}")
        self._send(ANSWER)
        self._until_prompt(deadline)

    def execute(self, command: str) -> tuple[str, list[str]]:
        """Run one command.

        Parameters:
            command: one line.

        Returns:
            The name in the prompt that follows, which is that of the current machine, and the lines that the command
            printed.

        Raises:
            MonitorError: the command failed, or the monitor did not answer.
        """
        assert command.isprintable()
        try:
            self._send(command.encode() + b"\n")
            name, reply = self._until_prompt(time.monotonic() + self._patience)
        except MonitorError as error:
            raise MonitorError(f"'{command}': {error}") from error
        _echo, _, printed = reply.partition("\n")
        lines = [line.strip() for line in printed.splitlines() if line.strip()]
        for number, line in enumerate(lines):
            if _TROUBLE.match(line):
                raise MonitorError(f"'{command}': {' '.join(lines[number : number + 3])}")
        return name, lines

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _until_prompt(self, deadline: float) -> tuple[str, str]:
        """Return the name in the next prompt, and everything before it."""
        reply = bytearray()
        while True:
            reply += self._receive(deadline, 1 << 16)
            if len(reply) > REPLY_LIMIT:
                raise MonitorError(f"the monitor's reply has more than {REPLY_LIMIT} bytes")
            if _PROMPT.search(_COLOUR.sub(b"", bytes(reply[-512:]))) is None:
                continue
            plain = _COLOUR.sub(b"", bytes(reply))
            prompt = _PROMPT.search(plain)
            assert prompt is not None
            return prompt[1].decode(), plain[: prompt.start()].decode("utf-8", "replace").replace("\r", "")

    def _send(self, data: bytes) -> None:
        try:
            self._socket.settimeout(self._patience)
            self._socket.sendall(data)
        except OSError as error:
            raise MonitorError(f"the connection to the monitor broke: {error}") from error

    def _receive(self, deadline: float, size: int) -> bytes:
        rest = deadline - time.monotonic()
        try:
            self._socket.settimeout(max(rest, 1e-3))
            part = self._socket.recv(size)
        except TimeoutError:
            raise MonitorError(f"no answer in {self._patience:g} s") from None
        except OSError as error:
            raise MonitorError(f"the connection to the monitor broke: {error.strerror}") from error
        if not part:
            raise MonitorError("the monitor closed the connection")
        if rest < 0:
            raise MonitorError(f"no answer in {self._patience:g} s")
        return part
