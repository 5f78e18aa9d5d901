"""result.json: the figures of a run as a program reads them.

Everything in it but the keys of `WALL_KEYS` follows from the scenario, the seed and what is named in ``environment``:
two runs with one digest have equal results once `repeatable` has taken those keys away.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from os import PathLike, fspath
from typing import Any

from typing_extensions import TypedDict

from sim.report.distribution import Distribution, distribution_us
from sim.report.microcontroller import LinkResult, McuResult, link_result, mcu_result
from sim.report.record import ChannelRecord, ExpectationRecord, Health, Outcome, PartitionRecord, RunRecord, Span
from sim.report.system import (
    FaultResult,
    PathResult,
    ScheduleResult,
    fault_result,
    intervals,
    path_result,
    schedule_result,
    scheduled_share,
)

VERSION = 1
WALL_KEYS = ("wall_s", "boot", "wall")
"""The keys that hold readings of the host's clock or of its cache; they differ from run to run."""


class BootResult(TypedDict):
    """How a guest came up: cold or warm, and the seconds of the host's clock that it took."""

    kind: str
    seconds: float


class WallResult(TypedDict):
    """Readings of the host's clock."""

    seconds: float
    first_tensor_s: float | None
    virtual_per_wall: float | None
    phases: dict[str, float]


class ChannelResult(TypedDict):
    """A channel; definitions in docs/report.md."""

    source: str
    target: str
    dtype: str
    shape: list[int]
    depth: int
    overflow: str
    region_bytes: int
    messages: int
    delivered: int
    dropped: int
    sessions: int
    gaps: int
    lost: int
    rate_hz: float
    occupancy_max: int
    occupancy_mean: float
    latency_us: Distribution
    age_us: Distribution
    interval_us: Distribution
    producer: dict[str, int]
    consumer: dict[str, int]


class ServiceResult(TypedDict):
    """A service: how often it was called and how long a call took in virtual time."""

    calls: int
    duration_us: Distribution


class StateResult(TypedDict):
    """A partition came to another state of health."""

    t_us: float
    state: Health
    reason: str


class PartitionResult(TypedDict):
    """A partition, without its boot (that is under ``boot``)."""

    machine: str
    backend: str
    memory_bytes: int
    mips: float
    services: dict[str, ServiceResult]
    grants: int
    instructions: int | None
    vcpus: int
    cores: list[int]
    cpu_share: float | None
    configured_share: float | None
    scheduled_share: float | None
    doorbells_sent: int
    doorbells_received: int
    state: Health
    states: list[StateResult]
    restarts: int
    failed: str | None
    digest: str


class DeviceResult(TypedDict):
    """A device or a link.

    `digest`: only of a sink, hash of all that it took. `busy_share`: only of an accelerator, share of the time in which
    it worked.
    """

    kind: str
    description: str
    tensors: int
    digest: str | None
    busy_share: float | None


class ExpectationResult(TypedDict):
    """An expectation and what came of it."""

    text: str
    figure: str
    passed: bool
    actual: Any
    reason: str
    why: str
    seen_us: float | None
    trace_line: int | None
    evidence: str


class Result(TypedDict):
    """The whole of result.json."""

    version: int
    scenario: str
    scenario_file: str
    outcome: Outcome
    reason: str
    passed: bool
    digest: str
    seed: int
    time_mode: str
    quantum_ns: int
    duration_s: float
    virtual_time_s: float
    expectations: list[ExpectationResult]
    metrics: dict[str, Any]
    channels: dict[str, ChannelResult]
    partitions: dict[str, PartitionResult]
    microcontrollers: dict[str, McuResult]
    links: dict[str, LinkResult]
    devices: dict[str, DeviceResult]
    paths: dict[str, PathResult]
    schedule: ScheduleResult | None
    faults: dict[str, FaultResult]
    doorbells: int
    environment: dict[str, Any]
    notes: list[str]
    wall_s: float
    boot: dict[str, BootResult]
    wall: WallResult


def result(record: RunRecord) -> Result:
    """Return the figures of a run, ready for JSON, in a fixed order of keys.

    Parameters:
        record: the finished record.

    Returns:
        A new dict of plain values; not-a-number and infinity become None, which JSON can say.
    """
    end_ns = record.virtual_time_ns
    return {
        "version": VERSION,
        "scenario": record.scenario,
        "scenario_file": record.scenario_file,
        "outcome": record.outcome,
        "reason": record.reason,
        "passed": record.passed,
        "digest": record.digest,
        "seed": record.seed,
        "time_mode": record.time_mode,
        "quantum_ns": record.quantum_ns,
        "duration_s": record.duration_ns / 1e9,
        "virtual_time_s": end_ns / 1e9,
        "expectations": [_expectation(one) for one in record.expectations],
        "metrics": plain(record.metrics),
        "channels": {name: _channel(channel, end_ns) for name, channel in record.channels.items()},
        "partitions": {name: _partition(partition, end_ns) for name, partition in record.partitions.items()},
        "microcontrollers": {
            name: mcu_result(partition, partition.mcu)
            for name, partition in record.partitions.items()
            if partition.mcu is not None
        },
        "links": {name: link_result(link, end_ns) for name, link in record.links.items()},
        "devices": {
            name: {
                "kind": device.kind,
                "description": device.description,
                "tensors": device.tensors,
                "digest": device.digest,
                "busy_share": None if device.spans is None else _busy_share(device.spans, end_ns),
            }
            for name, device in record.devices.items()
        },
        "paths": {name: path_result(path) for name, path in record.paths.items()},
        "schedule": schedule_result(record.schedule) if record.schedule else None,
        "faults": {name: fault_result(fault) for name, fault in record.faults.items()},
        "doorbells": len(record.doorbells),
        "environment": plain(record.environment),
        "notes": list(record.notes),
        "wall_s": round(record.wall_s, 6),
        "boot": {name: _boot(partition) for name, partition in record.partitions.items()},
        "wall": _wall(record),
    }


def _busy_share(spans: Sequence[Span], end_ns: int) -> float:
    """Return the share of a run in which one call after the other went on."""
    return sum(max(0, min(span.end_ns, end_ns) - span.start_ns) for span in spans) / max(1, end_ns)


def repeatable(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result without what the host's clock and cache put into it: equal for runs of one digest.

    Parameters:
        figures: a result, from `result` or read from result.json.
    """
    return {key: value for key, value in figures.items() if key not in WALL_KEYS}


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of result.json."""
    from pydantic import TypeAdapter

    return TypeAdapter(Result).json_schema()


def services(partition: PartitionRecord) -> dict[str, ServiceResult]:
    """Return calls and durations of every service of a partition, those never called included.

    Parameters:
        partition: with its `services` in order and its `spans`.
    """
    durations: dict[str, list[int]] = {service: [] for service in partition.services}
    for span in partition.spans:
        durations.setdefault(span.service, []).append(span.end_ns - span.start_ns)
    return {
        service: {"calls": len(values), "duration_us": distribution_us(values)} for service, values in durations.items()
    }


def plain(value: Any) -> Any:
    """Return `value` as JSON can hold it: NumPy scalars and arrays, tuples, sets and paths made plain.

    Parameters:
        value: any nesting of mappings and sequences; what is not known is shown by `str`.

    Returns:
        None, bool, int, float (finite), str, list or dict.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=repr)
    if isinstance(value, PathLike):
        return str(fspath(value))
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, int) else str(value)


def _channel(channel: ChannelRecord, end_ns: int) -> ChannelResult:
    latencies = channel.latencies_ns
    return {
        "source": channel.source,
        "target": channel.target,
        "dtype": channel.dtype,
        "shape": list(channel.shape),
        "depth": channel.depth,
        "overflow": channel.overflow,
        "region_bytes": channel.region_bytes,
        "messages": channel.published,
        "delivered": len(latencies),
        "dropped": channel.dropped,
        "sessions": channel.sessions,
        "gaps": channel.gaps,
        "lost": channel.lost,
        "rate_hz": len(latencies) * 1e9 / end_ns if end_ns else 0.0,
        "occupancy_max": channel.occupancy_max,
        "occupancy_mean": channel.occupancy_mean(end_ns),
        "latency_us": distribution_us(latencies),
        "age_us": distribution_us(channel.ages_ns),
        "interval_us": distribution_us(intervals(one.taken_ns for one in channel.messages if one.taken_ns is not None)),
        "producer": asdict(channel.producer),
        "consumer": asdict(channel.consumer),
    }


def _partition(partition: PartitionRecord, end_ns: int) -> PartitionResult:
    busy = partition.busy_ns / end_ns if partition.busy_ns is not None and end_ns else None
    return {
        "machine": partition.machine,
        "backend": partition.backend,
        "memory_bytes": partition.memory_bytes,
        "mips": partition.mips,
        "services": services(partition),
        "grants": partition.grants,
        "instructions": partition.instructions,
        "vcpus": partition.vcpus,
        "cores": list(partition.cores),
        "cpu_share": busy,
        "configured_share": partition.configured_share,
        "scheduled_share": scheduled_share(partition, end_ns),
        "doorbells_sent": partition.doorbells_sent,
        "doorbells_received": partition.doorbells_received,
        "state": partition.state,
        "states": [{"t_us": one.t_ns / 1000, "state": one.state, "reason": one.reason} for one in partition.states],
        "restarts": partition.restarts,
        "failed": partition.failed,
        "digest": partition.digest,
    }


def _expectation(expectation: ExpectationRecord) -> ExpectationResult:
    return {
        "text": expectation.text,
        "figure": expectation.figure,
        "passed": expectation.passed,
        "actual": plain(expectation.actual),
        "reason": expectation.reason,
        "why": expectation.why,
        "seen_us": None if expectation.seen_ns is None else expectation.seen_ns / 1000,
        "trace_line": expectation.trace_line,
        "evidence": expectation.evidence,
    }


def _boot(partition: PartitionRecord) -> BootResult:
    seconds = partition.boot_s if partition.boot == "cold" or partition.restore_s is None else partition.restore_s
    return {"kind": partition.boot, "seconds": round(seconds, 6)}


def _wall(record: RunRecord) -> WallResult:
    run_s = record.wall_phases.get("run", record.wall_s)
    return {
        "seconds": round(record.wall_s, 6),
        "first_tensor_s": None if record.first_tensor_s is None else round(record.first_tensor_s, 6),
        "virtual_per_wall": round(record.virtual_time_ns / 1e9 / run_s, 6) if run_s else None,
        "phases": {phase: round(seconds, 6) for phase, seconds in record.wall_phases.items()},
    }
