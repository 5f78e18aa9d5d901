"""The guest's end of the control region: orders and payload in, state and log out.

Two rings in one region: `to_guest` at its start, `to_host` at 12 MiB. A message is a uint8 tensor holding a JSON
object; only the chunks of a payload are raw bytes.
"""

from __future__ import annotations

import io
import json
import logging
import os
import select
from collections.abc import Callable
from typing import Any

import numpy as np

from virtio_shm import Consumer, Layout, Producer, TensorSpec

TO_GUEST = Layout(depth=8, payload_bytes=1 << 20)
TO_HOST = Layout(depth=64, payload_bytes=8 << 10)
TO_HOST_OFFSET = 12 << 20
VECTOR = 0
"""The doorbell of the control region, in both directions."""

_ANY_TIME = 2**63 - 1
_TEXT_LIMIT = 3 << 10
"""Characters of a text in a message: two such texts fit into a slot of `TO_HOST` with the JSON around them."""


class Control:
    """The agent's connection with the host.

    Parameters:
        memory: the control region.
        event: eventfd that the host rings.
        ring: rings the host.
        clock: virtual time in ns, for the stamps of what we send.
    """

    def __init__(self, memory: memoryview, event: int, ring: Callable[[int], None], clock: Callable[[], int]) -> None:
        inward = memory[: TO_GUEST.region_bytes]
        outward = memory[TO_HOST_OFFSET : TO_HOST_OFFSET + TO_HOST.region_bytes]
        self._event = event
        self._ring = ring
        self._orders = Consumer(inward, TO_GUEST, spec=None, clock=lambda: _ANY_TIME)  # an order is never early
        self._messages = Producer(outward, TO_HOST, overflow="block", clock=clock)
        self._space = select.poll()
        self._space.register(event, select.POLLIN)

    def connect(self) -> bool:
        """Do our part of setting up both rings; True once they are up. Call it when rung, until then."""
        ready = self._orders.poll_ready() & self._messages.poll_ready()
        if self._orders.announce() | self._messages.announce():
            self._ring(VECTOR)
        return ready

    def receive(self) -> bytes | None:
        """Return the next message of the host, or None if there is none now."""
        frame = self._orders.take()
        if frame is None:
            return None
        content: bytes = frame.array.tobytes()
        if self._orders.give_back(frame):
            self._ring(VECTOR)
        return content

    def send(self, message: dict[str, Any]) -> None:
        """Send a message; waits for the host where its ring is full, so none is lost.

        Parameters:
            message: JSON object; texts in it are cut to what a slot holds.
        """
        content = _packed(message, _TEXT_LIMIT)
        if len(content) > TO_HOST.payload_bytes:  # many characters that JSON escapes, with up to 12 bytes each
            content = _packed(message, _TEXT_LIMIT // 12)
        spec = TensorSpec("uint8", (len(content),))
        waited = False
        while (slot := self._messages.reserve(spec)) is None:
            self._space.poll()
            os.eventfd_read(self._event)
            waited = True
        if waited:
            os.eventfd_write(self._event, 1)  # one of the doorbells may have been for an order
        slot[:] = np.frombuffer(content, np.uint8)
        if self._messages.commit():
            self._ring(VECTOR)


def _packed(message: dict[str, Any], limit: int) -> bytes:
    """Return a message as JSON, its texts cut to `limit` characters."""
    short = {key: value[:limit] if isinstance(value, str) else value for key, value in message.items()}
    return json.dumps(short).encode()


class ServiceLog:
    """Turns what services print and log into messages to the host.

    Parameters:
        control: where the messages go.
        clock: virtual time in ns.

    Attributes:
        service: whose output it is now.
    """

    def __init__(self, control: Control, clock: Callable[[], int]) -> None:
        self.service = ""
        self._control = control
        self._clock = clock

    def line(self, level: str, text: str) -> None:
        """Send one line.

        Parameters:
            level: debug, info, warning, error or critical.
            text: without line end.
        """
        self._control.send(
            {"type": "log", "level": level, "service": self.service, "text": text, "t_ns": self._clock()}
        )

    def stream(self, level: str) -> io.TextIOBase:
        """Return a text stream for `sys.stdout` or `sys.stderr` whose lines are sent with `level`."""
        return _LineStream(lambda text: self.line(level, text))

    def handler(self) -> logging.Handler:
        """Return a handler for Python's `logging`."""
        return _LogHandler(self.line)


class _LineStream(io.TextIOBase):
    def __init__(self, send: Callable[[str], None]) -> None:
        self._send = send
        self._begun = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._send(line)
        return len(text)


class _LogHandler(logging.Handler):
    def __init__(self, send: Callable[[str, str], None]) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        self._send(record.levelname.lower(), self.format(record))
