"""Computes with a thread for each processor, so that a guest with several of them uses them all."""

from __future__ import annotations

import os
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from guests.service import Tensor


class Parallel:
    """Checksums of the parts of a picture, each computed in a thread of its own.

    Parameters:
        rounds: how often each part is summed up; zlib lets other threads execute meanwhile

    Raises:
        ValueError: there are no rounds.
    """

    PARTS = 4

    def __init__(self, rounds: int = 20) -> None:
        if rounds < 1:
            raise ValueError(f"rounds must be at least 1, not {rounds}")
        self._rounds = rounds
        self._pool = ThreadPoolExecutor(os.cpu_count())
        print("processors", os.cpu_count())

    def __call__(self, frame: Tensor["uint8", 120, 160, 3]) -> Tensor["uint32", 4]:
        """Return the checksums, from the topmost part on.

        Parameters:
            frame: uint8[120, 160, 3], a small picture

        Returns:
            uint32[4]: CRC-32 (ISO 3309, as zlib computes it) of each quarter of the picture's rows, summed up again and
            again with the last result as the start
        """
        parts = np.split(np.asarray(frame), self.PARTS)
        return np.array(list(self._pool.map(self._sum, parts)), np.uint32)

    def _sum(self, part: np.ndarray) -> int:
        data, value = part.tobytes(), 0
        for _ in range(self._rounds):
            value = zlib.crc32(data, value)
        return value
