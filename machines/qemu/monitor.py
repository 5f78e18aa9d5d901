"""QMP to one QEMU process, from code that is not asynchronous."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any

from machines.errors import ParticipantFailed
from machines.qemu.wire import SocketPair, Wire


class Monitor:
    """A QMP connection.

    Parameters:
        name: the guest, for messages.
        wire: to its QEMU, a stream; None: one that QEMU inherits.
    """

    def __init__(self, name: str, wire: Wire | None = None) -> None:
        self._name = name
        self._wire = SocketPair(socket.SOCK_STREAM) if wire is None else wire
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: Any = None

    @property
    def qemu_fd(self) -> int:
        """The descriptor that names QEMU's end."""
        return self._wire.fd

    def connect(self) -> None:
        """Wait for QEMU's greeting and negotiate.

        Raises:
            ParticipantFailed: QEMU ended instead.
        """
        from qemu.qmp import QMPClient, QMPError

        self._wire.handed_over()
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(
            lambda loop, context: None
        )  # what matters is raised by the call that it concerns
        self._client = QMPClient(self._name)
        self._client.logger.disabled = True
        try:
            self._loop.run_until_complete(asyncio.wait_for(self._client.connect(self._wire.ours), 30))
        except (QMPError, OSError, EOFError, asyncio.TimeoutError, AssertionError) as error:
            # AssertionError: qemu.qmp 0.0.6 asserts that the peer is still there when its negotiation ends
            self._client = None
            raise ParticipantFailed(self._name, "QEMU ended before its monitor answered") from error

    def execute(self, command: str, breathe: Callable[[], None] | None = None, **arguments: Any) -> Any:
        """Run one QMP command and return its result.

        Parameters:
            command: as in QEMU's QMP reference.
            breathe: called while waiting, to let a guest that is held at a boundary release QEMU's big lock.
            arguments: of the command, with underscores for hyphens.

        Raises:
            ParticipantFailed: QEMU refused, ended or did not answer in 60 s.
        """
        from qemu.qmp import QMPError

        assert self._loop is not None and self._client is not None, "connect() comes first"
        try:
            named = {name.replace("_", "-"): value for name, value in arguments.items()}
            return self._loop.run_until_complete(self._execute(command, breathe, named))
        except (QMPError, OSError, EOFError, asyncio.TimeoutError) as error:
            raise ParticipantFailed(self._name, f"QMP {command}: {error}") from error

    async def _execute(self, command: str, breathe: Callable[[], None] | None, arguments: dict[str, Any]) -> Any:
        reply = asyncio.ensure_future(self._client.execute(command, arguments or None))
        deadline = asyncio.get_running_loop().time() + 60
        while True:
            done, _ = await asyncio.wait({reply}, timeout=0.002 if breathe else 60)
            if done:
                return reply.result()
            if asyncio.get_running_loop().time() > deadline:
                reply.cancel()
                raise asyncio.TimeoutError("no answer in 60 s")
            if breathe:
                breathe()

    def send_fd(self, fd: int) -> None:
        """Pass a file descriptor for a following `getfd`."""
        self._client.send_fd_scm(fd)

    def close(self) -> None:
        """Close the connection, whatever state it is in."""
        if self._loop is not None:
            self._loop.run_until_complete(self._end())
            self._loop.close()
            self._loop = None
        self._wire.close()

    async def _end(self) -> None:
        """Disconnect; the other side may have died in any way, and whatever it left of the conversation is dropped."""
        if self._client is not None:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self._client.disconnect(), 2)
            self._client = None
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
