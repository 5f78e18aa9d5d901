"""The rival of the sizing model: the same pipeline as a user of SimPy would write it, a process for each participant.

A channel is a `simpy.Store` whose capacity is its depth; a tensor counts as published when it is put, as taken when it
is got, and as given back at the end of the call. There are no quanta, no doorbells and no statistics but the ages.
"""

from __future__ import annotations

from collections.abc import Generator
from itertools import count
from typing import Any

import simpy

Steps = Generator[simpy.Event, Any, None]


class Pipeline:
    """A sensor, services one after the other, and a sink.

    Parameters:
        interval_ns: of the sensor.
        holds_ns: execution time of each service.
        depth: of each channel.
    """

    def __init__(self, interval_ns: float, holds_ns: list[int], depth: int) -> None:
        self.environment = simpy.Environment()
        self.events = 0
        self.ages: list[float] = []
        stores = [simpy.Store(self.environment, depth) for _ in range(len(holds_ns) + 1)]
        self.environment.process(self._sensor(interval_ns, stores[0]))
        for hold_ns, source, target in zip(holds_ns, stores, stores[1:], strict=False):
            self.environment.process(self._service(hold_ns, source, target))
        self.environment.process(self._sink(stores[-1]))

    def run(self, until_ns: int) -> int:
        """Simulate up to a time; return how many tensors were published, taken and given back."""
        self.environment.run(until=until_ns)
        return self.events

    def _sensor(self, interval_ns: float, out: simpy.Store) -> Steps:
        for sample in count(1):
            yield out.put(self.environment.now)
            self.events += 1
            yield self.environment.timeout(sample * interval_ns - self.environment.now)

    def _service(self, hold_ns: int, source: simpy.Store, target: simpy.Store) -> Steps:
        while True:
            origin_ns = yield source.get()
            yield self.environment.timeout(hold_ns)
            yield target.put(origin_ns)
            self.events += 3

    def _sink(self, source: simpy.Store) -> Steps:
        while True:
            origin_ns = yield source.get()
            self.ages.append(self.environment.now - origin_ns)
            self.events += 2
