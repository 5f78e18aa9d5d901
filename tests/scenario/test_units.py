"""Quantities: exact values, round trips, and errors that say what would be right."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guests.service import ITEM_BYTES, TensorType
from sim.scenario import units


@pytest.mark.parametrize(
    ("text", "ns"),
    [("10s", 10**10), ("1ms", 10**6), ("500us", 500_000), ("2.5 us", 2500), ("7µs", 7000), ("3ns", 3), ("0ms", 0),
     ("2min", 120 * 10**9), ("1h", 3600 * 10**9), (" 1s ", 10**9)],
)  # fmt: skip
def test_durations(text: str, ns: int) -> None:
    assert units.parse_duration(text) == ns


@pytest.mark.parametrize(
    ("text", "size"),
    [("256M", 256 << 20), ("1G", 1 << 30), ("4KiB", 4096), ("1.5G", 3 << 29), ("17B", 17), ("2MiB", 2 << 20)],
)
def test_memory(text: str, size: int) -> None:
    assert units.parse_memory(text) == size


@pytest.mark.parametrize(
    ("text", "bandwidth"),
    [("25.6 GB/s", 25_600_000_000), ("16GiB/s", 16 << 30), (" 800 MB/s ", 800_000_000), ("1.5 KiB/s", 1536),
     ("1 kB/s", 1000), ("2MiB/s", 2 << 20), ("17B/s", 17), ("1000000 GB/s", 10**15)],
)  # fmt: skip
def test_bandwidths(text: str, bandwidth: int) -> None:
    assert units.parse_bandwidth(text) == bandwidth


def test_bandwidths_are_written_as_short_as_can_be() -> None:
    texts = ["25.6 GB/s", "16 GiB/s", "0.8 GB/s", "17 B/s", "123456789 B/s", "1 KiB/s"]
    assert [units.format_bandwidth(units.parse_bandwidth(text)) for text in texts] == texts


@pytest.mark.parametrize(
    ("text", "rate"),
    [("30fps", Fraction(30)), ("29.97 fps", Fraction(2997, 100)), ("30000/1001fps", Fraction(30000, 1001)),
     ("100Hz", Fraction(100)), ("0.5fps", Fraction(1, 2))],
)  # fmt: skip
def test_rates(text: str, rate: Fraction) -> None:
    assert units.parse_rate(text) == rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [("40MHz", 40_000_000), ("921600bit/s", 921_600), ("921600 baud", 921_600), ("500kbit/s", 500_000),
     ("1.5 kHz", 1500), ("1Mbit/s", 10**6), ("0.5Hz", Fraction(1, 2))],
)  # fmt: skip
def test_rates_of_wires(text: str, rate: Fraction) -> None:
    assert units.parse_wire_rate(text) == rate


def test_speed_and_size() -> None:
    assert units.parse_speed("0.9765625 MIPS") == Fraction(1000, 1024)
    assert units.parse_speed("1000MIPS") == 1000
    assert units.parse_size("640x480") == units.parse_size(" 640 × 480 ") == (640, 480)


def test_tensors() -> None:
    assert units.parse_tensor("uint8[480,640,3]") == TensorType("uint8", (480, 640, 3))
    assert units.parse_tensor("int8 [ 1, 10 ] scale=0.5 zero_point=-3") == TensorType("int8", (1, 10), 0.5, -3)
    assert units.parse_tensor("int8[4] zero_point=3") == TensorType("int8", (4,), 1.0, 3)
    assert units.parse_tensor("float64[2,3]").bytes == 48


@pytest.mark.parametrize(
    ("parse", "text", "phrase"),
    [
        (units.parse_duration, 10, "10 has no unit; write 10ms"),
        (units.parse_duration, "10", "10 has no unit; write 10ms"),
        (units.parse_duration, None, "nothing is no duration; write it like 10ms"),
        (units.parse_duration, True, "true is no duration"),
        (units.parse_duration, "soon", "'soon' is no duration"),
        (units.parse_duration, "-1s", "is negative"),
        (units.parse_duration, "0.3ns", "no whole number of nanoseconds"),
        (units.parse_duration, "1e3s", "'1e3s' is no duration"),
        (units.parse_duration, "5mss", "did you mean 'ms'?"),
        (units.parse_duration, {}, "a mapping is no duration"),
        (units.parse_memory, 256, "256 has no unit; write 256M"),
        (units.parse_memory, "1GB", "could mean 1000 or 1024; write G or GiB"),
        (units.parse_memory, "1kb", "could mean 1000 or 1024; write K or KiB"),
        (units.parse_memory, "0.3B", "no whole number of bytes"),
        (units.parse_bandwidth, 25.6, "25.6 has no unit; write 25.6 GB/s, say, or another bandwidth"),
        (units.parse_bandwidth, "25.6", "25.6 has no unit; write 25.6 GB/s"),
        (units.parse_bandwidth, "25.6 GB", "did you mean 'GB/s'?"),
        (units.parse_bandwidth, "25.6 Gbit/s", "counts bits; a bandwidth is in bytes per second, write it like 16"),
        (units.parse_bandwidth, "3200 MT/s", "unknown unit 'MT/s' of a bandwidth"),
        (units.parse_bandwidth, "0.3 B/s", "no whole number of bytes per second"),
        (units.parse_bandwidth, "0 GB/s", "a bandwidth of 0 carries nothing"),
        (units.parse_bandwidth, "1000001 GB/s", "more than any memory has; at most 1000000 GB/s"),
        (units.parse_bandwidth, "-1 GB/s", "is negative"),
        (units.parse_bandwidth, [], "a list is no bandwidth; write it like 16 GB/s"),
        (units.parse_rate, "30", "30 has no unit; write 30fps"),
        (units.parse_rate, "0fps", "never takes a sample"),
        (units.parse_rate, "30/0fps", "is no rate"),
        (
            units.parse_wire_rate,
            40_000_000,
            "40000000 has no unit; write 40000000bit/s, say, or another rate of a wire",
        ),
        (units.parse_wire_rate, "0Hz", "a rate of 0 carries nothing"),
        (units.parse_wire_rate, "40Mbits", "did you mean 'Mbit/s'?"),
        (units.parse_wire_rate, "40MB/s", "unknown unit 'MB/s' of a rate of a wire"),
        (units.parse_wire_rate, "-40MHz", "is negative"),
        (units.parse_duration, "3/s", "unknown unit '/s' of a duration"),
        (units.parse_speed, 1000, "1000 has no unit; write 1000 MIPS"),
        (units.parse_speed, "0 MIPS", "executes nothing"),
        (units.parse_speed, "1000 mips", "did you mean 'MIPS'?"),
        (units.parse_size, "640", "is no picture size"),
        (units.parse_size, "0x480", "each side is 1 to 16384 pixels"),
        (units.parse_tensor, 5, "'5' is no tensor"),
        (units.parse_tensor, "uint8[]", "is no dimension"),
        (units.parse_tensor, "uint8[1,2] scale=0", "a quantisation scale of 0"),
        (units.parse_tensor, "uint8[1,2] scale=x", "only scale=0.5 and zero_point=3 may follow"),
        (units.parse_tensor, "int4[2]", "unknown dtype 'int4'; did you mean 'int64'?"),
    ],
)
def test_errors(parse: Callable[[object], Any], text: object, phrase: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(text)
    assert phrase in str(caught.value)


@settings(deadline=None)
@given(st.integers(0, 10**15))
def test_durations_round_trip(ns: int) -> None:
    assert units.parse_duration(units.format_duration(ns)) == ns


@settings(deadline=None)
@given(st.integers(0, 1 << 45))
def test_memory_round_trips(size: int) -> None:
    assert units.parse_memory(units.format_memory(size)) == size


@settings(deadline=None)
@given(st.integers(1, units.MAX_BANDWIDTH) | st.integers(1, 900_000).map(lambda gib: gib << 30))
def test_bandwidths_round_trip(bandwidth: int) -> None:
    assert units.parse_bandwidth(units.format_bandwidth(bandwidth)) == bandwidth


@settings(deadline=None)
@given(st.fractions(Fraction(1, 1000), 10**6, max_denominator=1001))
def test_rates_round_trip(rate: Fraction) -> None:
    assert units.parse_rate(units.format_rate(rate)) == rate


@settings(deadline=None)
@given(st.fractions(Fraction(1, 1000), 10**9, max_denominator=1001) | st.integers(1, 10**12).map(Fraction))
def test_rates_of_wires_round_trip(rate: Fraction) -> None:
    assert units.parse_wire_rate(units.format_wire_rate(rate)) == rate


@settings(deadline=None)
@given(st.integers(1, 10**6), st.integers(0, 12))
def test_speeds_round_trip(mips: int, shift: int) -> None:
    speed = Fraction(mips, 1 << shift)
    assert units.parse_speed(units.format_speed(speed)) == speed


@settings(deadline=None)
@given(st.integers(1, 16384), st.integers(1, 16384))
def test_sizes_round_trip(width: int, height: int) -> None:
    assert units.parse_size(units.format_size((width, height))) == (width, height)


@settings(deadline=None)
@given(
    st.sampled_from(sorted(ITEM_BYTES)),
    st.lists(st.integers(1, 10**6), min_size=1, max_size=6),
    st.floats(1e-9, 1e9, allow_nan=False) | st.just(1.0),
    st.integers(-(2**31), 2**31 - 1),
)
def test_tensors_round_trip(dtype: str, shape: list[int], scale: float, zero_point: int) -> None:
    tensor = TensorType(dtype, tuple(shape), scale, zero_point)
    assert units.parse_tensor(str(tensor)) == tensor


@settings(deadline=None)
@given(st.text(max_size=40) | st.integers() | st.floats() | st.booleans() | st.none())
def test_anything_parses_or_is_refused(value: object) -> None:
    for parse in (units.parse_duration, units.parse_memory, units.parse_rate, units.parse_speed, units.parse_size,
                  units.parse_tensor, units.parse_wire_rate, units.parse_bandwidth):  # fmt: skip
        try:
            parse(value)
        except ValueError as error:
            assert "\n" not in str(error) or "\n" in str(value)
