"""Memory of a process that simulates one plan after the other."""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""<malloc.h> of the GNU C library, mallopt(3)."""

_KEPT_BYTES = 256 << 20
_MAPPED_BYTES = 32 << 20
"""The most that the GNU C library takes for the threshold of 64-bit programs (DEFAULT_MMAP_THRESHOLD_MAX)."""


def keep_freed_memory() -> None:
    """Let the C library keep what is freed, as the next simulation needs as much again.

    Else each simulation gets its megabytes page by page from the kernel, which takes as long as the simulation. Where
    the C library is another one, nothing is changed.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)
