"""The host's end of a guest's control region: payload and orders in, log and state out."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from machines.errors import ParticipantFailed
from machines.memory import SharedRegion
from machines.qemu.host_parts import HostParts
from virtio_shm import Consumer, Layout, Producer, RingError, TensorSpec

TO_GUEST = Layout(depth=8, payload_bytes=1 << 20)
TO_HOST = Layout(depth=64, payload_bytes=8 << 10)
TO_HOST_OFFSET = 12 << 20
VECTOR = 0
"""The doorbell of the control region, in both directions."""

_BACKLOG = 10_000
"""Messages that are kept of one guest; one that says more than that is cut short."""

_ANY_TIME = 2**62
"""In ns; a guest that began within a run stamps messages by a clock that is ahead of its counter."""


class ControlLink:
    """Speaks with the agent of one Linux guest.

    Parameters:
        name: the guest, for messages.
        region: the control region.
        clock: the guest's own time in ns.
    """

    def __init__(self, name: str, region: SharedRegion, clock: Callable[[], int]) -> None:
        self._name = name
        outward = region.view[: TO_GUEST.region_bytes]
        inward = region.view[TO_HOST_OFFSET : TO_HOST_OFFSET + TO_HOST.region_bytes]
        self._orders = Producer(outward, TO_GUEST, overflow="block", clock=clock)
        self._messages = Consumer(inward, TO_HOST, spec=None, clock=lambda: _ANY_TIME)  # a message is never early
        self._ours = HostParts(outward, inward, (TO_GUEST, TO_HOST))
        self._waiting: deque[bytes] = deque()
        self._taken = 0

    def post_payload(self, archive: bytes) -> None:
        """Queue a zip archive with `manifest.json` and the files that it names."""
        chunks = [archive[at : at + TO_GUEST.payload_bytes] for at in range(0, len(archive), TO_GUEST.payload_bytes)]
        self.post({"type": "payload", "bytes": len(archive), "chunks": len(chunks)})
        self._waiting.extend(chunks)

    def post_start(self, offset_ns: int) -> None:
        """Queue the order to start: virtual time is the guest's counter less `offset_ns`."""
        self.post({"type": "start", "offset_ns": offset_ns})

    def post(self, order: dict[str, Any]) -> None:
        """Queue an order: a JSON object with its `type`, see `guests.linux.agent.orders`."""
        self._waiting.append(json.dumps(order).encode())

    @property
    def waiting(self) -> bool:
        """Whether orders are queued that the ring had no room for yet."""
        return bool(self._waiting)

    def pump(self) -> bool:
        """Move queued orders into the ring; True: the guest is to be rung.

        Raises:
            ParticipantFailed: the guest broke the ring.
        """
        self._check()
        try:
            ready = self._orders.poll_ready()
            self._messages.poll_ready()
            kick = self._orders.announce() | self._messages.announce()
            while ready and self._waiting:
                slot = self._orders.reserve(TensorSpec("uint8", (len(self._waiting[0]),)))
                if slot is None:
                    break
                slot[:] = np.frombuffer(self._waiting.popleft(), np.uint8)
                kick |= self._orders.commit()
            self._ours.remember()
            return kick
        except RingError as error:
            raise ParticipantFailed(self._name, f"control ring: {error}") from error

    def receive(self) -> tuple[list[dict[str, Any]], bool]:
        """Return the agent's messages since the last call, and whether it is to be rung for the space they gave back.

        Raises:
            ParticipantFailed: the guest broke the ring or sent what is no message.
        """
        self._check()
        messages: list[dict[str, Any]] = []
        kick = False
        try:
            self._messages.poll_ready()
            kick |= self._messages.announce()
            while (frame := self._messages.take()) is not None:
                text = frame.array.tobytes()
                kick |= self._messages.give_back(frame)
                self._taken += 1
                if self._taken <= _BACKLOG:
                    messages.append(self._parse(text))
            self._ours.remember()
        except RingError as error:
            raise ParticipantFailed(self._name, f"control ring: {error}") from error
        return messages, kick

    def _check(self) -> None:
        if self._ours.spoiled:
            raise ParticipantFailed(self._name, "control ring: wrote what only the host may")

    def _parse(self, text: bytes) -> dict[str, Any]:
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise ParticipantFailed(self._name, f"sent {text[:60]!r}, which is no control message")
        return {key: _harmless(value) for key, value in message.items()}


def _harmless(value: Any) -> Any:
    """Return what a guest said as something that can be written anywhere: valid text, and integers of 64 bits."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        return 0
    return value
