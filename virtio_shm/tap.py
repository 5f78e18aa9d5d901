# SPDX-License-Identifier: Apache-2.0
"""A read-only observer of a channel, for the host."""

from __future__ import annotations

import ctypes
import struct
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from virtio_shm import interface
from virtio_shm.counters import Counters
from virtio_shm.end import Region
from virtio_shm.errors import ring_error
from virtio_shm.layout import COUNTERS_OFFSET, Layout
from virtio_shm.library import load
from virtio_shm.tensor import DTYPES

KINDS = ("", "restarted", "published", "taken", "returned", "revoked", "lost")  # enum vshm_tap_kind
_COUNTERS = struct.Struct("<11Q")  # struct vshm_counters


@dataclass(frozen=True)
class TapEvent:
    """Something that happened on a channel.

    Attributes
    ----------
    kind: "published" (everything up to `payload` is set), "taken" and "returned" (slot, sequence, taken_ns,
        returned_ns), "revoked" (slot, sequence: dropped by the producer), "lost" (`count` publications came
        and went between two polls), "restarted" (the producer opened a new session of epoch `count`).
    payload: read-only view of the tensor in its slot. It changes when the producer uses the slot again.
    """

    kind: str
    slot: int = 0
    sequence: int = 0
    produced_ns: int = 0
    origin_sequence: int = 0
    origin_ns: int = 0
    dtype: str = ""
    shape: tuple[int, ...] = ()
    scale: float = 1.0
    zero_point: int = 0
    payload: npt.NDArray[Any] | None = None
    taken_ns: int = 0
    returned_ns: int = 0
    count: int = 1


class Tap:
    """Watches a channel without writing to it.

    Parameters
    ----------
    memory: the channel's region; may be read-only.
    layout: the geometry, from the configuration.

    Raises
    ------
    ValueError: memory that does not fit.
    """

    def __init__(self, memory: Any, layout: Layout) -> None:
        self.layout = layout
        self._library = load()
        self._region = Region(memory, layout, writable=False)
        self._poll = self._library.vshm_tap_poll
        size = self._library.vshm_tap_bytes(layout.depth)
        self._private = (ctypes.c_uint64 * (-(-size // 8)))()
        self._state = ctypes.addressof(self._private)
        self._event = interface.TapEvent()
        self._event_at = ctypes.addressof(self._event)
        self._pending: list[TapEvent] = []  # found before an error
        self._library.vshm_tap_init(self._state, self._region.address, layout.depth, layout.payload_bytes)

    def poll(self) -> list[TapEvent]:
        """What happened since the last call: publications in order, then receipts, then drops.

        Nothing is missed as long as neither end has used a slot twice between two calls.

        Raises
        ------
        RingError: either side lied; what was found before it is returned by the next call's list.
        """
        events, self._pending = self._pending, []
        while (found := self._poll(self._state, self._event_at)) > 0:
            events.append(self._translated())
        if found < 0:
            self._pending = events
            fault = self._library.vshm_tap_fault(self._state).contents
            raise ring_error(fault.kind, fault.value, fault.limit, peer="driver")
        return events

    def counters(self) -> tuple[Counters, Counters]:
        """What producer and consumer show in their blocks of the header page: their word, which nobody checked."""
        blocks = (self.layout.driver, self.layout.device)
        shown = [self._region.bytes[block + COUNTERS_OFFSET :].data for block in blocks]
        return Counters(*_COUNTERS.unpack_from(shown[0])), Counters(*_COUNTERS.unpack_from(shown[1]))

    def _translated(self) -> TapEvent:
        event, frame = self._event, self._event.frame
        kind = KINDS[event.kind]
        if kind in ("lost", "restarted"):
            return TapEvent(kind, count=event.count)
        if kind != "published":
            return TapEvent(
                kind,
                slot=frame.id,
                sequence=frame.sequence,
                taken_ns=event.taken_ns,
                returned_ns=event.returned_ns,
            )
        tensor = frame.tensor
        dtype = DTYPES[tensor.dtype - 1]
        shape = tuple(tensor.dimensions[: tensor.rank])
        payload = self._region.view(frame.payload_offset, dtype, shape, tensor.payload_bytes)
        payload.flags.writeable = False
        return TapEvent(
            kind,
            slot=frame.id,
            sequence=frame.sequence,
            produced_ns=frame.produced_ns,
            origin_sequence=frame.origin_sequence,
            origin_ns=frame.origin_ns,
            dtype=dtype,
            shape=shape,
            scale=tensor.scale,
            zero_point=tensor.zero_point,
            payload=payload,
        )
