"""Looking at a ring while both of its ends go on."""

from __future__ import annotations

import struct
from dataclasses import replace

from virtio_shm import RingError, Tap, TapEvent
from virtio_shm.layout import RECEIPT_BYTES

# Where things lie: docs/ring.md.
_SEQUENCE = struct.Struct("<Q")
_SEQUENCE_OFFSET = 48  # in a slot
_RECEIPT = struct.Struct("<QQQ")  # sequence, taken_ns, returned_ns
_INDEX = struct.Struct("<H")
_INDEX_OFFSET, _RING_OFFSET = 2, 4  # in the available ring
_EPOCH = struct.Struct("<I")
_EPOCH_OFFSET, _FEATURES_OFFSET, _REVOKED_OFFSET = 20, 32, 64  # in the driver's block
_REVOKE = 1  # the feature's bit

_ROUNDS = 8
"""Looks at one ring in a row; a producer that is faster than this is not followed to the end."""


class FreeTap(Tap):
    """An observer whose tensors are copies, each made while its slot was not used for another one.

    A tensor whose slot was free again before the copy was finished has no `payload`: what was copied may be half of
    the next one.
    """

    def poll(self) -> list[TapEvent]:
        """What happened since the last call; see `Tap.poll`.

        Raises:
            RingError: either side lied; what was found before it is returned by the next call.
        """
        found: list[TapEvent] = []
        for _ in range(_ROUNDS):
            try:
                batch = super().poll()
            except RingError:
                self._pending = found + self._pending
                raise
            found += map(self._copied, batch)
            if not any(each.kind == "published" for each in batch):
                break
        return found

    def _copied(self, event: TapEvent) -> TapEvent:
        """Return an event with a tensor of its own, or with none, or as lost where not even its header is sure."""
        if event.kind != "published" or event.payload is None:
            return event
        epoch = self._epoch
        content = event.payload.copy()
        if self._has_left(event) or self._epoch != epoch:
            content = None
        memory = self._region.bytes.data
        (sequence,) = _SEQUENCE.unpack_from(memory, self.layout.slot(event.slot) + _SEQUENCE_OFFSET)
        return replace(event, payload=content) if sequence == event.sequence else TapEvent("lost")

    @property
    def _epoch(self) -> int:
        epoch: int = _EPOCH.unpack_from(self._region.bytes.data, self.layout.driver + _EPOCH_OFFSET)[0]
        return epoch

    def _has_left(self, event: TapEvent) -> bool:
        """Return whether the producer may have begun to fill a tensor's slot again: it came back, or was withdrawn.

        An end says so before it lets go: the consumer by its receipt, the producer by its revoked position. So what was
        read before it was not said is whole.
        """
        memory, layout = self._region.bytes.data, self.layout
        sequence, _, returned_ns = _RECEIPT.unpack_from(memory, layout.receipts + RECEIPT_BYTES * event.slot)
        if sequence > event.sequence or (sequence == event.sequence and returned_ns):
            return True
        if not memory[layout.driver + _FEATURES_OFFSET] & _REVOKE:
            return False
        (index,) = _INDEX.unpack_from(memory, layout.available + _INDEX_OFFSET)
        (revoked,) = _INDEX.unpack_from(memory, layout.driver + _REVOKED_OFFSET)
        for back in range(1, layout.depth + 1):
            position = (index - back) & 0xFFFF
            place = layout.available + _RING_OFFSET + 2 * (position & (layout.depth - 1))
            if _INDEX.unpack_from(memory, place)[0] == event.slot:
                return bool(0 < (revoked - position) & 0xFFFF < 0x8000)
        return True
