"""When a service can go on without a doorbell, with real rings in this process."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
import pytest

from guests.linux.agent.channels import Input, Output, SampledInput
from guests.linux.agent.runtime import Service
from virtio_shm import Consumer, Layout, Producer, TensorSpec

SPEC = TensorSpec("int32", (1,))
LAYOUT = Layout.for_tensor(SPEC, 2)
EARLY_NS = 500
"""By how much the clock of the other ends goes before that of the service."""


class Bench:
    """A service that returns its input, a sampled input beside it, and the other ends of its channels."""

    def __init__(self) -> None:
        self.now_ns = 1000
        regions = [memoryview(mmap.mmap(-1, LAYOUT.mapping_bytes)) for _ in range(3)]
        self.needed, self.sampled = (
            Producer(region, LAYOUT, overflow="block", clock=self._early) for region in regions[:2]
        )
        self.result = Consumer(regions[2], LAYOUT, spec=SPEC, clock=self._early)
        channels = [_channel(index) for index in range(3)]
        self._needed = Input(channels[0], regions[0], _unrung, self._clock)
        self._sampled = SampledInput(channels[1], regions[1], _unrung, self._clock)
        self._output = Output(channels[2], regions[2], _unrung, self._clock)
        self.service = Service("echo", _echo, [self._needed], [[self._output]], [self._sampled])
        ours = self._needed, self._sampled, self._output
        theirs = self.needed, self.sampled, self.result
        for _ in range(4):
            up = [end.connect()[0] for end in ours] + [end.poll_ready() for end in theirs]
        assert all(up)

    def _clock(self) -> int:
        return self.now_ns

    def _early(self) -> int:
        return self.now_ns + EARLY_NS


def _channel(index: int) -> dict[str, Any]:
    return {"name": f"c{index}", "index": index, "dtype": "int32", "shape": (1,), "depth": 2, "overflow": "block"}


def _unrung(vector: int) -> None:
    """Nobody listens: both ends are in this process."""


def _echo(value: np.ndarray[Any, Any], newest: np.ndarray[Any, Any] | None) -> np.ndarray[Any, Any]:
    return value.copy()


def _sent(end: Producer) -> None:
    assert end.send(SPEC, np.array([7], np.int32)) is not None


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_it_goes_on_when_a_tensor_from_the_future_comes_due(bench: Bench) -> None:
    assert bench.service.resumes_ns is None
    _sent(bench.needed)
    assert not bench.service.step()
    assert bench.service.resumes_ns == bench.now_ns + EARLY_NS
    bench.now_ns += EARLY_NS
    assert bench.service.step()
    assert bench.service.resumes_ns is None


def test_it_waits_for_room_alone_whatever_comes_due(bench: Bench) -> None:
    for _ in range(2):
        _sent(bench.needed)
        bench.now_ns += EARLY_NS
        assert bench.service.step()
    _sent(bench.needed)
    bench.now_ns += EARLY_NS
    _sent(bench.sampled)
    assert not bench.service.step()  # its output is full; the sampled tensor is from the future
    assert bench.service.resumes_ns is None
    bench.now_ns += EARLY_NS
    frame = bench.result.take()
    assert frame is not None
    bench.result.give_back(frame)
    assert bench.service.step()


def test_a_stall_hides_what_comes_due(bench: Bench) -> None:
    _sent(bench.needed)
    assert not bench.service.step()
    bench.service.stalled_until_ns = bench.now_ns + 10 * EARLY_NS
    assert bench.service.resumes_ns == bench.service.stalled_until_ns
