"""What can be wrong with the samples of a sensor."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from machines.native.splitmix import SplitMix


class Distortion(Protocol):
    """Changes what a sensor sends; numbers and times of samples stay."""

    def source(self, sample: int) -> int:
        """Return which sample is really sent in place of this one."""

    def spoil(self, sample: int, values: NDArray[Any]) -> None:
        """Change a sample in place."""


class Frozen:
    """The same sample over and over.

    Parameters:
        sample: the one.
    """

    def __init__(self, sample: int) -> None:
        self._sample = sample

    def source(self, sample: int) -> int:
        """Return the one sample."""
        return self._sample

    def spoil(self, sample: int, values: NDArray[Any]) -> None:
        """Leave it as it is."""


class Noise:
    """Every value is off by a number that is uniformly distributed; whole numbers stay in their range.

    Parameters:
        amplitude: the largest change.
        seed: of the run.
    """

    def __init__(self, amplitude: int, seed: int) -> None:
        self._amplitude = amplitude
        self._seed = seed

    def source(self, sample: int) -> int:
        """Return the sample itself."""
        return sample

    def spoil(self, sample: int, values: NDArray[Any]) -> None:
        """Add the noise of this sample."""
        raw = np.random.Philox(key=SplitMix(self._seed, sample).next()).random_raw(values.size)
        off = (raw % np.uint64(2 * self._amplitude + 1)).astype(np.int64).reshape(values.shape) - self._amplitude
        if np.issubdtype(values.dtype, np.integer):
            limits = np.iinfo(values.dtype)
            values[...] = np.clip(values.astype(np.int64) + off, limits.min, limits.max)
        else:
            values[...] = values + off
