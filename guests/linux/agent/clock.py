"""The time of a run as a guest reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from virtio_shm import library

_FRACTION_BITS = 40
"""Of the host's ns for a count: machines/qemu/realtime/clock.py."""


class SimulationClock:
    """Time of the run: the CPU's counter, which counts ns of virtual time, less what it was at time 0.

    Attributes:
        counter: shows the CPU's counter; in real time, once started, as ns since time 0.
    """

    def __init__(self) -> None:
        self.offset_ns = 0
        self.counter: Callable[[], int] = library.load().vshm_counter

    def start(self, order: Mapping[str, Any]) -> None:
        """Set the clock.

        Parameters:
            order: what the host says: `offset_ns`, and in real time `zero`, what the counter showed at time 0, and
                `ns_per_count`, a multiple of 2^-40.
        """
        self.offset_ns = order["offset_ns"]
        if "zero" in order:
            counter, zero, ns_per_count = self.counter, order["zero"], order["ns_per_count"]
            self.counter = lambda: max(0, (counter() - zero) * ns_per_count >> _FRACTION_BITS)

    def __call__(self) -> int:
        return self.counter() - self.offset_ns
