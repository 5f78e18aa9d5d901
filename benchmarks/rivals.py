# SPDX-License-Identifier: Apache-2.0
"""What the ring is held against: iceoryx2, and what comes with Python."""

from __future__ import annotations

import ctypes
import importlib.metadata
import os
import time
from multiprocessing import shared_memory
from typing import Any

import numpy as np

from benchmarks.contender import FORK, MESSAGE, Contender, Load, Patience, Stopwatch


class Iceoryx2(Contender):
    """iceoryx2's publish-subscribe of byte slices, looking again and again."""

    name = "iceoryx2, polling"

    def __init__(self, load: Load) -> None:
        super().__init__(load)
        self.is_done = FORK.Event()
        self.service = f"benchmark/{os.getpid()}/{time.monotonic_ns()}"

    def _service(self) -> Any:
        import iceoryx2

        iceoryx2.set_log_level(iceoryx2.LogLevel.Error)
        node = iceoryx2.NodeBuilder.new().create(iceoryx2.ServiceType.Ipc)
        builder = node.service_builder(iceoryx2.ServiceName.new(self.service))
        typed = builder.publish_subscribe(iceoryx2.Slice[ctypes.c_uint8])
        bounded = typed.enable_safe_overflow(False).subscriber_max_buffer_size(self.load.depth)
        return node, bounded.max_publishers(1).max_subscribers(1).open_or_create()

    def produce(self) -> None:
        import iceoryx2

        node, service = self._service()
        builder = service.publisher_builder().initial_max_slice_len(self.load.spec.bytes)
        publisher = builder.backpressure_strategy(iceoryx2.BackpressureStrategy.RetryUntilDelivered).create()
        size, body, copy = self.load.spec.bytes, bytes(range(64)), ctypes.memmove
        number = 0
        while number < self.load.count:
            sample = publisher.loan_slice_uninit(size)
            if self.load is MESSAGE:
                copy(sample.payload_ptr, body, 64)
            else:
                np.frombuffer(sample.payload().as_memory_view(), np.uint64).fill(number)
            number += sample.assume_init().send()  # receivers: 0 until the consumer is there
        self.is_done.wait(10)  # the publisher owns the memory that the consumer still reads
        del node

    def consume(self) -> float:
        node, service = self._service()
        subscriber = service.subscriber_builder().create()
        watch = Stopwatch(self.load)
        is_message, read, patience = self.load is MESSAGE, ctypes.string_at, Patience()
        while True:
            sample = subscriber.receive()
            if sample is None:
                patience.wait()
                continue
            if is_message:
                assert len(read(sample.payload_ptr, 64)) == 64
            else:
                array = np.frombuffer(sample.payload().as_memory_view(), np.uint64)
                assert int(array.sum()) == watch.count * array.size
                del array
            del sample
            if not watch.one_more():
                break
        rate = watch.rate()
        self.is_done.set()
        subscriber.delete()
        del node
        return rate


class SharedMemoryAndQueue(Contender):
    """multiprocessing.shared_memory for the content, two queues of slot numbers for the order."""

    name = "multiprocessing, queue"

    def __init__(self, load: Load) -> None:
        super().__init__(load)
        self.memory = shared_memory.SharedMemory(create=True, size=load.spec.bytes * load.depth)
        self.full: Any = FORK.SimpleQueue()
        self.free: Any = FORK.SimpleQueue()
        for slot in range(load.depth):
            self.free.put(slot)

    def _slots(self) -> Any:
        spec = self.load.spec
        memory: Any = self.memory.buf
        content = memory[: spec.bytes * self.load.depth]
        return np.frombuffer(content, spec.dtype).reshape(self.load.depth, *spec.shape)

    def produce(self) -> None:
        slots = self._slots()
        body = np.arange(64, dtype=np.uint8)
        for number in range(self.load.count):
            slot = self.free.get()
            if self.load is MESSAGE:
                slots[slot] = body
            else:
                slots[slot].fill(number)
            self.full.put(slot)

    def consume(self) -> float:
        slots = self._slots()
        watch = Stopwatch(self.load)
        while True:
            slot = self.full.get()
            if self.load is MESSAGE:
                assert len(slots[slot].tobytes()) == 64
            else:
                assert int(slots[slot].sum()) == watch.count * slots[slot].size
            self.free.put(slot)
            if not watch.one_more():
                return watch.rate()

    def close(self) -> None:
        self.memory.close()
        self.memory.unlink()


def iceoryx2_version() -> str | None:
    """The installed version, or None."""
    try:
        import iceoryx2  # noqa: F401

        return importlib.metadata.version("iceoryx2")
    except ImportError:
        return None
