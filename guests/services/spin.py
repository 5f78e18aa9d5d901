"""Keeps its processor busy: for every picture it computes for long, so that there is always another one waiting."""

from __future__ import annotations

import numpy as np

from guests.service import Tensor


class Spin:
    """A service with more to do than there is time.

    Parameters:
        rounds: steps of computation for each picture; each is some thousand instructions of the interpreter

    Raises:
        ValueError: there are no rounds.
    """

    def __init__(self, rounds: int = 10_000) -> None:
        if rounds < 1:
            raise ValueError(f"rounds must be at least 1, not {rounds}")
        self._rounds = rounds
        self._state = 1

    def __call__(self, frame: Tensor["uint8", 120, 160]) -> Tensor["uint32", 1]:
        """Compute; return the number that the computation has come to.

        Parameters:
            frame: uint8[120, 160], a grey picture, of which only one pixel is used

        Returns:
            uint32[1]: state of a linear congruential generator (multiplier and increment of ISO C's example of rand)
        """
        state = self._state ^ int(np.asarray(frame)[0, 0])
        for _ in range(self._rounds):
            state = (state * 1_103_515_245 + 12_345) & 0x7FFFFFFF
        self._state = state
        return np.array([state], np.uint32)
