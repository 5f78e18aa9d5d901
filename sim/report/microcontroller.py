"""What result.json says of microcontrollers and of the links to those that stand on a board of their own."""

from __future__ import annotations

from typing_extensions import TypedDict

from sim.report.distribution import Counts, Distribution, counts, distribution_us
from sim.report.record import LinkRecord, McuRecord, PartitionRecord, TrafficRecord


class InferencesResult(TypedDict):
    """The inferences of a microcontroller: what each took.

    `duration_us` is virtual time as it passed in the run; `computed_us` is the same instructions at the speed of the
    real board, which differs where the run has scaled the clock.
    """

    count: int
    lost: int
    instructions: Counts
    duration_us: Distribution
    computed_us: Distribution


class McuResult(TypedDict):
    """What only a microcontroller has; sizes in bytes."""

    core: str
    backend: str
    backend_note: str
    mips: float
    board_mips: float
    clock_scaled: bool
    firmware: str
    flash_bytes: int
    board_flash_bytes: int
    ram_bytes: int
    board_ram_bytes: int
    window_bytes: int
    stack_bytes: int
    stack_high_water: int
    arena_bytes: int
    arena_high_water: int
    inferences: InferencesResult


class TrafficResult(TypedDict):
    """What went over a link in one direction."""

    tensors: int
    bytes: int
    packets: int
    busy_share: float
    worst_transit_us: float


class LinkResult(TypedDict):
    """The link of a microcontroller; `sent` and `received` are as the microcontroller sees them."""

    kind: str
    rate_hz: float
    latency_us: float
    mtu_bytes: int
    sent: TrafficResult
    received: TrafficResult


def mcu_result(partition: PartitionRecord, mcu: McuRecord) -> McuResult:
    """Return the figures of a microcontroller.

    Parameters:
        partition: what it has in common with other partitions.
        mcu: what it has not.
    """
    inferences = mcu.inferences
    return {
        "core": mcu.core,
        "backend": partition.backend,
        "backend_note": mcu.backend_note,
        "mips": partition.mips,
        "board_mips": mcu.board_mips,
        "clock_scaled": partition.mips != mcu.board_mips,
        "firmware": mcu.firmware,
        "flash_bytes": mcu.flash_bytes,
        "board_flash_bytes": mcu.board_flash_bytes,
        "ram_bytes": mcu.ram_bytes,
        "board_ram_bytes": mcu.board_ram_bytes,
        "window_bytes": mcu.window_bytes,
        "stack_bytes": mcu.stack_bytes,
        "stack_high_water": mcu.stack_high_water,
        "arena_bytes": mcu.arena_bytes,
        "arena_high_water": mcu.arena_high_water,
        "inferences": {
            "count": len(inferences) + mcu.lost_inferences,
            "lost": mcu.lost_inferences,
            "instructions": counts([each.instructions for each in inferences]),
            "duration_us": distribution_us([each.end_ns - each.start_ns for each in inferences]),
            "computed_us": distribution_us([round(each.instructions * 1000 / mcu.board_mips) for each in inferences]),
        },
    }


def link_result(link: LinkRecord, end_ns: int) -> LinkResult:
    """Return the figures of a link.

    Parameters:
        link: what went over it.
        end_ns: virtual time at which the run ended; 0 gives a busy share of 0.
    """
    return {
        "kind": link.kind,
        "rate_hz": link.rate_hz,
        "latency_us": link.latency_ns / 1000,
        "mtu_bytes": link.mtu_bytes,
        "sent": _traffic(link.sent, end_ns),
        "received": _traffic(link.received, end_ns),
    }


def _traffic(traffic: TrafficRecord, end_ns: int) -> TrafficResult:
    return {
        "tensors": traffic.tensors,
        "bytes": traffic.bytes,
        "packets": traffic.packets,
        "busy_share": traffic.busy_ns / end_ns if end_ns else 0.0,
        "worst_transit_us": traffic.worst_transit_ns / 1000,
    }
