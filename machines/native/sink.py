"""A sink: takes whatever comes and sums it up."""

from __future__ import annotations

import hashlib

from machines.native.participant import ChannelEnd, NativeDevice
from virtio_shm import Consumer

_HASH_BYTES = 16


class SinkDevice(NativeDevice):
    """Takes every tensor at once.

    Attributes:
        taken: how many.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.taken = 0
        self._hash = hashlib.blake2b(digest_size=_HASH_BYTES)

    @property
    def digest(self) -> str:
        """BLAKE2b over dtype, shape and payload of all that was taken, in order, as hexadecimal text."""
        return self._hash.hexdigest()

    def _serve(self, vector: int, end: ChannelEnd) -> bool:
        assert isinstance(end, Consumer), "a sink takes"
        kick = False
        while (frame := end.take()) is not None:
            self.taken += 1
            self._hash.update(f"{frame.dtype}{list(frame.shape)}".encode())
            self._hash.update(frame.array.tobytes())
            kick |= end.give_back(frame)
        return kick
