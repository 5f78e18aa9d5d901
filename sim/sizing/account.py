"""The exact memory account: what every ring takes, part by part, to the byte; and the bandwidth that it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sim.scenario.model import Scenario
from sim.sizing.plan import Plan


@dataclass(frozen=True, slots=True)
class Region:
    """The shared memory of one ring, in bytes; the parts, padding and `rounding` add up to `mapping`.

    Attributes:
        ring: its name.
        depth, payload_bytes: its geometry.
        header: the page of the two ends' blocks.
        descriptors, available, used, receipts: tables (docs/ring.md).
        frame_headers: before the payloads.
        payloads: the tensors themselves.
        padding: between parts and at the end of slots, so that all is aligned.
        region: sum of these.
        rounding: up to a power of two, as a PCI BAR must be.
        mapping: what a run creates.
    """

    ring: str
    depth: int
    payload_bytes: int
    header: int
    descriptors: int
    available: int
    used: int
    receipts: int
    frame_headers: int
    payloads: int
    padding: int
    region: int
    rounding: int
    mapping: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a ring costs of the memory's bandwidth.

    Attributes:
        tensors_per_s: that are published.
        written_bytes_per_s, read_bytes_per_s: by its producer and its consumer, payload and frame header.
        copies: of a tensor's payload: written once by the producer, copied out once where the consumer must.
    """

    tensors_per_s: float
    written_bytes_per_s: float
    read_bytes_per_s: float
    copies: int


@dataclass(frozen=True, slots=True)
class PartitionAccount:
    """Memory of one partition, in bytes.

    Attributes:
        own: its private memory (a guest's RAM); 0 for a microcontroller, whose memory is its board's.
        shared: mapped size of the rings that it has an end of.
        carve_out: of a microcontroller: window used by control page and rings.
        carve_out_available: of its board.
        arena: of its model's tensors; 0 without a model.
        ram_available: of its board; 0 for a guest.
    """

    own: int
    shared: int
    carve_out: int = 0
    carve_out_available: int = 0
    arena: int = 0
    ram_available: int = 0


@dataclass(frozen=True, slots=True)
class Account:
    """The memory of a scenario.

    Attributes:
        regions: of each ring, by name.
        traffic: of each ring, by name; empty where no rates are known.
        partitions: by name.
        guests_bytes: private memory of all Linux guests.
        shared_bytes: mapped size of all rings.
        host_bytes: memory of the machine; None: unlimited.
        bandwidth_bytes_per_s: of the machine's DDR; None: not told.
    """

    regions: Mapping[str, Region]
    traffic: Mapping[str, Traffic]
    partitions: Mapping[str, PartitionAccount]
    guests_bytes: int
    shared_bytes: int
    host_bytes: int | None
    bandwidth_bytes_per_s: int | None

    @property
    def bandwidth_used_bytes_per_s(self) -> float:
        """Written and read per second over all rings."""
        return sum(each.written_bytes_per_s + each.read_bytes_per_s for each in self.traffic.values())

    @property
    def bandwidth_share(self) -> float | None:
        """Share of the DDR's bandwidth; None where that is not told."""
        if not self.bandwidth_bytes_per_s:
            return None
        return self.bandwidth_used_bytes_per_s / self.bandwidth_bytes_per_s


def account(scenario: Scenario, plan: Plan, rates_hz: Mapping[str, float] | None = None) -> Account:
    """Return the memory account of a plan.

    Parameters:
        scenario: that the plan was made of.
        plan: its rings and their depths are what is counted.
        rates_hz: tensors published per second on each ring; None: not known.
    """
    raise NotImplementedError
