"""The structures of engine.h, field by field; see there what they mean."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, Structure, c_int32, c_int64, c_uint8, c_uint32, c_uint64
from typing import ClassVar

VERSION = 7
NEVER = 2**63 - 1
OVERFLOWS = {"block": 0, "drop_newest": 1, "drop_oldest": 2}
SENSOR, SINK, ACCELERATOR, LINK = range(4)

Ints32 = POINTER(c_int32)
Ints64 = POINTER(c_int64)
Bytes = POINTER(c_uint8)
Asked = ctypes.PYFUNCTYPE(c_int64, c_int64)
Told = ctypes.PYFUNCTYPE(None, c_int32, c_int64, c_int64)


class RingPlan(Structure):
    """struct sz_ring_plan"""

    _fields_: ClassVar = [(name, c_int32) for name in ("source", "target", "depth", "overflow")] + [
        ("open_ns", c_int64)
    ]


class ServicePlan(Structure):
    """struct sz_service_plan"""

    _fields_: ClassVar = [
        *((name, Ints32) for name in ("required", "sampled", "outputs")),
        *((name, c_int32) for name in ("required_count", "sampled_count", "output_count", "keeps")),
        ("call_count", c_int64),
        ("gap_ns", c_int64),
        ("take_ns", Ints64),
        ("hold_ns", Ints64),
        ("rest_ns", Ints64),
        ("offsets_ns", Ints64),
    ]


class NodePlan(Structure):
    """struct sz_node_plan"""

    _fields_: ClassVar = [
        ("services", POINTER(ServicePlan)),
        ("service_count", c_int32),
        ("is_scheduled", c_int32),
        ("wake_ns", c_int64),
        ("bell_ns", c_int64),
        ("duty_numerator", c_int64),
        ("duty_denominator", c_int64),
    ]


class LanePlan(Structure):
    """struct sz_lane_plan"""

    _fields_: ClassVar = [
        *((name, c_int32) for name in ("arriving", "leaving", "wire", "unused")),
        ("wire_ns", c_int64),
    ]


class DevicePlan(Structure):
    """struct sz_device_plan"""

    _fields_: ClassVar = [
        *((name, c_int32) for name in ("kind", "ring_count", "output_count", "lane_count")),
        ("rings", Ints32),
        ("outputs", Ints32),
        ("lanes", POINTER(LanePlan)),
        *((name, c_int64) for name in ("interval_numerator", "interval_denominator", "jitter_ns", "count")),
        ("seed", c_uint64),
        ("waits", c_int32),
        ("unused", c_int32),
        ("job_ns", c_int64),
        ("latency_ns", c_int64),
    ]


class PathPlan(Structure):
    """struct sz_path_plan"""

    _fields_: ClassVar = [
        *((name, c_int32) for name in ("source", "first", "last", "unused")),
        ("deadline_ns", c_int64),
    ]


class PolicyPlan(Structure):
    """struct sz_policy_plan"""

    _fields_: ClassVar = [
        ("next_ns", Asked),
        ("decide", Asked),
        ("account", Told),
        *((name, Ints64) for name in ("wake_ns", "start_ns", "stop_ns")),
        ("is_rung", Bytes),
    ]


class PlanStructure(Structure):
    """struct sz_plan"""

    _fields_: ClassVar = [
        ("quantum_ns", c_int64),
        ("duration_ns", c_int64),
        ("rings", POINTER(RingPlan)),
        ("nodes", POINTER(NodePlan)),
        ("devices", POINTER(DevicePlan)),
        ("paths", POINTER(PathPlan)),
        ("policy", POINTER(PolicyPlan)),
        *((name, c_int32) for name in ("ring_count", "node_count", "device_count", "path_count")),
        ("step_ns", c_int64),
    ]


class TimesResult(Structure):
    """struct sz_times"""

    _fields_: ClassVar = [
        (name, c_int64) for name in ("count", "min_ns", "p50_ns", "p95_ns", "p99_ns", "p99_9_ns", "max_ns")
    ]


class RingResult(Structure):
    """struct sz_ring_result"""

    _fields_: ClassVar = [
        *((name, c_int64) for name in ("offered", "delivered", "dropped", "refused", "stalls", "occupancy_max")),
        ("latency", TimesResult),
        ("age", TimesResult),
        ("level_ns", Ints64),
        ("series", Ints32),
    ]


class PathResult(Structure):
    """struct sz_path_result"""

    _fields_: ClassVar = [*((name, c_int64) for name in ("delivered", "missing", "late")), ("age", TimesResult)]


class ResultStructure(Structure):
    """struct sz_result"""

    _fields_: ClassVar = [
        ("rings", POINTER(RingResult)),
        ("paths", POINTER(PathResult)),
        ("busy_ns", Ints64),
        ("calls", Ints64),
        ("events", c_int64),
    ]


def declare(library: ctypes.PyDLL) -> None:
    """Declare the signatures of a loaded engine."""
    library.sz_interface.restype = c_uint32
    library.sz_simulate.argtypes = [POINTER(PlanStructure), POINTER(ResultStructure)]
    library.sz_summarise.argtypes = [Ints64, c_int64, POINTER(TimesResult)]
    library.sz_sample_ns.argtypes = [POINTER(DevicePlan), c_int64]
    library.sz_sample_ns.restype = c_int64
