"""Faults of channels: memory that changes by itself, doorbells that get lost or never end.

What is changed belongs to one end of the ring, and counts as written by that end: nobody could tell the difference.
Offsets are those of docs/ring.md.
"""

from __future__ import annotations

import struct
import zlib

from machines.native.splitmix import SplitMix
from machines.participant import NEVER_NS
from sim.host.channel import Channel, End, Published
from sim.host.faults.strike import Momentary, Scene
from sim.scenario.faults import Fault
from virtio_shm.layout import FRAME_BYTES

_DESCRIPTOR_BYTES = 16
_INDEX = struct.Struct("<H")
_INDEX_OFFSET = 2
"""Of `idx` in the available and in the used ring."""


class _ChannelFault(Momentary):
    def __init__(self, fault: Fault, scene: Scene) -> None:
        self._channel: Channel = scene.ring(fault.target, fault.end)
        self._end: End = getattr(self._channel, fault.end)
        self._scene = scene
        self._random = SplitMix(scene.scenario.seed, zlib.crc32(f"{fault.kind} {fault.target}".encode()))
        self._count = fault.count

    def _noise(self, size: int) -> bytes:
        return bytes(self._random.below(256) for _ in range(size))

    def _blame(self) -> None:
        """Let the host look at the ring, as it does after the end has run."""
        self._scene.executive.inspect(self._channel, self._end.participant)


class _NextTensor(_ChannelFault):
    """Something of the next tensor is overwritten with random bytes before anybody takes it."""

    what = ""

    def begin(self, now_ns: int) -> str:
        """Wait for it."""
        self._channel.observers.append(self._overwrite)
        return f"the {self.what} of the next tensor is overwritten"

    def _overwrite(self, published: Published) -> None:
        self._channel.observers.remove(self._overwrite)
        start, size = self._place(published)
        self._channel.region.view[start : start + size] = self._noise(size)
        self._channel.attribute(self._channel.source)

    def _place(self, published: Published) -> tuple[int, int]:
        """Return offset and size of what is overwritten."""
        raise NotImplementedError

    def _slot(self, published: Published) -> int:
        """Return the number of the slot, and so of the descriptor, that a tensor is in."""
        payload: int = published.array.__array_interface__["data"][0] - self._channel.address
        layout = self._channel.layout
        return (payload - layout.slots) // layout.slot_bytes


class CorruptDescriptor(_NextTensor):
    """The descriptor of the next tensor is overwritten: its consumer gives the ring up."""

    what = "descriptor"

    def _place(self, published: Published) -> tuple[int, int]:
        offset = self._channel.layout.descriptors + self._slot(published) * _DESCRIPTOR_BYTES
        return offset, _DESCRIPTOR_BYTES


class CorruptHeader(_NextTensor):
    """The header of the next tensor is overwritten: its consumer refuses that tensor."""

    what = "header"

    def _place(self, published: Published) -> tuple[int, int]:
        return self._channel.layout.slot(self._slot(published)), FRAME_BYTES


class CorruptIndex(_ChannelFault):
    """The index of the producer's available ring, or of the consumer's used ring, jumps ahead."""

    def begin(self, now_ns: int) -> str:
        """Let it jump by more than the ring holds."""
        layout, memory = self._channel.layout, self._channel.region.view
        ring = layout.available if self._end == self._channel.source else layout.used
        (index,) = _INDEX.unpack_from(memory, ring + _INDEX_OFFSET)
        jump = layout.depth + 1 + self._random.below(0x7FFF - layout.depth)
        _INDEX.pack_into(memory, ring + _INDEX_OFFSET, (index + jump) & 0xFFFF)
        self._blame()
        return f"the index of the {'available' if ring == layout.available else 'used'} ring jumps by {jump}"


class LostDoorbell(_ChannelFault):
    """The next doorbells of an end are not delivered."""

    def begin(self, now_ns: int) -> str:
        """Lose them."""
        losing = self._scene.executive.doorbells.losing
        losing[self._end] = losing.get(self._end, 0) + self._count
        return f"the next {self._count} doorbell{'s are' if self._count > 1 else ' is'} lost"


class DoorbellStorm(_ChannelFault):
    """An end rings at every boundary, without need."""

    def __init__(self, fault: Fault, scene: Scene) -> None:
        super().__init__(fault, scene)
        self._until_ns = NEVER_NS
        self._lasts_ns = fault.lasts_ns or 0

    def begin(self, now_ns: int) -> str:
        """Join the overseers, who act at boundaries."""
        self._until_ns = now_ns + self._lasts_ns
        self._next_ns = now_ns
        self._scene.executive.overseers.append(self)
        return f"a doorbell at every boundary for {self._lasts_ns / 1e6:g} ms"

    @property
    def wake_ns(self) -> int:
        """The next boundary."""
        return self._next_ns

    def act(self, now_ns: int) -> None:
        """Ring."""
        if now_ns >= self._until_ns:
            self._next_ns = NEVER_NS
            return
        self._next_ns = now_ns + 1
        self._scene.executive.doorbells.ring(now_ns, self._end, self._channel)
