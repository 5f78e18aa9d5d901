# SPDX-License-Identifier: Apache-2.0
"""Geometry and tensors that are possible, and those that are not."""

from __future__ import annotations

import ctypes
import mmap

import pytest
from ring_support import SteppingClock, region

from virtio_shm import Consumer, Layout, Producer, TensorSpec, interface
from virtio_shm.library import load


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, 8), "power of two"),
        ((1, 8), "power of two"),
        ((65536, 8), "power of two"),
        ((4, 0), "at least 1"),
        ((32768, 2**18), "4 GiB"),
    ],
)
def test_impossible_layouts(arguments: tuple[int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Layout(*arguments)


@pytest.mark.parametrize(
    ("dtype", "shape", "message"),
    [
        ("int4", (1,), "int4"),
        ("int8", (1,) * 7, "7 dimensions"),
        ("int8", (2, 0), "below 1"),
        ("int8", (2**32,), "at most"),
    ],
)
def test_impossible_tensors(dtype: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TensorSpec(dtype, shape)


@pytest.mark.parametrize(
    ("depth", "payload"), [(2, 1), (2, 921600), (4, 64), (4, 65), (256, 921600), (32768, 1), (32768, 65)]
)
def test_layout_is_that_of_the_core(depth: int, payload: int) -> None:
    layout, core = Layout(depth, payload), interface.Geometry()
    assert load().vshm_layout_init(ctypes.addressof(core), depth, payload) == 1
    for name, _ in core._fields_:
        assert getattr(core, name) == getattr(layout, name), name
    assert layout.mapping_bytes >= layout.region_bytes > layout.mapping_bytes // 2 or layout.mapping_bytes == 4096
    assert layout.mapping_bytes & (layout.mapping_bytes - 1) == 0


def test_memory_must_fit() -> None:
    layout = Layout(2, 64)
    clock = SteppingClock()
    with pytest.raises(ValueError, match="the layout needs"):
        Producer(mmap.mmap(-1, 64), layout, overflow="block", clock=clock)
    with pytest.raises(ValueError, match="read-only"):
        Consumer(memoryview(region(layout)).toreadonly(), layout, clock=clock)
    with pytest.raises(ValueError, match="aligned"):
        Consumer(memoryview(region(layout))[8:], layout, clock=clock)
    with pytest.raises(ValueError, match="drop_some"):
        Producer(region(layout), layout, overflow="drop_some", clock=clock)  # type: ignore[arg-type]
