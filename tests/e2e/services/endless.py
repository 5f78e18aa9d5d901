"""A service that does not come back from its second picture."""

from __future__ import annotations

import itertools

import numpy as np

from guests.service import Tensor

_calls = itertools.count(1)


def relay(tensor: Tensor["uint8", 120, 160, 3]) -> Tensor["uint8", 120, 160, 3]:
    """Return one picture, then loop for ever."""
    while next(_calls) >= 2:
        pass
    return np.asarray(tensor)
