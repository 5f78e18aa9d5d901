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
import json
import mmap
import os
import select
import statistics
import sys
import time
from collections.abc import Callable

from benchmarks.contender import FORK, FRAME, LOOKS, MESSAGE, Contender, Load, Patience, Stopwatch
from benchmarks.rivals import Iceoryx2, SharedMemoryAndQueue, iceoryx2_version
from virtio_shm import Consumer, Frame, Layout, Producer, TensorSpec


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
