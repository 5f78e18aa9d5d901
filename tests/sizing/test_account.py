"""The memory account equals the regions that a run creates, to the byte."""

from __future__ import annotations

import contextlib
import ctypes
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guests.mcu.nn import convert
from machines.mcu.control import PAGE_BYTES
from machines.mcu.window import arrange
from machines.memory import SharedRegion
from sim.host.channel import Channel
from sim.host.legs import legs_of
from sim.host.system import _channel, _regions
from sim.report.record import RunRecord
from sim.scenario import ScenarioErrors, load
from sim.scenario.model import DEPTHS, McuPartition, Scenario
from sim.sizing.account import Account, Region, account, region
from sim.sizing.errors import SizingError
from virtio_shm import Layout

from .accounts import IVI_CAMERA, ROOT, plan_with_rings, shipped

MIB = 1 << 20
MOST_BYTES = 64 * MIB
"""Of the payloads of one ring that is really mapped here."""


@pytest.fixture(scope="module")
def ivi() -> Scenario:
    return load(IVI_CAMERA)


def channels_of(scenario: Scenario, hold: contextlib.ExitStack) -> dict[str, Channel]:
    """Create the rings of a scenario as a run does."""
    record = RunRecord(scenario.name)
    return {leg.name: _channel(scenario, leg, record, hold) for leg in legs_of(scenario)}


def parts(found: Region) -> int:
    return (
        found.header + found.descriptors + found.available + found.used + found.receipts
        + found.frame_headers + found.payloads + found.padding
    )  # fmt: skip


def assert_equals_run(scenario: Scenario, found: Account) -> None:
    """Hold an account against the regions that are created for a scenario."""
    with contextlib.ExitStack() as hold:
        channels = channels_of(scenario, hold)
        assert list(found.regions) == list(channels)
        sizes = {name: os.fstat(channel.region.fd).st_size for name, channel in channels.items()}
        for name, each in found.regions.items():
            assert each.mapping == sizes[name] == len(channels[name].region.view)
            assert each.region == channels[name].layout.region_bytes == parts(each)
            assert each.region + each.rounding == each.mapping
        assert found.shared_bytes == sum(sizes.values())
        for name, partition in scenario.partitions.items():
            mapped = {each.name: each.size for each in _regions(scenario, name, legs_of(scenario), channels)}
            assert found.partitions[name].shared == sum(mapped.values())
            if isinstance(partition, McuPartition):
                assert found.partitions[name].carve_out == PAGE_BYTES + sum(mapped.values())


@pytest.mark.parametrize("path", shipped(), ids=lambda path: path.stem)
def test_shipped_scenarios_add_up_to_what_a_run_creates(path: Path) -> None:
    scenario = load(path)
    assert_equals_run(scenario, account(scenario, plan_with_rings(scenario)))


@st.composite
def changed(draw: st.DrawFn, scenario: Scenario) -> Scenario:
    """Return a scenario whose channels carry other tensors in rings of other depths."""
    channels = {}
    for name, channel in scenario.channels.items():
        depth = draw(st.sampled_from(DEPTHS))
        length = draw(st.integers(1, MOST_BYTES // depth))
        tensor = replace(channel.tensor, dtype="uint8", shape=(length,))
        channels[name] = channel.model_copy(update={"depth": depth, "tensor": tensor})
    return scenario.model_copy(update={"channels": channels})


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_random_rings_add_up_to_what_a_run_creates(ivi: Scenario, data: st.DataObject) -> None:
    scenario = data.draw(changed(ivi))
    assert_equals_run(scenario, account(scenario, plan_with_rings(scenario)))


class Available(ctypes.LittleEndianStructure):
    """struct virtq_avail of VIRTIO 1.2, 2.7.6, without its ring."""

    _pack_ = 1
    _fields_ = (("flags", ctypes.c_uint16), ("idx", ctypes.c_uint16), ("used_event", ctypes.c_uint16))


class UsedElement(ctypes.LittleEndianStructure):
    """struct virtq_used_elem, 2.7.8."""

    _pack_ = 1
    _fields_ = (("id", ctypes.c_uint32), ("len", ctypes.c_uint32))


@settings(deadline=None)
@given(st.sampled_from(DEPTHS), st.integers(1, 60_000))
def test_each_part_fills_its_place_in_the_layout(depth: int, payload: int) -> None:
    """Between the end of one part and the start of the next there is less than the alignment."""
    layout, found = Layout(depth, payload), region("ring", depth, payload)
    assert found.available == ctypes.sizeof(Available) + depth * ctypes.sizeof(ctypes.c_uint16)
    assert found.used == 3 * ctypes.sizeof(ctypes.c_uint16) + depth * ctypes.sizeof(UsedElement)
    places = [
        (0, found.header, layout.descriptors),
        (layout.descriptors, found.descriptors, layout.available),
        (layout.available, found.available, layout.used),
        (layout.used, found.used, layout.receipts),
        (layout.receipts, found.receipts, layout.slots),
        (0, (found.frame_headers + found.payloads) // depth, layout.slot_bytes),
    ]
    gaps = [end - start - size for start, size, end in places]
    assert all(0 <= gap < 64 for gap in gaps)
    assert found.padding == sum(gaps[:-1]) + depth * gaps[-1]
    assert found.mapping & (found.mapping - 1) == 0 and found.rounding < max(found.mapping // 2 + 1, 4096)


def test_a_ring_that_cannot_be(ivi: Scenario) -> None:
    plan = plan_with_rings(ivi)
    odd = replace(plan, rings={"frames": replace(plan.rings["frames"], depth=3)})
    with pytest.raises(SizingError, match=r"^ring frames: depth 3 is not a power of two from 2 to 32768$"):
        account(ivi, odd)
    with pytest.raises(SizingError, match=r"ring frames: .* a region has less than 4 GiB"):
        region("frames", 32768, plan.rings["frames"].payload_bytes)


def test_depths_of_the_plan_count_and_not_those_of_the_scenario(ivi: Scenario) -> None:
    plan = plan_with_rings(ivi)
    before = account(ivi, plan)
    deeper = replace(plan, rings=plan.rings | {"frames": replace(plan.rings["frames"], depth=8)})
    after = account(ivi, deeper)
    assert (before.regions["frames"].mapping, after.regions["frames"].mapping) == (4 * MIB, 8 * MIB)
    assert after.shared_bytes - before.shared_bytes == 4 * MIB == deeper.memory_bytes - plan.memory_bytes
    assert after.partitions["perception"].shared - before.partitions["perception"].shared == 4 * MIB
    assert after.partitions["cockpit"] == before.partitions["cockpit"]


def test_a_ring_within_one_guest_is_mapped_once() -> None:
    scenario = load(ROOT / "tests/scenario/valid.yaml")
    plan = plan_with_rings(scenario)
    assert (plan.rings["detections"].source, plan.rings["detections"].target) == ("cockpit", "cockpit")
    ends = [ring for ring in plan.rings.values() if "cockpit" in (ring.source, ring.target)]
    found = account(scenario, plan)
    assert found.partitions["cockpit"].shared == sum(ring.layout.mapping_bytes for ring in ends)
    assert found.partitions["cockpit"].own == 192 * MIB


def test_memory_of_guests_and_boards(ivi: Scenario) -> None:
    found = account(ivi, plan_with_rings(ivi))
    cabin = ivi.partitions["cabin"]
    assert isinstance(cabin, McuPartition)
    model = convert(ROOT / "guests/models/motion_int8.tflite").report
    assert (found.guests_bytes, found.host_bytes) == (512 * MIB, 1536 * MIB)
    assert found.memory_share == (found.guests_bytes + found.shared_bytes) / found.host_bytes
    assert found.partitions["cabin"].arena == model.arena_bytes > 0
    assert found.partitions["cabin"].ram_available == cabin.board.ram_bytes
    assert found.partitions["safety"].arena == 0
    windows = {name: entry.window.bytes for name, entry in cabin.board.backends.items()}
    assert found.partitions["cabin"].carve_out_available == min(windows[name] for name in cabin.backends)


def test_a_run_would_refuse_what_exceeds_the_carve_out(ivi: Scenario) -> None:
    """The last region ends exactly where the account says, and one page less is refused."""
    found = account(ivi, plan_with_rings(ivi)).partitions["cabin"]
    cabin = ivi.partitions["cabin"]
    assert isinstance(cabin, McuPartition)
    span = next(iter(cabin.board.backends.values())).window
    with contextlib.ExitStack() as hold:
        control = hold.enter_context(contextlib.closing(SharedRegion("control", PAGE_BYTES)))
        mapped = _regions(ivi, "cabin", legs_of(ivi), channels_of(ivi, hold))
        window = arrange("cabin", span.model_copy(update={"bytes": found.carve_out}), control, mapped)
        last = window.pieces[-1]
        assert last.offset + last.region.size == found.carve_out
        with pytest.raises(ValueError, match=f"need {found.carve_out} bytes"):
            arrange("cabin", span.model_copy(update={"bytes": found.carve_out - 1}), control, mapped)


def test_the_check_of_the_hosts_memory_counts_the_same(ivi: Scenario) -> None:
    found = account(ivi, plan_with_rings(ivi))
    need = found.guests_bytes + found.shared_bytes
    exact = load(IVI_CAMERA, {"host.memory": f"{need}B"})
    assert account(exact, plan_with_rings(exact)).memory_share == 1
    with pytest.raises(ScenarioErrors, match=r"partitions take 512M and the rings of channels 6\.3 MiB"):
        load(IVI_CAMERA, {"host.memory": f"{need - 1}B"})


def test_traffic_is_payload_and_frame_header_of_what_is_published() -> None:
    scenario = load(IVI_CAMERA, {"host.bandwidth": "1 GB/s"})
    found = account(scenario, plan_with_rings(scenario), {"frames": 30.0, "motion@cabin": 0.5})
    assert list(found.traffic) == ["frames", "motion@cabin"]
    frames = found.traffic["frames"]
    assert frames.written_bytes_per_s == frames.read_bytes_per_s == 30 * (640 * 480 * 3 + 128)
    used = 2 * (30 * (921_600 + 128) + 0.5 * (4 + 128))
    assert found.bandwidth_used_bytes_per_s == used
    assert found.bandwidth_share == used / 10**9


def test_without_rates_or_limits_there_is_no_traffic_and_no_share() -> None:
    scenario = load(ROOT / "scenarios/pingpong.yaml")
    found = account(scenario, plan_with_rings(scenario))
    assert (found.traffic, found.bandwidth_used_bytes_per_s) == ({}, 0)
    assert (found.memory_share, found.bandwidth_share, found.shortages) == (None, None, ())


def test_what_is_not_enough_is_told() -> None:
    scenario = load(IVI_CAMERA, {"host.memory": "520M", "host.bandwidth": "50 MB/s"})
    plan = plan_with_rings(scenario)
    assert account(scenario, plan, {"frames": 25.0}).shortages == ()
    deeper = plan.rings | {
        "frames": replace(plan.rings["frames"], depth=16),
        "samples": replace(plan.rings["samples"], depth=1024),
    }
    told = account(scenario, replace(plan, rings=deeper), {"frames": 30.0}).shortages
    need = 512 * MIB + replace(plan, rings=deeper).memory_bytes
    assert told == (
        f"host: guests and rings need {need:,} bytes, its memory has {520 * MIB:,}",
        "host: tensors need 55,303,680 bytes per second, its memory carries 50,000,000",
        f"cabin: control page and rings need {4096 + 4096 + 262_144:,} bytes, its window has 196,608",
    )


def test_a_host_without_memory(ivi: Scenario) -> None:
    """Microcontrollers without channels need none of it, so such a scenario loads."""
    nothing = ivi.model_copy(update={"host": ivi.host.model_copy(update={"memory_bytes": 0})})
    found = account(nothing, plan_with_rings(ivi))
    assert found.memory_share is None and "its memory has 0" in found.shortages[0]
    alone = replace(found, guests_bytes=0, shared_bytes=0)
    assert (alone.memory_share, alone.shortages) == (None, ())


def test_a_point_of_a_sweep_makes_no_layout_twice() -> None:
    assert region("again", 4, 921_600) is region("again", 4, 921_600)
