# SPDX-License-Identifier: Apache-2.0
"""The driver side of a channel: it owns the buffers, fills them in place and publishes them."""

from __future__ import annotations

import ctypes
from typing import Any, Literal

import numpy.typing as npt

from virtio_shm import interface
from virtio_shm.end import Clock, End
from virtio_shm.layout import FRAME_BYTES, Layout
from virtio_shm.tensor import TensorSpec

Overflow = Literal["block", "drop_newest", "drop_oldest"]


class Producer(End):
    """Publishes tensors.

    Parameters
    ----------
    memory: the channel's region (mmap, memoryview, ...), zeroed before either end touched it for the first time.
    layout: the geometry, from the configuration.
    overflow: when no slot is free, `reserve` returns None and counts a stall ("block"), returns None and counts
        a drop ("drop_newest"), or withdraws the oldest tensor that was not claimed ("drop_oldest"); if the consumer
        has claimed all of them, that is as with "drop_newest". Only "block" ever waits.
    clock: the producer's time in ns; read at each call.
    event_index: ring the doorbell only when the consumer sleeps, if it offers that.
    crc: put a CRC-32 into every frame.

    Raises
    ------
    ValueError: unknown policy, or memory that does not fit.
    LibraryError: the core cannot be built or loaded.
    """

    def __init__(
        self,
        memory: Any,
        layout: Layout,
        *,
        overflow: Overflow,
        clock: Clock,
        event_index: bool = True,
        crc: bool = False,
    ) -> None:
        if overflow not in interface.OVERFLOW:
            raise ValueError(f"overflow policy {overflow!r} is not one of {', '.join(interface.OVERFLOW)}")
        super().__init__(memory, layout, "driver", clock)
        self.overflow: Overflow = overflow
        self._reserve = self._library.vshm_driver_reserve
        self._commit = self._library.vshm_driver_commit
        self._send = self._library.vshm_driver_send
        self._spec: TensorSpec | None = None
        self._tensor = 0  # address of the struct vshm_tensor of the last spec
        self._views: list[npt.NDArray[Any] | None] = []  # of the last spec, by slot
        self._prepared: dict[TensorSpec, tuple[interface.Tensor, list[npt.NDArray[Any] | None]]] = {}
        self._is_reserved = False
        config = interface.DriverConfig(
            layout.depth, layout.payload_bytes, interface.OVERFLOW[overflow], event_index, crc
        )
        self._core("init")(self._state, self._region.address, ctypes.addressof(config), clock())

    def _prepare(self, spec: TensorSpec) -> None:
        prepared = self._prepared.get(spec)
        if prepared is None:
            if spec.bytes > self.layout.payload_bytes:
                raise ValueError(f"{spec} has {spec.bytes} bytes, a slot holds {self.layout.payload_bytes}")
            prepared = self._prepared[spec] = (interface.tensor(spec), [None] * self.layout.depth)
        self._spec = spec
        self._tensor = ctypes.addressof(prepared[0])
        self._views = prepared[1]

    def reserve(self, spec: TensorSpec) -> npt.NDArray[Any] | None:
        """The payload of a free slot, to be filled in place and then committed.

        A second call before `commit` or `cancel` gives the same slot again.

        Returns
        -------
        A writable view of `spec`'s dtype and shape, or None: no session, or no slot (see `overflow`). After a None
        from a full blocking ring the consumer kicks when it returns a tensor: sleep until then, and try again. A
        None from a ring that drops is the end of this tensor: it is counted as dropped, its sequence number is used
        up, and the next call is for the next tensor. Without a session nothing is counted.

        Raises
        ------
        ValueError: `spec` is larger than a slot.
        RingError: the consumer lied.
        """
        if spec is not self._spec:
            self._prepare(spec)
        number = self._reserve(self._state, self._clock())
        if number <= 0:
            if number:
                raise self._error()
            return None
        self._is_reserved = True
        view: npt.NDArray[Any] | None = self._views[number - 1]
        if view is None:
            offset = self.layout.slot(number - 1) + FRAME_BYTES
            view = self._region.view(offset, spec.dtype, spec.shape, spec.bytes)
            self._views[number - 1] = view
        return view

    def commit(self, *, origin_sequence: int | None = None, origin_ns: int | None = None) -> bool:
        """Publish the reserved slot, stamped with the clock's time.

        Parameters
        ----------
        origin_sequence, origin_ns: of the first ancestor; by default the tensor is its own origin. Both or none.

        Returns
        -------
        True if the consumer must be kicked.

        Raises
        ------
        RuntimeError: nothing is reserved.
        """
        if not self._is_reserved:
            raise RuntimeError("commit without reserve")
        self._is_reserved = False
        if origin_sequence is None or origin_ns is None:
            kick = self._commit(self._state, self._tensor, 0, 0, 0, self._clock())
        else:
            kick = self._commit(self._state, self._tensor, origin_sequence, origin_ns, 1, self._clock())
        return bool(kick)

    def send(self, spec: TensorSpec, payload: bytes | npt.NDArray[Any]) -> bool | None:
        """Reserve, copy and commit at once: the short way for small tensors, which are their own origin.

        Parameters
        ----------
        payload: an array of `spec`'s dtype and shape, or its bytes in C order.

        Returns
        -------
        None: nothing was sent, see `reserve`. Otherwise whether the consumer must be kicked.

        Raises
        ------
        ValueError: `payload` has not the size of `spec`.
        RingError: the consumer lied.
        """
        if spec is not self._spec:
            self._prepare(spec)
        content = payload if isinstance(payload, bytes) else payload.tobytes()
        if len(content) != spec.bytes:
            raise ValueError(f"{len(content)} bytes for a {spec} of {spec.bytes}")
        sent = self._send(self._state, self._tensor, content, self._clock())
        if sent > 0:
            self._is_reserved = False
            return bool(sent > 1)
        if sent:
            raise self._error()
        return None

    def cancel(self) -> None:
        """Give the reserved slot back without publishing it; nothing happens if none is reserved."""
        self._is_reserved = False
        self._core("cancel")(self._state)

    def restart(self) -> None:
        """See `End.restart`; a reserved slot is given up, too."""
        self._is_reserved = False
        super().restart()
