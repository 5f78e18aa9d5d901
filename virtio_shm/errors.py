# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a ring, in words."""

from __future__ import annotations


class LibraryError(Exception):
    """The ring's shared object can neither be found nor built. One line, with what to do."""


class RingError(Exception):
    """The other side lied. `side` and `kind` say who and how, `detail` with which numbers; one line.

    Attributes
    ----------
    side: "driver" (producer) or "device" (consumer): the one that lied.
    kind: a name of `KINDS`.
    detail: what was read and what it was held against.
    spoiled: only one tensor was bad; it went back to the producer and the ring goes on.
    """

    def __init__(self, side: str, kind: str, detail: str, *, spoiled: bool = False) -> None:
        super().__init__(f"{side} lied: {kind}: {detail}")
        self.side = side
        self.kind = kind
        self.detail = detail
        self.spoiled = spoiled


# In the order of enum vshm_kind (core/vshm.h): name, side that lied ("peer": whoever is opposite), text.
KINDS: tuple[tuple[str, str, str], ...] = (
    ("none", "peer", ""),
    ("layout", "peer", "not possible"),
    ("header", "peer", "its header starts with {value:#x}, not {limit:#x}, or has another version or role"),
    ("geometry", "peer", "depth {value_high}, payload {value_low}; here it is {limit_high} and {limit_low}"),
    ("features", "peer", "feature bits {value:#x} cannot be agreed with {limit:#x}"),
    ("needs_reset", "peer", "it reports a fault of this end (status {value:#x}) and waits for a restart"),
    ("available_index", "driver", "{value} entries announced, the ring can hold {limit}"),
    ("descriptor_id", "driver", "descriptor {value} offered, the last one is {limit}"),
    ("descriptor_busy", "driver", "descriptor {value} offered again before it was returned"),
    ("descriptor_flags", "driver", "flags {value:#x} on a single read-only buffer"),
    ("descriptor_address", "driver", "buffer at {value:#x} misaligned or outside the slots of {limit} bytes"),
    ("descriptor_length", "driver", "buffer of {value} bytes, frames have 128 to {limit}"),
    ("revoked_index", "driver", "revoked position {value} against {limit}: it went back, or never rested"),
    ("used_index", "device", "{value} descriptors returned, {limit} are in flight"),
    ("used_id", "device", "descriptor {value} returned, which it does not hold (depth {limit})"),
    ("used_length", "device", "{value} bytes written into a read-only buffer"),
    ("claimed_index", "device", "claim up to {value}, published are {limit}, or the claim went back"),
    ("skip_log", "device", "skip log at {value}, at most {limit} is possible"),
    ("receipt", "device", "returned at {value} ns what it took at {limit} ns"),
    ("frame_header", "driver", "frame header holds {value:#x} where {limit:#x} belongs"),
    ("frame_tensor", "driver", "no such tensor: dtype, rank or extent {value} (bound or axis {limit})"),
    ("frame_bytes", "driver", "payload of {value} bytes where {limit} belong"),
    ("frame_spec", "driver", "not the dtype and shape that the channel carries (dtype {value}, here {limit})"),
    ("frame_crc", "driver", "checksum {value:#x} does not fit the payload"),
)
FIRST_SPOILED = next(number for number, kind in enumerate(KINDS) if kind[0] == "frame_header")


def ring_error(number: int, value: int, limit: int, *, peer: str) -> RingError:
    """The error for a `struct vshm_fault`; `peer` is the role opposite the end that found it."""
    kind, side, text = KINDS[number]
    detail = text.format(
        value=value,
        limit=limit,
        value_high=value >> 32,
        value_low=value & 0xFFFFFFFF,
        limit_high=limit >> 32,
        limit_low=limit & 0xFFFFFFFF,
    )
    return RingError(peer if side == "peer" else side, kind, detail, spoiled=number >= FIRST_SPOILED)
