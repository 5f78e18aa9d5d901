# SPDX-License-Identifier: Apache-2.0
"""Tensors over VIRTIO 1.2 split virtqueues in shared memory (docs/ring.md).

A `Producer` (the driver side) fills slots in place, a `Consumer` (the device side) reads them in place and gives them
back, a `Tap` watches. All three are thin over the C core in `core/`, which also runs in guests and in firmware.
Depends on the standard library and numpy only: the same files are copied into Linux guests.
"""

from __future__ import annotations

from virtio_shm.consumer import Consumer
from virtio_shm.counters import Counters
from virtio_shm.errors import LibraryError, RingError
from virtio_shm.frame import Frame
from virtio_shm.layout import Layout
from virtio_shm.library import load
from virtio_shm.producer import Producer
from virtio_shm.tap import Tap, TapEvent
from virtio_shm.tensor import TensorSpec

__all__ = [
    "Consumer",
    "Counters",
    "Frame",
    "Layout",
    "LibraryError",
    "Producer",
    "RingError",
    "Tap",
    "TapEvent",
    "TensorSpec",
    "counter",
]


def counter() -> int:
    """The CPU's cycle counter; in a guest under icount with shift 0 these are virtual nanoseconds."""
    return int(load().vshm_counter())
