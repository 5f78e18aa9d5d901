"""Who may write what in a ring, held against who wrote: docs/ring.md gives every word one writer."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from virtio_shm import Layout

_MOST_BYTES = 64 << 10
"""Bookkeeping of rings that are deeper than some 1300 slots is not compared at every boundary: it takes too long."""

_HEADER = struct.Struct("<IHHIII")  # magic, version, role, depth, payload_bytes, region_bytes: docs/ring.md
_STATUS = struct.Struct("<I")
_STATUS_OFFSET = 28
_MAGIC, _VERSION, _DRIVER, _DEVICE = 0x4D485356, 1, 1, 2


class Ownership:
    """Remembers what both ends wrote into a ring's bookkeeping, to notice one that writes what it may not.

    Tensors are left out: an end that writes over them harms nothing but their content, which no one else vouches for.

    Parameters:
        memory: the region.
        layout: its geometry.
        producer, consumer: the participants at its ends.
    """

    def __init__(self, memory: memoryview, layout: Layout, producer: str, consumer: str) -> None:
        parts = {
            producer: ((layout.driver, layout.device), (layout.descriptors, layout.used)),
            consumer: ((layout.device, layout.descriptors), (layout.used, layout.slots)),
        }
        geometry = (layout.depth, layout.payload_bytes, layout.region_bytes)
        roles = {producer: _DRIVER, consumer: _DEVICE}
        self._headers = {end: _HEADER.pack(_MAGIC, _VERSION, role, *geometry) for end, role in roles.items()}
        self._views: Mapping[str, tuple[memoryview, ...]] = {}
        if layout.slots <= _MOST_BYTES and producer != consumer:
            self._views = {end: tuple(memory[start:stop] for start, stop in spans) for end, spans in parts.items()}
        self._known: dict[str, list[bytes]] = {}

    def complaint(self, actor: str) -> str:
        """Return what an end did wrong if it is the only one that wrote since the last call; empty: nothing.

        Parameters:
            actor: the end; any other name: both may have written, and nothing is held against them.
        """
        found = ""
        for end, views in self._views.items():
            now = [bytes(view) for view in views]
            if actor in self._views and end != actor and self._known.get(end, now) != now:
                found = "wrote what only its other end may"
            self._known[end] = now
        return found or self._forgery(actor)

    def _forgery(self, actor: str) -> str:
        """Return what is wrong with the header of an end's own block; it counts once its status is not 0."""
        if actor not in self._known:
            return ""
        block, header = self._known[actor][0], self._headers[actor]
        if not any(_STATUS.unpack_from(block, _STATUS_OFFSET)) or block.startswith(header):
            return ""
        return "its own header does not say what the ring is"
