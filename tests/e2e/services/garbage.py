"""Services that write over the channel that their input came through, as a guest gone wrong may."""

from __future__ import annotations

import ctypes
import itertools
from pathlib import Path

import numpy as np

from guests.service import Tensor

_calls = itertools.count(1)
_BLOCK_BYTES = 512
_USED_INDEX = 1152 + 2  # of a ring with four slots, docs/ring.md


def _region(tensor: np.ndarray) -> tuple[int, int]:
    """Return address and size of the mapping that holds a tensor."""
    wanted = tensor.ctypes.data
    for line in Path("/proc/self/maps").read_text().splitlines():
        start, end = (int(part, 16) for part in line.split()[0].split("-"))
        if start <= wanted < end:
            return start, end - start
    raise LookupError(f"{wanted:#x} is not mapped")


def everything(tensor: Tensor["uint8", 120, 160, 3]) -> Tensor["uint8", 120, 160, 3]:
    """Fill the whole region with one value at the third picture."""
    copy = np.array(tensor)
    if next(_calls) == 3:
        start, size = _region(tensor)
        ctypes.memset(start, 0xA5, size)
    return copy


def own_half(tensor: Tensor["uint8", 120, 160, 3]) -> Tensor["uint8", 120, 160, 3]:
    """Claim at the third picture to have returned more than there ever was, and never go on."""
    copy = np.array(tensor)
    if next(_calls) == 3:
        start, _ = _region(tensor)
        ctypes.memset(start + _USED_INDEX, 0x7F, 2)
        while True:
            pass
    return copy


def other_half(tensor: Tensor["uint8", 120, 160, 3]) -> Tensor["uint8", 120, 160, 3]:
    """Spoil at the third picture what only the producer may write: its header and its descriptors."""
    copy = np.array(tensor)
    if next(_calls) == 3:
        start, _ = _region(tensor)
        ctypes.memset(start, 0xA5, _BLOCK_BYTES)
        ctypes.memset(start + 2 * _BLOCK_BYTES, 0xA5, 64)
    return copy


def silence(tensor: Tensor["uint8", 120, 160, 3]) -> Tensor["uint8", 120, 160, 3]:
    """Wipe the whole region at the third picture, as if nobody had ever been there."""
    copy = np.array(tensor)
    if next(_calls) == 3:
        start, size = _region(tensor)
        ctypes.memset(start, 0, size)
    return copy
