"""Sends back what it receives: the smallest service there is."""

from __future__ import annotations

import numpy as np

from guests.service import Tensor


def echo(tensor: Tensor["uint8", 120, 160, 3]) -> Tensor["uint8", 120, 160, 3]:
    """Return a tensor unchanged.

    Parameters:
        tensor: uint8[120, 160, 3], a small picture

    Returns:
        The same array; sending copies it into the next ring.
    """
    return np.asarray(tensor)
