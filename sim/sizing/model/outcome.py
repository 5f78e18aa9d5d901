"""What the model found. Times are virtual ns; every figure is defined as in docs/report.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Times:
    """Many times summed up: nearest-rank percentiles, as in a report.

    From a histogram whose bins are 1/256 of an octave wide, so that memory does not grow with their number: a
    percentile is never below the exact one and at most 0.4 % above it. Least and greatest are exact; all are 0 where
    there is no value.
    """

    count: int
    min_ns: int
    p50_ns: int
    p95_ns: int
    p99_ns: int
    p99_9_ns: int
    max_ns: int


@dataclass(frozen=True, slots=True)
class RingOutcome:
    """What went through a ring.

    Attributes:
        offered: tensors that its producer wanted to send, those that were dropped included.
        delivered: that were taken.
        dropped: that were never taken as it was full.
        refused: of these, that were never written: a ring that drops the oldest refuses, too, what comes while its
            consumer has claimed every slot.
        stalls: how often its producer had to wait for room.
        occupancy_max: most slots held at once.
        level_ns: int64[depth + 1]; how long so many slots were held.
        latency: published to taken.
        age: sensor's sample to taken.
    """

    offered: int
    delivered: int
    dropped: int
    refused: int
    stalls: int
    occupancy_max: int
    level_ns: NDArray[np.int64]
    latency: Times
    age: Times

    @property
    def occupancy_mean(self) -> float:
        """Slots held, averaged over time."""
        total = int(self.level_ns.sum())
        return float(self.level_ns @ np.arange(len(self.level_ns))) / total if total else 0.0


@dataclass(frozen=True, slots=True)
class PathOutcome:
    """What arrived at the end of a path.

    Attributes:
        delivered: samples that arrived.
        missing: that never arrived though a later one did.
        late: of those delivered, that were older than the deadline.
        age: at their arrival.
    """

    delivered: int
    missing: int
    late: int
    age: Times


@dataclass(frozen=True, slots=True)
class NodeOutcome:
    """How busy a node, an accelerator or a link's busiest wire was.

    Attributes:
        busy_ns: how long it executed.
        calls: calls of each service; jobs of an accelerator under its own name.
    """

    busy_ns: int
    calls: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Series:
    """Occupancy over time in equal steps.

    Attributes:
        step_ns: length of a step.
        levels: int32[steps]; most slots held in each step.
    """

    step_ns: int
    levels: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one simulation of a plan found.

    Attributes:
        rings, paths, nodes: by name; accelerators and links are among the nodes.
        events: tensors that were published, taken, given back, dropped or sent over a wire.
        virtual_ns: how long was simulated.
        series: occupancy of each ring over time; empty unless asked for.
    """

    rings: Mapping[str, RingOutcome]
    paths: Mapping[str, PathOutcome]
    nodes: Mapping[str, NodeOutcome]
    events: int
    virtual_ns: int
    series: Mapping[str, Series]

    @property
    def dropped(self) -> int:
        """Tensors dropped on all rings."""
        return sum(ring.dropped for ring in self.rings.values())
