# SPDX-License-Identifier: Apache-2.0
"""What every contender of `benchmarks.ring` is: a load, a way of waiting, two processes' bodies."""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import dataclass

from virtio_shm import TensorSpec

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
