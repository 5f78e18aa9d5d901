"""A service that sends a tensor for each row, to several others, and one that is far too slow for them."""

from __future__ import annotations

import time

import numpy as np

from guests.service import Tensor


def make(row: Tensor["uint8", 8]) -> Tensor["uint8", 8]:
    """Send a row on."""
    return row


def follow(row: Tensor["uint8", 8], newest: Tensor["uint8", 8] | None = None) -> None:
    """Work for 25 ms on what came, and hold it meanwhile."""
    until_ns = time.monotonic_ns() + 25_000_000
    while time.monotonic_ns() < until_ns:
        np.sort(row)
