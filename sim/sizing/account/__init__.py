"""The exact memory account: what every ring takes, part by part, to the byte; and the bandwidth that it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from machines.mcu.window import needed_bytes
from sim.scenario.checks.firmware import MODEL
from sim.scenario.files import File
from sim.scenario.firmware import FirmwareProblem, model_facts
from sim.scenario.model import LinuxPartition, McuPartition, Scenario
from sim.sizing.account.copies import copies_in, copies_out
from sim.sizing.errors import SizingError
from sim.sizing.plan import Plan, Ring
from virtio_shm import Layout
from virtio_shm.layout import FRAME_BYTES, RECEIPT_BYTES


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

    Every tensor is written into its slot once and read from it once, whoever does so. One that a full ring drops as
    the oldest was written but is never read: what is read is then less than said here.

    Attributes:
        tensors_per_s: that are published.
        written_bytes_per_s, read_bytes_per_s: by its producer and its consumer, payload and frame header.
        copies: of a tensor's payload from other memory into the slot, and from the slot into other memory, see
            `sim.sizing.account.copies`; 0: made in place and used in place.
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
        carve_out_available: of its board; the smallest window of the backends that may run it.
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

    @property
    def memory_share(self) -> float | None:
        """Share of the machine's memory that guests and rings take; None where that is unlimited, or nothing."""
        return (self.guests_bytes + self.shared_bytes) / self.host_bytes if self.host_bytes else None

    @property
    def shortages(self) -> tuple[str, ...]:
        """What is not enough, a line each; none where all fits."""
        found = []
        need, has = self.guests_bytes + self.shared_bytes, self.host_bytes
        if has is not None and need > has:
            found.append(f"host: guests and rings need {need:,} bytes, its memory has {has:,}")
        if self.bandwidth_share is not None and self.bandwidth_share > 1:
            used, carried = self.bandwidth_used_bytes_per_s, self.bandwidth_bytes_per_s
            found.append(f"host: tensors need {used:,.0f} bytes per second, its memory carries {carried:,}")
        for name, each in self.partitions.items():
            if each.carve_out > each.carve_out_available:
                window = f"its window has {each.carve_out_available:,}"
                found.append(f"{name}: control page and rings need {each.carve_out:,} bytes, {window}")
            if each.arena > each.ram_available:
                found.append(
                    f"{name}: its model computes in {each.arena:,} bytes, its board has {each.ram_available:,}"
                )
        return tuple(found)


@lru_cache(maxsize=1 << 14)
def region(name: str, depth: int, payload_bytes: int) -> Region:
    """Return the parts of a ring's region (docs/ring.md), from the layout that both its ends and the host use.

    Parameters:
        name: of the ring.
        depth: tensors that it holds.
        payload_bytes: size of a tensor.

    Raises:
        SizingError: there is no ring like that.
    """
    try:
        layout = Layout(depth, payload_bytes)
    except ValueError as error:
        raise SizingError(f"ring {name}: {error}") from None
    parts = {
        "header": layout.descriptors,  # they begin where the two blocks end
        "descriptors": layout.available - layout.descriptors,  # without a gap: docs/ring.md
        "available": 6 + 2 * depth,  # VIRTIO 1.2, 2.7.6: flags, idx, ring[], used_event
        "used": 6 + 8 * depth,  # 2.7.8: flags, idx, {id, len}[], avail_event
        "receipts": RECEIPT_BYTES * depth,
        "frame_headers": FRAME_BYTES * depth,
        "payloads": payload_bytes * depth,
    }
    return Region(
        ring=name,
        depth=depth,
        payload_bytes=payload_bytes,
        **parts,
        padding=layout.region_bytes - sum(parts.values()),
        region=layout.region_bytes,
        rounding=layout.mapping_bytes - layout.region_bytes,
        mapping=layout.mapping_bytes,
    )


def account(scenario: Scenario, plan: Plan, rates_hz: Mapping[str, float] | None = None) -> Account:
    """Return the memory account of a plan.

    Parameters:
        scenario: that the plan was made of.
        plan: its rings and their depths are what is counted.
        rates_hz: tensors published per second on each ring; a ring without has no traffic in it. None: not known.

    Raises:
        SizingError: a ring of the plan cannot be, or a model of the scenario cannot be read any more.
    """
    rings = plan.rings.values()
    mapped: dict[str, list[int]] = {name: [] for name in scenario.partitions}
    for ring in rings:
        for node in {ring.source, ring.target} & mapped.keys():  # a ring with both ends on one guest is mapped once
            mapped[node].append(region(ring.name, ring.depth, ring.payload_bytes).mapping)
    rates = rates_hz or {}
    return Account(
        regions={ring.name: region(ring.name, ring.depth, ring.payload_bytes) for ring in rings},
        traffic={ring.name: _traffic(plan, ring, rates[ring.name]) for ring in rings if ring.name in rates},
        partitions={name: _partition(name, each, mapped[name]) for name, each in scenario.partitions.items()},
        guests_bytes=sum(guest.memory_bytes for guest in scenario.linux_guests.values()),
        shared_bytes=plan.memory_bytes,
        host_bytes=scenario.host.memory_bytes,
        bandwidth_bytes_per_s=scenario.host.bandwidth_bytes_per_s,
    )


def _traffic(plan: Plan, ring: Ring, rate_hz: float) -> Traffic:
    bytes_per_s = rate_hz * (FRAME_BYTES + ring.payload_bytes)
    return Traffic(rate_hz, bytes_per_s, bytes_per_s, copies_in(plan, ring.source) + copies_out(plan, ring.target))


def _partition(name: str, partition: LinuxPartition | McuPartition, mapped: Sequence[int]) -> PartitionAccount:
    """Return the account of a partition that maps regions of these sizes."""
    if isinstance(partition, LinuxPartition):
        return PartitionAccount(own=partition.memory_bytes, shared=sum(mapped))
    board = partition.board
    return PartitionAccount(
        own=0,
        shared=sum(mapped),
        carve_out=needed_bytes(mapped),
        carve_out_available=min(board.backends[backend].window.bytes for backend in partition.backends),
        arena=_arena_bytes(name, partition),
        ram_available=board.ram_bytes,
    )


def _arena_bytes(name: str, partition: McuPartition) -> int:
    models = (service.settings.get(MODEL) for service in partition.services.values())
    try:
        return sum(model_facts(model.path).arena_bytes for model in models if isinstance(model, File))
    except (FirmwareProblem, OSError) as error:
        raise SizingError(f"{name}: {error}") from None
