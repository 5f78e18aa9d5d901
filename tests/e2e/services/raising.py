"""A service that gives up at its third picture."""

from __future__ import annotations

import itertools

import numpy as np

from guests.service import Tensor

_calls = itertools.count(1)


def relay(tensor: Tensor["uint8", 120, 160, 3]) -> Tensor["uint8", 120, 160, 3]:
    """Return two pictures, then raise."""
    if next(_calls) == 3:
        raise ValueError("the third picture is one too many")
    return np.asarray(tensor)
