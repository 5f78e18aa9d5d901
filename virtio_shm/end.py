# SPDX-License-Identifier: Apache-2.0
"""What producer, consumer and tap have in common: a region, private memory for the core, errors."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from virtio_shm import interface
from virtio_shm.counters import Counters
from virtio_shm.errors import RingError, ring_error
from virtio_shm.layout import Layout
from virtio_shm.library import load

Clock = Callable[[], int]


class Region:
    """The shared memory of one channel, as numpy and as an address.

    Parameters
    ----------
    memory: anything with the buffer protocol, of at least `layout.region_bytes`.
    writable: refuse read-only memory.

    Raises
    ------
    ValueError: too small, read-only, or not aligned to 64 bytes.
    """

    def __init__(self, memory: Any, layout: Layout, *, writable: bool = True) -> None:
        self.bytes: npt.NDArray[np.uint8] = np.frombuffer(memory, np.uint8)
        if self.bytes.size < layout.region_bytes:
            raise ValueError(f"{self.bytes.size} bytes of memory, the layout needs {layout.region_bytes}")
        if writable and not self.bytes.flags.writeable:
            raise ValueError("the memory is read-only")
        self.address: int = self.bytes.ctypes.data
        if self.address % 64:
            raise ValueError(f"the memory starts at {self.address:#x}, which is not aligned to 64 bytes")

    def view(self, offset: int, dtype: str, shape: tuple[int, ...], count_bytes: int) -> npt.NDArray[Any]:
        """The bytes from `offset` as an array, without a copy."""
        return self.bytes[offset : offset + count_bytes].view(dtype).reshape(shape)


class End:
    """Base of the two ends: the core's private memory and how its answers become Python.

    Parameters
    ----------
    role: "driver" or "device", as in the names of the core's functions.
    """

    def __init__(self, memory: Any, layout: Layout, role: str, clock: Clock) -> None:
        self.layout = layout
        self._library = load()
        self._region = Region(memory, layout)
        self._clock = clock
        self._role = role
        size = self._core("bytes")(layout.depth)
        self._private = (ctypes.c_uint64 * (-(-size // 8)))()
        self._state = ctypes.addressof(self._private)

    def _core(self, name: str) -> Any:
        return getattr(self._library, f"vshm_{self._role}_{name}")

    def _error(self) -> RingError:
        fault = self._core("fault")(self._state).contents
        peer = "device" if self._role == "driver" else "driver"
        return ring_error(fault.kind, fault.value, fault.limit, peer=peer)

    def poll_ready(self) -> bool:
        """Take the next step of the negotiation, if there is one. Never blocks.

        Returns
        -------
        True while a session with the other end is open (both have said DRIVER_OK).

        Raises
        ------
        RingError: the other end cannot be agreed with, or has lied and not restarted since.
        """
        ready = self._core("poll")(self._state, self._clock())
        if ready < 0:
            raise self._error()
        return bool(ready)

    def announce(self) -> bool:
        """Must the peer be rung for something that no return value said?

        True once after each step of the negotiation, and after a spoiled tensor was sent back: ring the peer's
        doorbell then. Call it after `poll_ready`, and whenever `take` or `reserve` returns None or raises.
        """
        return bool(self._core("announce")(self._state))

    def restart(self) -> None:
        """Leave the session and ask for a new one, as a freshly started end does. Unreturned tensors are lost."""
        self._core("restart")(self._state, self._clock())

    @property
    def counters(self) -> Counters:
        """This end's account until now."""
        counted = self._core("counters")(self._state, self._clock()).contents
        return Counters(*(getattr(counted, name) for name in interface.COUNTERS))

    @property
    def features(self) -> int:
        """Feature bits of the session."""
        return int(self._core("features")(self._state))
