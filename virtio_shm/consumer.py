# SPDX-License-Identifier: Apache-2.0
"""The device side of a channel: it takes tensors, reads them in place and gives them back."""

from __future__ import annotations

import ctypes
import struct
from typing import Any

import numpy.typing as npt

from virtio_shm import interface
from virtio_shm.end import Clock, End
from virtio_shm.frame import Frame
from virtio_shm.layout import Layout
from virtio_shm.tensor import DTYPES, TensorSpec

# struct vshm_frame without dtype, shape and size: what Frame.__init__ lists
_FRAME = struct.Struct("<2I32xdi4x4Q")
_unpack = _FRAME.unpack_from
MOST_AT_ONCE = 64  # tensors of one `exchange`


class Consumer(End):
    """Takes tensors.

    Parameters
    ----------
    memory: the channel's region, zeroed before either end touched it for the first time.
    layout: the geometry, from the configuration.
    spec: dtype and shape that every tensor must have; None takes whatever comes.
    clock: the consumer's time in ns; read at each call.
    event_index: offer to be rung only when asleep.
    revoke: offer the producer to withdraw tensors that were not taken (its policy "drop_oldest" needs it).

    Raises
    ------
    ValueError: memory that does not fit.
    LibraryError: the core cannot be built or loaded.
    """

    def __init__(
        self,
        memory: Any,
        layout: Layout,
        *,
        spec: TensorSpec | None = None,
        clock: Clock,
        event_index: bool = True,
        revoke: bool = True,
    ) -> None:
        super().__init__(memory, layout, "device", clock)
        self._spec = spec
        self._take = self._library.vshm_device_take
        self._give_back = self._library.vshm_device_give_back
        self._exchange = self._library.vshm_device_exchange
        self._frame = interface.Frame()
        self._frame_at = ctypes.addressof(self._frame)
        self._frame_bytes = memoryview(self._frame).cast("B")
        self._batch = (interface.Frame * min(layout.depth, MOST_AT_ONCE))()
        self._batch_at = ctypes.addressof(self._batch)
        self._batch_bytes = memoryview(self._batch).cast("B")
        self._exchanged = 0  # tensors in the batch that the last exchange gave out
        self._views: dict[int, npt.NDArray[Any]] = {}  # by payload offset
        expected = ctypes.pointer(interface.tensor(spec)) if spec else None
        config = interface.DeviceConfig(layout.depth, layout.payload_bytes, event_index, revoke, expected)
        self._core("init")(self._state, self._region.address, ctypes.addressof(config), clock())

    def _new_view(self, frame: interface.Frame) -> npt.NDArray[Any]:
        """The payload of a frame that the core has checked; kept if every tensor is of one shape."""
        tensor, offset = frame.tensor, frame.payload_offset
        shape = tuple(tensor.dimensions[: tensor.rank])
        view = self._region.view(offset, DTYPES[tensor.dtype - 1], shape, tensor.payload_bytes)
        view.flags.writeable = False
        if self._spec is not None:
            if len(self._views) >= 2 * self.layout.depth:
                self._views.clear()  # a producer that never repeats an address shall not fill our memory
            self._views[offset] = view
        return view

    def take(self) -> Frame | None:
        """The oldest tensor that nobody has taken.

        Several may be held at once and given back in any order.

        Returns
        -------
        None: no session, nothing there, or the next tensor lies in the future of this end's clock (see `due_ns`).
        After a None the producer kicks with its next tensor: sleep only then.

        Raises
        ------
        RingError: the producer lied. With `spoiled` set only this tensor was bad: call again.
        """
        taken = self._take(self._state, self._frame_at, self._clock())
        if taken <= 0:
            if taken:
                raise self._error()
            return None
        fields = _unpack(self._frame_bytes)
        view = self._views.get(fields[1])
        return Frame(self._new_view(self._frame) if view is None else view, fields)

    def give_back(self, frame: Frame) -> bool:
        """Return a tensor to the producer; its array must not be read any more.

        Returns
        -------
        True if the producer must be kicked.

        Raises
        ------
        ValueError: the frame is not held (given back before, or taken before a restart of this end).
        """
        kick = self._give_back(self._state, frame.slot, frame.sequence, self._clock())
        if kick < 0:
            raise ValueError(f"{frame!r} is not held")
        return bool(kick)

    def exchange(self, most: int = MOST_AT_ONCE) -> tuple[list[Frame], bool]:
        """Give back what the last exchange gave out and take what is there: one call of the core for all of it.

        For small tensors, where a call for each would cost more than the work. Frames of `take` are not touched;
        one of an exchange may also be given back alone.

        Parameters
        ----------
        most: tensors to take, up to 64 and the depth.

        Returns
        -------
        The tensors, oldest first, and whether the producer must be kicked. Sleep only after an empty list.

        Raises
        ------
        RingError: see `take`; what came before the bad tensor is returned first, the error by the next call.
        """
        most = min(most, len(self._batch))
        done = self._exchange(self._state, self._batch_at, self._exchanged, most, self._clock())
        self._exchanged = 0
        if done < 0:
            raise self._error()
        count = self._exchanged = done >> 1
        views, frames = self._views, []
        for number, fields in enumerate(_FRAME.iter_unpack(self._batch_bytes[: count * _FRAME.size])):
            view = views.get(fields[1])
            frames.append(Frame(self._new_view(self._batch[number]) if view is None else view, fields))
        return frames, bool(done & 1)

    def restart(self) -> None:
        """See `End.restart`."""
        self._exchanged = 0
        super().restart()

    @property
    def due_ns(self) -> int | None:
        """When the next tensor comes due that was found to lie in the future of this end's clock, if there is one.

        Its doorbell may have been spared (the producer saw this end awake): come back at that time.
        """
        return self._core("due")(self._state) or None
