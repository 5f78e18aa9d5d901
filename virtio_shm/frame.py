# SPDX-License-Identifier: Apache-2.0
"""A received tensor."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


class Frame:
    """A tensor in its slot: a read-only view without a copy, valid until it is given back.

    Attributes
    ----------
    array: the payload; the producer reuses the memory after `Consumer.give_back`.
    slot: number of the descriptor that carries it.
    sequence: the producer's number of this tensor; a gap means that tensors were dropped.
    produced_ns: when it was published, on the producer's clock.
    origin_sequence, origin_ns: of the first ancestor (the sensor's sample).
    scale, zero_point: quantisation, `real = scale * (stored - zero_point)`.
    """

    __slots__ = ("_fields", "array")

    def __init__(self, array: npt.NDArray[Any], fields: tuple[Any, ...]) -> None:
        """`fields`: slot, payload offset, scale, zero point, sequence, produced, origin's sequence and time."""
        self.array = array
        self._fields = fields  # unpacked by one call, looked at only when asked for

    @property
    def slot(self) -> int:
        return self._fields[0]  # type: ignore[no-any-return]

    @property
    def scale(self) -> float:
        return self._fields[2]  # type: ignore[no-any-return]

    @property
    def zero_point(self) -> int:
        return self._fields[3]  # type: ignore[no-any-return]

    @property
    def sequence(self) -> int:
        return self._fields[4]  # type: ignore[no-any-return]

    @property
    def produced_ns(self) -> int:
        return self._fields[5]  # type: ignore[no-any-return]

    @property
    def origin_sequence(self) -> int:
        return self._fields[6]  # type: ignore[no-any-return]

    @property
    def origin_ns(self) -> int:
        return self._fields[7]  # type: ignore[no-any-return]

    @property
    def dtype(self) -> str:
        """Element type, one of `virtio_shm.tensor.DTYPES`."""
        return str(self.array.dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """Extents."""
        return self.array.shape

    def dequantised(self) -> npt.NDArray[np.float64]:
        """The real values, as a new array."""
        return (self.array.astype(np.float64) - self.zero_point) * self.scale

    def __repr__(self) -> str:
        extents = ",".join(map(str, self.shape))
        return f"<Frame {self.sequence} {self.dtype}[{extents}] of {self.produced_ns} ns in slot {self.slot}>"
