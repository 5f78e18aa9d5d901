# SPDX-License-Identifier: Apache-2.0
"""core/vshm.h for ctypes: structures and signatures, nothing else."""

from __future__ import annotations

import ctypes
from ctypes import c_double, c_int, c_int32, c_size_t, c_uint32, c_uint64, c_void_p

from virtio_shm.tensor import DTYPES, MAX_RANK, TensorSpec

VERSION = 1  # VSHM_INTERFACE
REVOKE = 1 << 0
EVENT_IDX = 1 << 29
VERSION_1 = 1 << 32
OVERFLOW = {"block": 0, "drop_newest": 1, "drop_oldest": 2}  # enum vshm_overflow


class Tensor(ctypes.Structure):
    """struct vshm_tensor"""

    _fields_ = [
        ("dtype", c_uint32),
        ("rank", c_uint32),
        ("dimensions", c_uint32 * MAX_RANK),
        ("scale", c_double),
        ("zero_point", c_int32),
        ("payload_bytes", c_uint32),
    ]


class Frame(ctypes.Structure):
    """struct vshm_frame"""

    _fields_ = [
        ("id", c_uint32),
        ("payload_offset", c_uint32),
        ("tensor", Tensor),
        ("sequence", c_uint64),
        ("produced_ns", c_uint64),
        ("origin_sequence", c_uint64),
        ("origin_ns", c_uint64),
    ]


class TapEvent(ctypes.Structure):
    """struct vshm_tap_event"""

    _fields_ = [
        ("kind", c_uint32),
        ("count", c_uint32),
        ("taken_ns", c_uint64),
        ("returned_ns", c_uint64),
        ("frame", Frame),
    ]


class Fault(ctypes.Structure):
    """struct vshm_fault"""

    _fields_ = [("kind", c_uint32), ("reserved", c_uint32), ("value", c_uint64), ("limit", c_uint64)]


COUNTERS = (
    "pushed",
    "popped",
    "dropped",
    "kicks",
    "stalls",
    "faults",
    "occupancy",
    "high_water",
    "occupancy_ns",
    "since_ns",
    "until_ns",
)


class Counters(ctypes.Structure):
    """struct vshm_counters"""

    _fields_ = [(name, c_uint64) for name in COUNTERS]


class DriverConfig(ctypes.Structure):
    """struct vshm_driver_config"""

    _fields_ = [(name, c_uint32) for name in ("depth", "payload_bytes", "overflow", "event_index", "crc")]


class DeviceConfig(ctypes.Structure):
    """struct vshm_device_config"""

    _fields_ = [
        ("depth", c_uint32),
        ("payload_bytes", c_uint32),
        ("event_index", c_uint32),
        ("revoke", c_uint32),
        ("expected", ctypes.POINTER(Tensor)),
    ]


class Geometry(ctypes.Structure):
    """struct vshm_layout"""

    _fields_ = [
        (name, c_uint32)
        for name in (
            "depth",
            "payload_bytes",
            "slot_bytes",
            "descriptors",
            "available",
            "used",
            "receipts",
            "slots",
            "region_bytes",
        )
    ]


def tensor(spec: TensorSpec) -> Tensor:
    """`spec` as a struct vshm_tensor."""
    return Tensor(
        DTYPES.index(spec.dtype) + 1,
        len(spec.shape),
        (c_uint32 * MAX_RANK)(*spec.shape),
        spec.scale,
        spec.zero_point,
        spec.bytes,
    )


_at = c_void_p
_SIGNATURES: dict[str, tuple[object, tuple[object, ...]]] = {
    "vshm_layout_init": (c_int, (_at, c_uint32, c_uint32)),
    "vshm_counter": (c_uint64, ()),
    "vshm_crc32": (c_uint32, (c_uint32, _at, c_size_t)),
    "vshm_driver_bytes": (c_size_t, (c_uint32,)),
    "vshm_driver_init": (c_int, (_at, _at, _at, c_uint64)),
    "vshm_driver_restart": (None, (_at, c_uint64)),
    "vshm_driver_poll": (c_int, (_at, c_uint64)),
    "vshm_driver_reserve": (c_int, (_at, c_uint64)),
    "vshm_driver_commit": (c_int, (_at, _at, c_uint64, c_uint64, c_int, c_uint64)),
    "vshm_driver_send": (c_int, (_at, _at, _at, c_uint64)),
    "vshm_driver_cancel": (None, (_at,)),
    "vshm_driver_announce": (c_int, (_at,)),
    "vshm_driver_counters": (ctypes.POINTER(Counters), (_at, c_uint64)),
    "vshm_driver_fault": (ctypes.POINTER(Fault), (_at,)),
    "vshm_driver_features": (c_uint64, (_at,)),
    "vshm_device_bytes": (c_size_t, (c_uint32,)),
    "vshm_device_init": (c_int, (_at, _at, _at, c_uint64)),
    "vshm_device_restart": (None, (_at, c_uint64)),
    "vshm_device_poll": (c_int, (_at, c_uint64)),
    "vshm_device_take": (c_int, (_at, _at, c_uint64)),
    "vshm_device_give_back": (c_int, (_at, c_uint32, c_uint64, c_uint64)),
    "vshm_device_exchange": (c_int, (_at, _at, c_uint32, c_uint32, c_uint64)),
    "vshm_device_due": (c_uint64, (_at,)),
    "vshm_device_announce": (c_int, (_at,)),
    "vshm_device_counters": (ctypes.POINTER(Counters), (_at, c_uint64)),
    "vshm_device_fault": (ctypes.POINTER(Fault), (_at,)),
    "vshm_device_features": (c_uint64, (_at,)),
    "vshm_tap_bytes": (c_size_t, (c_uint32,)),
    "vshm_tap_init": (c_int, (_at, _at, c_uint32, c_uint32)),
    "vshm_tap_poll": (c_int, (_at, _at)),
    "vshm_tap_fault": (ctypes.POINTER(Fault), (_at,)),
}


def declare(library: ctypes.CDLL) -> None:
    """Declare every function of vshm.h on a loaded object."""
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
