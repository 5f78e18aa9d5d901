"""What sensors send: arrival curves of their samples, and when sample by sample is published.

A periodic stream with jitter has alpha(t) = ceil((t + J) / T): L. Thiele, S. Chakraborty and M. Naedele, Real-time
calculus for scheduling hard real-time systems, ISCAS 2000. Here samples are seen at boundaries only, each at the first
one that is not before its time (machines/native/participant.py), and those from before a ring opened come at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from sim.sizing.bounds.curves import UNLIMITED, Curve
from sim.sizing.plan import Ring, Sensor


@dataclass(frozen=True, slots=True)
class Phase:
    """When each tensor of a stream is published: the k-th, from 0, not before k T + earliest nor after k T + latest.

    Attributes:
        interval_ns: T.
        earliest_ns, latest_ns: the range.
        most: tensors that come; None: no limit.
    """

    interval_ns: Fraction
    earliest_ns: int
    latest_ns: int
    most: int | None = None

    def curve(self) -> Curve:
        """Return the arrival curve that follows."""
        width_ns = self.latest_ns - self.earliest_ns
        interval = self.interval_ns
        return Curve(lambda n: max(0, floor((n - 1) * interval) - width_ns), float(1 / interval), self.most)


@dataclass(frozen=True, slots=True)
class Stream:
    """The tensors that are published on a ring.

    Attributes:
        curve: how close they follow each other.
        phase: when each of them is published; None where that is not known, as some may be missing.
        why: what keeps the phase from being known, or the curve from being limited, in words.
    """

    curve: Curve
    phase: Phase | None = None
    why: str = ""


class Samples:
    """What one sensor publishes on one ring that always has room.

    Parameters:
        sensor: the device.
        ring: of its outputs.
        quantum_ns: distance of boundaries.
    """

    def __init__(self, sensor: Sensor, ring: Ring, quantum_ns: int) -> None:
        self._interval, self._jitter_ns, self._count = sensor.interval_ns, sensor.jitter_ns, sensor.count
        self._quantum_ns = quantum_ns
        self._open_ns = -(-ring.open_ns // quantum_ns) * quantum_ns
        self._waits = sensor.waits and ring.overflow == "block"

    @property
    def lag_ns(self) -> int:
        """Longest time from a sample to its publication: less than a quantum, or until the ring opens."""
        regular_ns = self._quantum_ns - 1
        if not self._open_ns:
            return regular_ns
        first = 0 if self._waits else self._first_seen()[0]
        return max(regular_ns, self._open_ns - floor(first * self._interval))

    def _first_seen(self) -> tuple[int, int]:
        """Return the range of the number of the first sample that is published, where samples pass before that.

        It is the last one from before the ring opens, which is within the quantum before the boundary.
        """
        closed_ns = self._open_ns - self._quantum_ns - self._jitter_ns
        earliest = max(0, floor(Fraction(closed_ns) / self._interval))
        latest = floor((self._open_ns + 1) / self._interval)
        last = latest if self._count is None else self._count - 1
        return min(earliest, last), min(latest, last)

    def curve(self) -> Curve:
        """Return the arrival curve of the samples at boundaries.

        n samples are (n - 1) T - J apart at least, and their boundaries at least so many whole quanta; and if the first
        of them is seen when the ring opens, the last one is still not seen before its own time.
        """
        first = 0 if self._waits else self._first_seen()[0]

        def span(samples: int) -> int:
            apart_ns = floor((samples - 1) * self._interval) - self._jitter_ns
            regular_ns = max(0, apart_ns // self._quantum_ns * self._quantum_ns)
            if not self._open_ns or samples == 1:
                return regular_ns
            last_ns = floor((first + samples - 1) * self._interval)
            after_ns = max(0, -(-last_ns // self._quantum_ns) * self._quantum_ns - self._open_ns)
            return min(regular_ns, after_ns)

        return Curve(span, float(1 / self._interval), self._count)

    def phase(self) -> Phase | None:
        """Return when each sample is published; None where it is not known how many pass before the ring opens."""
        first, last = (0, 0) if self._waits or not self._open_ns else self._first_seen()
        most = self._count
        if most is not None and last:
            if first != last:
                return None
            most -= first
        latest_ns = ceil(last * self._interval) + self._jitter_ns + self._quantum_ns
        return Phase(self._interval, floor(first * self._interval) - 1, max(latest_ns, self._open_ns), most)


def samples_on(sensor: Sensor, ring: Ring, quantum_ns: int, may_wait: bool) -> tuple[Stream, int | None]:
    """Return what a sensor publishes on a ring, and the longest time from a sample to that; None: no bound.

    Parameters:
        sensor: the device.
        ring: of its outputs.
        quantum_ns: distance of boundaries.
        may_wait: the ring may be full when a sample comes, and blocks.
    """
    if may_wait:
        return Stream(UNLIMITED, None, f"{sensor.name} may have to wait for room in {ring.name}"), None
    samples = Samples(sensor, ring, quantum_ns)
    return Stream(samples.curve(), samples.phase()), samples.lag_ns
