# SPDX-License-Identifier: Apache-2.0
"""What a tensor is, apart from its content."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

# In the order of enum vshm_dtype (core/vshm.h), which starts at 1. The names are numpy's.
DTYPES: tuple[str, ...] = (
    "bool",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "uint32",
    "int32",
    "uint64",
    "int64",
    "float16",
    "float32",
    "float64",
)
ITEM_BYTES: dict[str, int] = dict(zip(DTYPES, (1, 1, 1, 2, 2, 4, 4, 8, 8, 2, 4, 8), strict=True))
MAX_RANK = 6
MAX_PAYLOAD_BYTES = 2**32 - 1


@dataclass(frozen=True)
class TensorSpec:
    """Element type, shape and quantisation of a tensor.

    Parameters
    ----------
    dtype: one of `DTYPES`.
    shape: extents, each at least 1; at most six of them; `()` is a scalar.
    scale, zero_point: of `real = scale * (stored - zero_point)`; 1.0 and 0 where nothing is quantised.

    Raises
    ------
    ValueError: unknown dtype, more than six dimensions, an extent below 1, 4 GiB or more, or a zero point
        that is no 32-bit integer.
    """

    dtype: str
    shape: tuple[int, ...]
    scale: float = 1.0
    zero_point: int = 0

    def __post_init__(self) -> None:
        if self.dtype not in ITEM_BYTES:
            raise ValueError(f"dtype {self.dtype!r} is not one of {', '.join(DTYPES)}")
        if len(self.shape) > MAX_RANK:
            raise ValueError(f"{len(self.shape)} dimensions, at most {MAX_RANK} fit into a frame header")
        if any(extent < 1 for extent in self.shape):
            raise ValueError(f"shape {self.shape} has an extent below 1")
        if self.bytes > MAX_PAYLOAD_BYTES:
            raise ValueError(f"{self.bytes} bytes, a payload has at most {MAX_PAYLOAD_BYTES}")
        if not -(2**31) <= self.zero_point < 2**31:
            raise ValueError(f"zero point {self.zero_point} is no 32-bit integer")

    @cached_property
    def bytes(self) -> int:
        """Size of the payload."""
        return ITEM_BYTES[self.dtype] * math.prod(self.shape)

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join(map(str, self.shape))}]"
