# SPDX-License-Identifier: Apache-2.0
"""Where everything lies in a channel's region (docs/ring.md): a function of depth and payload size alone."""

from __future__ import annotations

from dataclasses import dataclass, field

from virtio_shm.tensor import TensorSpec

MIN_DEPTH = 2
MAX_DEPTH = 32768  # VIRTIO 1.2, 2.7: the largest queue size
BLOCK_BYTES = 512  # one end's half of the header page
REFUSED_OFFSET = 92  # in the driver's block: tensors that it dropped before they were published
COUNTERS_OFFSET = 128  # of an end's counters in its block
FRAME_BYTES = 128  # tensor frame header before every payload
ALIGNMENT = 64  # of every part and every slot: a cache line, and more than any dtype needs
RECEIPT_BYTES = 32
MIN_MAPPING_BYTES = 4096  # a page: the least that can be mapped


def _aligned(offset: int) -> int:
    return -(-offset // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True)
class Layout:
    """The geometry of one channel. Both ends have it from their configuration, never from shared memory.

    Parameters
    ----------
    depth: slots, a power of two from 2 to 32768.
    payload_bytes: the largest payload of one tensor.

    Attributes
    ----------
    driver, device, descriptors, available, used, receipts, slots: offsets of the parts, in bytes.
    slot_bytes: distance from one slot to the next: frame header and payload, rounded up to 64.
    region_bytes: the exact need.
    mapping_bytes: the next power of two (a PCI BAR), at least a page.

    Raises
    ------
    ValueError: depth is not such a power of two, payload_bytes is below 1, or the region reaches 4 GiB.
    """

    depth: int
    payload_bytes: int
    driver: int = field(init=False, repr=False, default=0)
    device: int = field(init=False, repr=False, default=BLOCK_BYTES)
    descriptors: int = field(init=False, repr=False, default=2 * BLOCK_BYTES)
    available: int = field(init=False, repr=False)
    used: int = field(init=False, repr=False)
    receipts: int = field(init=False, repr=False)
    slots: int = field(init=False, repr=False)
    slot_bytes: int = field(init=False, repr=False)
    region_bytes: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        depth = self.depth
        if not MIN_DEPTH <= depth <= MAX_DEPTH or depth & (depth - 1):
            raise ValueError(f"depth {depth} is not a power of two from {MIN_DEPTH} to {MAX_DEPTH}")
        if self.payload_bytes < 1:
            raise ValueError(f"payload of {self.payload_bytes} bytes, at least 1 is needed")
        available = self.descriptors + 16 * depth
        used = _aligned(available + 6 + 2 * depth)
        receipts = _aligned(used + 6 + 8 * depth)
        slots = _aligned(receipts + RECEIPT_BYTES * depth)
        slot_bytes = _aligned(FRAME_BYTES + self.payload_bytes)
        region_bytes = slots + slot_bytes * depth
        if region_bytes >= 2**32:
            raise ValueError(f"{depth} slots of {slot_bytes} bytes: a region has less than 4 GiB")
        parts = {
            "available": available,
            "used": used,
            "receipts": receipts,
            "slots": slots,
            "slot_bytes": slot_bytes,
            "region_bytes": region_bytes,
        }
        for name, value in parts.items():
            object.__setattr__(self, name, value)

    @classmethod
    def for_tensor(cls, spec: TensorSpec, depth: int) -> Layout:
        """The layout of a channel that carries `spec` in `depth` slots."""
        return cls(depth, spec.bytes)

    @property
    def mapping_bytes(self) -> int:
        """Size of a mapping or PCI BAR that holds the region: a power of two, at least a page."""
        return max(MIN_MAPPING_BYTES, 1 << (self.region_bytes - 1).bit_length())

    def slot(self, number: int) -> int:
        """Offset of a slot's frame header.

        Raises
        ------
        IndexError: there is no such slot.
        """
        if not 0 <= number < self.depth:
            raise IndexError(f"slot {number} of {self.depth}")
        return self.slots + number * self.slot_bytes
