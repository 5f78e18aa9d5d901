# SPDX-License-Identifier: Apache-2.0
"""The ring between two processes of one machine, beside iceoryx2 and multiprocessing.

    python -m benchmarks.ring [--rounds 5] [--json]

Python against Python: every contender is driven through its own Python API, one call chain per message, producer and
consumer each a process of its own. Two loads:

    message  64 bytes; the producer copies 64 bytes of its own in, the consumer copies them out
    frame    1.2 MB (640 x 480 x 4); the producer writes every byte, the consumer sums every byte

Waiting: after 50 looks at nothing the ring and iceoryx2 sleep 20 us and look again ("polling"), or the ring sleeps on
an eventfd until it is rung ("doorbell", as in guests). multiprocessing sleeps in its queues. Nothing is dropped:
every contender blocks when 64 (messages) or 4 (frames) are under way. Rounds go through all contenders in turn; the
table has the medians. Both processes want a CPU for themselves: on a busy machine the figures say little.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import mmap
import multiprocessing
import os
import select
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import shared_memory
from typing import Any

import numpy as np

from virtio_shm import Consumer, Frame, Layout, Producer, TensorSpec

FORK = multiprocessing.get_context("fork")
LOOKS = 50  # at nothing, before a sleep
NAP_S = 20e-6  # where nobody rings
WARM_UP = 20  # one in this many messages goes by before the clock starts


@dataclass(frozen=True)
class Load:
    """What is sent: `count` tensors of `spec`, at most `depth` under way."""

    name: str
    spec: TensorSpec
    depth: int
    count: int

    @property
    def warm_up(self) -> int:
        return self.count // WARM_UP


MESSAGE = Load("message", TensorSpec("uint8", (64,)), 64, 200_000)
FRAME = Load("frame", TensorSpec("uint64", (640 * 480 * 4 // 8,)), 4, 4_000)


class Stopwatch:
    """Started when the warm-up is over, read after the last tensor. Counts, and checks that all content came."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.count = 0
        self.started = 0.0

    def one_more(self) -> bool:
        """Count one. False after the last one."""
        self.count += 1
        if self.count == self.load.warm_up:
            self.started = time.perf_counter()
        return self.count < self.load.count

    def rate(self) -> float:
        return (self.load.count - self.load.warm_up) / (time.perf_counter() - self.started)


class Patience:
    """How ring and iceoryx2 wait when they poll: the same for both."""

    def __init__(self) -> None:
        self.looks = 0

    def wait(self) -> None:
        self.looks += 1
        if self.looks % LOOKS == 0:
            time.sleep(NAP_S)


class Contender:
    """One way to get tensors from one process to another."""

    name: str

    def __init__(self, load: Load) -> None:
        self.load = load

    def produce(self) -> None:
        raise NotImplementedError

    def consume(self) -> float:
        """Tensors a second."""
        raise NotImplementedError

    def close(self) -> None:
        """Called in the parent when both processes have ended."""


class Ring(Contender):
    """virtio_shm, looking again and again."""

    name = "ring, polling"

    def __init__(self, load: Load) -> None:
        super().__init__(load)
        self.layout = Layout.for_tensor(load.spec, load.depth)
        self.memory = mmap.mmap(-1, self.layout.mapping_bytes)
        self.patience = Patience()

    def wait_for_slot(self) -> None:
        self.patience.wait()

    def wait_for_tensor(self) -> None:
        self.patience.wait()

    def kick_consumer(self) -> None: ...

    def kick_producer(self) -> None: ...

    def produce(self) -> None:
        spec, depth = self.load.spec, self.load.depth
        producer = Producer(self.memory, self.layout, overflow="block", clock=time.monotonic_ns)
        while not producer.poll_ready():
            if producer.announce():
                self.kick_consumer()
            os.sched_yield()
        self.kick_consumer()
        fill = self.send_messages if self.load is MESSAGE else self.send_frames
        fill(producer, spec)
        while producer.counters.popped < self.load.count - depth:
            producer.reserve(spec)
            producer.cancel()
            time.sleep(0.001)

    def send_messages(self, producer: Producer, spec: TensorSpec) -> None:
        body = bytes(range(64))
        for _ in range(self.load.count):
            while (kick := producer.send(spec, body)) is None:
                self.wait_for_slot()
            if kick:
                self.kick_consumer()

    def send_frames(self, producer: Producer, spec: TensorSpec) -> None:
        for number in range(self.load.count):
            while (array := producer.reserve(spec)) is None:
                self.wait_for_slot()
            array.fill(number)
            if producer.commit():
                self.kick_consumer()

    def consume(self) -> float:
        consumer = Consumer(self.memory, self.layout, spec=self.load.spec, clock=time.monotonic_ns)
        watch = Stopwatch(self.load)
        while not consumer.poll_ready():
            if consumer.announce():
                self.kick_producer()
            os.sched_yield()
        use = use_message if self.load is MESSAGE else use_frame
        more = True
        while more:
            frames, kick = consumer.exchange()
            if kick:
                self.kick_producer()
            if not frames:
                self.wait_for_tensor()
            for frame in frames:
                use(frame, watch.count)
                more = watch.one_more()
        rate = watch.rate()
        if consumer.exchange()[1]:
            self.kick_producer()
        return rate


def use_message(frame: Frame, number: int) -> None:
    assert len(frame.array.tobytes()) == 64


def use_frame(frame: Frame, number: int) -> None:
    assert int(frame.array.sum()) == number * frame.array.size


class RingWithDoorbells(Ring):
    """virtio_shm with the event index at work: an eventfd each way, rung only when the other end sleeps."""

    name = "ring, doorbell"

    def __init__(self, load: Load) -> None:
        super().__init__(load)
        self.to_consumer = os.eventfd(0, os.EFD_NONBLOCK)
        self.to_producer = os.eventfd(0, os.EFD_NONBLOCK)
        self.looks = 0

    def wait(self, bell: int) -> None:
        """Both ends call this only after a None, which asked the peer for a doorbell: nothing is lost by sleeping."""
        self.looks += 1
        if self.looks % LOOKS == 0 and select.select([bell], [], [], 1.0)[0]:
            os.eventfd_read(bell)

    def wait_for_slot(self) -> None:
        self.wait(self.to_producer)

    def wait_for_tensor(self) -> None:
        self.wait(self.to_consumer)

    def kick_consumer(self) -> None:
        os.eventfd_write(self.to_consumer, 1)

    def kick_producer(self) -> None:
        os.eventfd_write(self.to_producer, 1)

    def close(self) -> None:
        os.close(self.to_consumer)
        os.close(self.to_producer)


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
        content = self.memory.buf[: spec.bytes * self.load.depth]
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
        import importlib.metadata

        import iceoryx2  # noqa: F401

        return importlib.metadata.version("iceoryx2")
    except ImportError:
        return None


def measure(contender: Contender) -> float:
    """Run both processes to the end; tensors a second as the consumer saw them.

    Raises
    ------
    RuntimeError: one of the processes failed.
    """
    results, sender = FORK.Pipe(duplex=False)

    def consume() -> None:
        sender.send(contender.consume())
        os._exit(0)  # without waiting for the collector: nothing is left to be kept

    def produce() -> None:
        contender.produce()
        os._exit(0)

    processes = [FORK.Process(target=consume), FORK.Process(target=produce)]
    for process in processes:
        process.start()
    try:
        for _ in range(1200):
            if results.poll(0.1):
                break
            if any(process.exitcode for process in processes):
                raise RuntimeError(f"{contender.name}: a process failed")
        else:
            raise RuntimeError(f"{contender.name}: no result after 120 s")
        rate: float = results.recv()
        for process in processes:
            process.join(20)
    finally:
        for process in processes:
            process.kill()
            process.join()
        contender.close()
    return rate


def run(rounds: int, tell: Callable[[str], None]) -> dict[str, dict[str, float]]:
    """Medians, by load and contender."""
    contenders: list[type[Contender]] = [Ring, RingWithDoorbells]
    if iceoryx2_version():
        contenders.append(Iceoryx2)
    contenders.append(SharedMemoryAndQueue)
    medians: dict[str, dict[str, float]] = {}
    for load in (MESSAGE, FRAME):
        rates: dict[str, list[float]] = {kind.name: [] for kind in contenders}
        for number in range(rounds):
            tell(f"{load.name}: round {number + 1} of {rounds}")
            for kind in contenders:
                rates[kind.name].append(measure(kind(load)))
        medians[load.name] = {name: statistics.median(values) for name, values in rates.items()}
    return medians


def table(medians: dict[str, dict[str, float]]) -> str:
    """As plain text: rates, and the rate of the ring with doorbells over that of each contender."""
    lines = [f"{'':24}{'64 B messages/s':>18}{'ring is':>10}{'1.2 MB frames/s':>18}{'ring is':>10}"]
    for name in medians["message"]:
        cells = ""
        for load in ("message", "frame"):
            rate = medians[load][name]
            cells += f"{rate:18,.0f}{medians[load][RingWithDoorbells.name] / rate:9.2f}x"
        lines.append(f"{name:24}{cells}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="the medians as JSON on standard output")
    options = parser.parse_args()
    version = iceoryx2_version()
    medians = run(options.rounds, lambda text: print(text, file=sys.stderr))
    if options.json:
        print(json.dumps({"rounds": options.rounds, "iceoryx2": version, "per_second": medians}, indent=2))
        return 0
    python, rival = sys.version.split()[0], version or "missing"
    print(f"Medians of {options.rounds} rounds, {os.cpu_count()} CPUs, Python {python}, iceoryx2 {rival}")
    print(table(medians))
    if version is None:
        print("iceoryx2 is not installed: pip install iceoryx2==0.10.0")
    return 0


if __name__ == "__main__":
    sys.exit(main())
