"""Starting and ending the processes of nodes: the one place that does it."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import machines
from machines.errors import EnvironmentLacks, ParticipantFailed
from machines.labwired.protocol import FAILED, FAILURE, LARGEST_PACKET, ORDER, REPORT, Setup
from machines.limits import CONSOLE_BYTES, ONLY_OURS, Limits, private

_ROOT = Path(machines.__file__).parents[1]
_PATIENCE_S = 60
_SLOWEST_PER_S = 20_000
"""Wall seconds that an order may take, and instructions per second beyond that: far below any computer's."""

_LIMITS = Limits(memory_bytes=4 << 30, file_bytes=CONSOLE_BYTES, descriptors=128)
"""Measured: 70 MiB and 12 descriptors. The rest is for up to 32 regions, and for the some 50 bytes that labwired keeps
for every word that is written into its memory."""


class Report(NamedTuple):
    """Where a node stands still after an order.

    Attributes:
        executed: instructions that the order took.
        counter: the firmware's own count of them since power-on.
        sleeps: the firmware waits, and knows of every doorbell.
    """

    executed: int
    counter: int
    sleeps: bool


class NodeProcess:
    """The process of one node.

    It is in a session of its own, so a Ctrl-C at the terminal reaches the simulator only. It ends when the simulator
    closes its end of the socket or is gone. What it may use is limited before its firmware executes anything.

    Parameters:
        name: the node, for messages.
        library: folder that labwired is imported from.
        setup: what it is to do; descriptors of the socket and the console are filled in here.
        console: file that takes the firmware's UART.
        messages: file that takes what labwired itself prints.

    Raises:
        EnvironmentLacks: it cannot be started.
    """

    def __init__(self, name: str, library: Path, setup: Setup, console: Path, messages: Path) -> None:
        self._name = name
        self._console = console
        self._messages = messages
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._wait_at_most(_PATIENCE_S)
        with theirs, open(console, "wb", opener=private) as text, open(messages, "wb", opener=private) as errors:
            setup = setup._replace(parent_pid=os.getpid(), socket_fd=theirs.fileno(), console_fd=text.fileno())
            inherited = [setup.socket_fd, setup.console_fd, *(region.fd for region in setup.regions)]
            # -S: what the site module adds takes time. No other variables: labwired has some that change what it does.
            environment = {"PYTHONPATH": f"{_ROOT}{os.pathsep}{library}", "PYTHONSAFEPATH": "1"}
            command = [sys.executable, "-S", "-m", "machines.labwired.node", *setup.arguments()]
            try:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,  # the esp32 model writes its UART there as well
                    stderr=errors,
                    pass_fds=inherited,
                    start_new_session=True,
                    env=environment,
                    cwd=_ROOT,
                    umask=ONLY_OURS,
                )
            except OSError as error:
                self._socket.close()
                raise EnvironmentLacks(f"{sys.executable} does not start: {error}") from error
        _LIMITS.impose(self._process.pid)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def order(self, instructions: int, rung: bool) -> None:
        """Let it execute that many instructions, after pending the doorbell interrupt if `rung`.

        Raises:
            ParticipantFailed: it is gone.
        """
        try:
            self._wait_at_most(_PATIENCE_S + instructions // _SLOWEST_PER_S)
            self._socket.send(ORDER.pack(instructions, rung))
        except OSError:
            raise self._failure("labwired ended") from None

    def report(self) -> Report:
        """Wait until it has done what it was told, or for its first report after its start.

        Raises:
            ParticipantFailed: it is gone, cannot go on, or hangs.
        """
        try:
            packet = self._socket.recv(LARGEST_PACKET)
        except BlockingIOError:
            raise ParticipantFailed(self._name, f"labwired hangs (see {self._messages})") from None
        except ConnectionResetError:
            packet = b""
        if not packet:
            raise self._failure("labwired ended")
        if FAILURE.unpack_from(packet)[0] == FAILED:
            reason = packet[FAILURE.size :].decode(errors="replace")
            raise ParticipantFailed(self._name, f"{reason} (see {self._console})")
        _, executed, counter, sleeps = REPORT.unpack(packet)
        return Report(executed, counter, bool(sleeps))

    def _wait_at_most(self, seconds: int) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", seconds, 0))

    def _failure(self, what: str) -> ParticipantFailed:
        """Return that it ended, with its last words."""
        self.kill()
        words = self._messages.read_text(errors="replace").strip().splitlines()
        last = words[-1] if words else f"exit status {self._process.returncode}, no message"
        return ParticipantFailed(self._name, f"{what}: {last} (see {self._messages})")

    def kill(self) -> None:
        """End it at once and wait until it is gone."""
        self._socket.close()
        self._process.kill()
        self._process.wait()
