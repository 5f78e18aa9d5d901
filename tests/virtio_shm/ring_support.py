# SPDX-License-Identifier: Apache-2.0
"""What several of the ring's tests need."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np

from virtio_shm import Consumer, Frame, Layout, Producer, TensorSpec

SPEC = TensorSpec("uint8", (4, 6), 0.5, -3)


class SteppingClock:
    """A clock in ns that moves on by one with every look."""

    def __init__(self) -> None:
        self.now = 1_000

    def __call__(self) -> int:
        self.now += 1
        return self.now


def region(layout: Layout) -> mmap.mmap:
    """Zeroed memory for a channel."""
    return mmap.mmap(-1, layout.mapping_bytes)


def agree(*ends: Any, rounds: int = 6) -> None:
    """Let both ends negotiate until both are ready.

    `ends` are real ones (`poll_ready`) or models of them (`poll`).
    """
    steps = [getattr(end, "poll_ready", None) or end.poll for end in ends]
    for _ in range(rounds):
        ready = [step() for step in steps]  # every one of them, also after a False
        if all(ready):
            return
    raise AssertionError(f"no session after {rounds} rounds")


def pair(
    depth: int = 4, *, spec: TensorSpec = SPEC, overflow: Any = "block", agreed: bool = True, **options: Any
) -> tuple[Producer, Consumer, mmap.mmap, SteppingClock]:
    """A producer and a consumer on fresh memory, negotiated unless told otherwise.

    `options`: "crc" goes to the producer, "revoke" to the consumer, "event_index" to both.
    """
    layout = Layout.for_tensor(spec, depth)
    memory = region(layout)
    clock = SteppingClock()
    event_index = options.get("event_index", True)
    producer = Producer(
        memory, layout, overflow=overflow, clock=clock, event_index=event_index, crc=options.get("crc", False)
    )
    consumer = Consumer(
        memory, layout, spec=spec, clock=clock, event_index=event_index, revoke=options.get("revoke", True)
    )
    if agreed:
        agree(producer, consumer)
    return producer, consumer, memory, clock


def content(number: int, spec: TensorSpec = SPEC) -> np.ndarray[Any, Any]:
    """A payload that tells which tensor it belongs to."""
    return np.random.default_rng(number).integers(0, 256, spec.shape).astype(spec.dtype)


def send(producer: Producer, number: int) -> bool | None:
    """Publish `content(number)`; None if no slot is free."""
    array = producer.reserve(SPEC)
    if array is None:
        return None
    array[...] = content(number)
    return producer.commit()


def take(consumer: Consumer, number: int) -> Frame:
    frame = consumer.take()
    assert frame is not None and frame.sequence == number
    assert (frame.array == content(number)).all()
    return frame
