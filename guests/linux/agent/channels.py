"""The two ends of a channel as the runtime uses them: rings, and whom to ring when."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from virtio_shm import Consumer, Frame, Layout, Producer, RingError, TensorSpec

Ring = Callable[[int], None]
Clock = Callable[[], int]


class ChannelEnd:
    """What an input and an output have in common.

    Parameters:
        channel: its part of the manifest: `name`, `index`, `dtype`, `shape`, `depth`, `overflow`, `event_index`.
        end: the ring's end.
        ring: rings the host.

    Attributes:
        name: of the channel.
        vector: its doorbell.
    """

    def __init__(self, channel: Mapping[str, Any], end: Consumer | Producer, ring: Ring) -> None:
        self.name: str = channel["name"]
        self.vector: int = 1 + channel["index"]
        self._ring = ring
        self._any_end = end

    def connect(self) -> tuple[bool, bool]:
        """Do our part of setting up the channel; return whether it is up, and whether we went a step towards it.

        Raises:
            RingError: the other end broke the ring, and has not started again since.
        """
        try:
            up = self._any_end.poll_ready()
        finally:
            moved = self.announce()
        return up, moved

    def announce(self) -> bool:
        """Ring the other end if it must know of something that it was not rung for; return whether it was so."""
        due = self._any_end.announce()
        if due:
            self._ring(self.vector)
        return due


class Input(ChannelEnd):
    """A channel that a service takes tensors from.

    Parameters:
        channel: its part of the manifest.
        memory: the channel's region.
        ring: rings the host.
        clock: virtual time in ns.
        on_spoiled: told of each tensor that is not what the channel carries.
    """

    def __init__(
        self,
        channel: Mapping[str, Any],
        memory: memoryview,
        ring: Ring,
        clock: Clock,
        on_spoiled: Callable[[RingError], None] = lambda error: warnings.warn(str(error), stacklevel=2),
    ) -> None:
        self.on_spoiled = on_spoiled
        spec, layout = _geometry(channel)
        self._end = Consumer(memory, layout, spec=spec, clock=clock, event_index=channel.get("event_index", True))
        super().__init__(channel, self._end, ring)

    @property
    def due_ns(self) -> int | None:
        """When to come back for a tensor from this clock's future; nobody may ring for it."""
        return self._end.due_ns

    def take(self) -> Frame | None:
        """Return the next tensor; after None the channel is rung when one comes.

        Raises:
            RingError: the producer broke the ring. A single bad tensor is told to `on_spoiled` and skipped.
        """
        while True:
            try:
                frame = self._end.take()
            except RingError as error:
                if not error.spoiled:
                    raise
                self.on_spoiled(error)
                self.announce()
                continue
            if frame is None:
                self.announce()
            return frame

    def give_back(self, frame: Frame) -> None:
        """Return a tensor to its producer."""
        if self._end.give_back(frame):
            self._ring(self.vector)


class SampledInput(Input):
    """A channel of which a service takes the newest tensor only, and which nobody waits for.

    Tensors are taken as they come, so that whoever sends them is never held for long.
    """

    _newest: Frame | None = None

    def refresh(self) -> np.ndarray[Any, Any] | None:
        """Return the newest tensor since the last `release`, None if there is none; older ones go back.

        Raises:
            RingError: the producer broke the ring.
        """
        while (frame := self.take()) is not None:
            self.release()
            self._newest = frame
        return None if self._newest is None else self._newest.array

    def release(self) -> None:
        """Give back what `refresh` returned."""
        frame, self._newest = self._newest, None
        if frame is not None:
            self.give_back(frame)


class Output(ChannelEnd):
    """A channel that a service sends tensors into.

    Parameters:
        channel: its part of the manifest.
        memory: the channel's region.
        ring: rings the host.
        clock: virtual time in ns.
    """

    def __init__(self, channel: Mapping[str, Any], memory: memoryview, ring: Ring, clock: Clock) -> None:
        self._spec, layout = _geometry(channel)
        overflow = channel["overflow"]
        event_index = channel.get("event_index", True)
        self._end = Producer(memory, layout, overflow=overflow, clock=clock, event_index=event_index)
        super().__init__(channel, self._end, ring)
        self._blocks = overflow == "block"
        self._shape = tuple(channel["shape"])
        self._dtype = np.dtype(channel["dtype"])

    def check(self, tensor: Any) -> np.ndarray[Any, Any]:
        """Return what a service returned as an array.

        Raises:
            TypeError: it has another dtype or shape than the channel.
        """
        array = np.asarray(tensor)
        if array.shape != self._shape or array.dtype != self._dtype:
            shape = ",".join(map(str, array.shape))
            raise TypeError(f"channel {self.name} carries {self._spec}, not {array.dtype}[{shape}]")
        return array

    def send(self, tensor: np.ndarray[Any, Any], origin: Frame) -> bool:
        """Copy a tensor into the channel.

        Parameters:
            tensor: of the channel's dtype and shape, see `check`.
            origin: the input that it was made from, whose origin it inherits.

        Returns:
            False: the channel is full and blocks; try again when it is rung. True: sent, or dropped and counted by the
            ring, as its policy is to drop; who drops never waits.

        Raises:
            RingError: the consumer broke the ring.
        """
        slot = self._end.reserve(self._spec)
        if slot is None:
            self.announce()
            return not self._blocks
        slot[...] = tensor
        if self._end.commit(origin_sequence=origin.origin_sequence, origin_ns=origin.origin_ns):
            self._ring(self.vector)
        return True


def _geometry(channel: Mapping[str, Any]) -> tuple[TensorSpec, Layout]:
    quantisation = channel.get("scale", 1.0), channel.get("zero_point", 0)
    spec = TensorSpec(channel["dtype"], tuple(channel["shape"]), *quantisation)
    return spec, Layout.for_tensor(spec, channel["depth"])
