"""A sensor that plays back what was recorded."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from numpy.typing import NDArray

from machines.native.participant import SensorDevice
from virtio_shm import Producer, TensorSpec

_SECOND_NS = 1_000_000_000


class RecordingDevice(SensorDevice):
    """Sends the rows of an array, one after the other at a rate; each is one tensor.

    Where a channel drops, it is a sensor like any other: what is not taken in time is lost. Where it blocks, nothing is
    lost: samples wait, even for the other end to start.

    Parameters:
        name: the device.
        rows: what is sent, [rows, ...]; the dtype is one of `virtio_shm.tensor.DTYPES`.
        rate: samples per virtual second.
        start: the row of sample 0.
        count: stops after this many samples; None: begins again after the last row and never stops.

    Raises:
        ValueError: there is no row to start with.
    """

    def __init__(self, name: str, rows: NDArray[Any], rate: Fraction, start: int = 0, count: int | None = None) -> None:
        if not 0 <= start < len(rows):
            raise ValueError(f"recording {name}: no row {start}; it has {len(rows)}")
        super().__init__(name, TensorSpec(rows.dtype.name, rows.shape[1:]), count)
        self._rows, self._rate, self._start = rows, rate, start

    def row(self, sample: int) -> int:
        """Return the row that is sent as sample 0, 1, ..."""
        return (self._start + sample) % len(self._rows)

    def sample_ns(self, sample: int) -> int:
        """Return when a sample is taken."""
        return sample * _SECOND_NS * self._rate.denominator // self._rate.numerator

    def fill(self, sample: int, slot: NDArray[Any]) -> None:
        """Copy a row."""
        slot[...] = self._rows[self.row(sample)]

    def waits(self, end: Producer) -> bool:
        """Tell whether samples wait for a channel's other end to start: where it blocks."""
        return end.overflow == "block"
