"""What result.json says of the system as a whole: schedule, faults, paths."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from typing_extensions import TypedDict

from sim.report.distribution import Distribution, distribution_us
from sim.report.record import FaultOutcome, FaultRecord, PartitionRecord, PathRecord, ScheduleRecord


class WindowResult(TypedDict):
    """A window of the major frame."""

    partition: str
    core: int
    offset_us: float
    length_us: float


class ScheduleResult(TypedDict):
    """How the partitions share the host's cores."""

    policy: str
    cores: int
    major_frame_us: float | None
    context_switch_us: float
    windows: list[WindowResult]


class FaultResult(TypedDict):
    """A fault and what came of it; `detection_us` and `recovery_us` count from its injection."""

    kind: str
    target: str
    outcome: FaultOutcome
    at_us: float | None
    injected_us: float | None
    detection_us: float | None
    recovery_us: float | None
    detail: str


class PathResult(TypedDict):
    """Data on its way from a sensor to its use; definitions in docs/report.md."""

    source: str
    target: str
    channels: list[str]
    delivered: int
    missing: int
    late: int | None
    age_us: Distribution
    interval_us: Distribution


def schedule_result(schedule: ScheduleRecord) -> ScheduleResult:
    """Return the schedule of a run."""
    return {
        "policy": schedule.policy,
        "cores": schedule.cores,
        "major_frame_us": _us(schedule.major_frame_ns),
        "context_switch_us": schedule.context_switch_ns / 1000,
        "windows": [
            {
                "partition": window.partition,
                "core": window.core,
                "offset_us": window.offset_ns / 1000,
                "length_us": window.length_ns / 1000,
            }
            for window in schedule.windows
        ],
    }


def fault_result(fault: FaultRecord) -> FaultResult:
    """Return what came of a fault."""
    return {
        "kind": fault.kind,
        "target": fault.target,
        "outcome": fault.outcome,
        "at_us": _us(fault.at_ns),
        "injected_us": _us(fault.injected_ns),
        "detection_us": _us(since(fault.injected_ns, fault.detected_ns)),
        "recovery_us": _us(since(fault.injected_ns, fault.recovered_ns)),
        "detail": fault.detail,
    }


def path_result(path: PathRecord) -> PathResult:
    """Return the figures of a path."""
    return {
        "source": path.source,
        "target": path.target,
        "channels": list(path.channels),
        "delivered": len(path.arrivals),
        "missing": len(path.missing),
        "late": None if path.deadline_ns is None else sum(age > path.deadline_ns for _, age, _ in path.arrivals),
        "age_us": distribution_us(age_ns for _, age_ns, _ in path.arrivals),
        "interval_us": distribution_us(intervals(t_ns for t_ns, _, _ in path.arrivals)),
    }


def intervals(times_ns: Iterable[int]) -> list[int]:
    """Return the times from each of some moments to the next, in ns; the moments may be in any order."""
    return [later - earlier for earlier, later in pairwise(sorted(times_ns))]


def since(begin_ns: int | None, end_ns: int | None) -> int | None:
    """Return how long after one moment another was; None where either never was."""
    return None if begin_ns is None or end_ns is None else end_ns - begin_ns


def scheduled_share(partition: PartitionRecord, end_ns: int) -> float | None:
    """Return the share of the run in which a partition had its cores; None where it always has its own."""
    if not partition.cores or not end_ns or not partition.slices:
        return None
    held_ns = sum(min(one.stop_ns, end_ns) - min(one.start_ns, end_ns) for one in partition.slices)
    return held_ns / end_ns / len(partition.cores)


def _us(t_ns: int | None) -> float | None:
    return None if t_ns is None else t_ns / 1000
