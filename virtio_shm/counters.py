# SPDX-License-Identifier: Apache-2.0
"""What each end counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Counters:
    """One end's account of a channel.

    Attributes
    ----------
    pushed: tensors published (producer), taken (consumer).
    popped: tensors that came back (producer), given back (consumer).
    dropped: tensors that the consumer never got (producer only): withdrawn, or never published as there was no room.
    kicks: doorbells that this end had to ring.
    stalls: times that a blocking producer found no slot and had to wait.
    faults: lies of the other side.
    occupancy: slots published and not yet returned, as this end knows it.
    high_water: the largest occupancy.
    occupancy_ns: integral of the occupancy over this end's clock, in slots times ns.
    since_ns, until_ns: the bounds of that integral.
    """

    pushed: int
    popped: int
    dropped: int
    kicks: int
    stalls: int
    faults: int
    occupancy: int
    high_water: int
    occupancy_ns: int
    since_ns: int
    until_ns: int

    @property
    def occupancy_mean(self) -> float:
        """Time-weighted mean occupancy in slots; 0 before any time has passed."""
        elapsed = self.until_ns - self.since_ns
        return self.occupancy_ns / elapsed if elapsed else 0.0
