"""The time of tensors on wires: by hand for each kind of link, and what holds for all sizes, rates and packets."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from machines.native.link_timing import KINDS, MESSAGE_HEADER_BYTES, LinkTiming

EACH_KIND = pytest.mark.parametrize("kind", KINDS)


@st.composite
def timings(draw: st.DrawFn) -> LinkTiming:
    kind = KINDS[draw(st.sampled_from(sorted(KINDS)))]
    rate = Fraction(draw(st.integers(1, 10**9)), draw(st.integers(1, 1001)))
    mtu = draw(st.integers(kind.smallest_mtu, kind.largest_mtu))
    return LinkTiming(kind, min(rate, kind.fastest), draw(st.integers(0, 10**6)), mtu)


sizes = st.integers(1, 4_000_000)


def usual(name: str, **other: int) -> LinkTiming:
    kind = KINDS[name]
    values = {"rate": kind.rate, "latency_ns": kind.latency_ns, "mtu": kind.mtu, **other}
    return LinkTiming(kind, Fraction(values["rate"]), int(values["latency_ns"]), int(values["mtu"]))


@pytest.mark.parametrize(
    ("name", "payload_bytes", "packets", "clocks"),
    [
        ("spi", 8, 1, 2 + 8 * (12 + 24)),
        ("spi", 4068, 1, 2 + 8 * 4096),  # just full
        ("spi", 4069, 2, 2 + 8 * 4096 + 2 + 8 * 13),
        ("spi", 921_600, 226, 225 * (2 + 8 * 4096) + 2 + 8 * (12 + 921_616 - 225 * 4084)),
        ("uart", 16, 1, 440),
        ("uart", 1024, 2, 10 * (1040 + 2 * 12)),
        ("sdio", 16, 1, 168 + 1051),  # a block of 512 bytes is not half full
        ("sdio", 484, 1, 168 + 1051),
        ("sdio", 485, 1, 168 + 2 * 1051),
        ("can", 5, 3, 3 * 135),  # 21 bytes, 7 in each frame
        ("can", 6, 4, 3 * 135 + 75),  # 2 bytes in the last one: 47 + 16 bits and 12 of stuffing
        ("can", 12, 4, 4 * 135),
    ],
)
def test_by_hand(name: str, payload_bytes: int, packets: int, clocks: int) -> None:
    timing = usual(name)
    assert timing.packets(payload_bytes) == packets
    assert timing.clocks(payload_bytes) == clocks


def test_a_can_frame_has_the_length_of_the_literature() -> None:
    """Davis et al. 2007, table 1 and section 3.1: 55 bits without data and 135 with 8 bytes, in the worst case."""
    assert [KINDS["can"].clocks(bytes_) for bytes_ in (0, 1, 8)] == [55, 65, 135]


def test_times_are_whole_nanoseconds_rounded_up() -> None:
    assert usual("uart", rate=1_000_000).wire_ns(16) == 440_000
    assert usual("spi").wire_ns(8) == 290 * 25
    assert usual("uart").wire_ns(16) == 477_431  # 440 / 921600 s = 477430.6 ns
    assert LinkTiming(KINDS["can"], Fraction(500_000, 3), 0, 8).wire_ns(5) == 405 * 6000


@given(timing=timings(), one=sizes, other=sizes)
def test_more_bytes_never_take_less(timing: LinkTiming, one: int, other: int) -> None:
    less, more = sorted((one, other))
    assert timing.packets(less) <= timing.packets(more)
    assert timing.clocks(less) <= timing.clocks(more)
    assert timing.wire_ns(less) <= timing.wire_ns(more)


@given(timing=timings(), size=sizes)
def test_packets_are_as_few_as_hold_all(timing: LinkTiming, size: int) -> None:
    room = timing.mtu - timing.kind.header_bytes
    count = timing.packets(size)
    assert (count - 1) * room < size + MESSAGE_HEADER_BYTES <= count * room


@given(timing=timings(), size=sizes)
def test_the_wire_carries_every_bit(timing: LinkTiming, size: int) -> None:
    """No link is faster than its lines: four of them for SDIO, one for the rest."""
    lines = 4 if timing.kind.name == "sdio" else 1
    content = size + MESSAGE_HEADER_BYTES + timing.packets(size) * timing.kind.header_bytes
    assert timing.clocks(size) * lines >= 8 * content
    assert timing.wire_ns(size) * timing.rate >= timing.clocks(size) * 10**9 > (timing.wire_ns(size) - 1) * timing.rate


@given(timing=timings(), size=sizes)
def test_clocks_are_the_sum_over_the_packets(timing: LinkTiming, size: int) -> None:
    header, left, clocks = timing.kind.header_bytes, size + MESSAGE_HEADER_BYTES, 0
    if left > 20_000 * (timing.mtu - header):
        left = size = 1000
        left += MESSAGE_HEADER_BYTES
    while left:
        part = min(left, timing.mtu - header)
        clocks += timing.kind.clocks(header + part)
        left -= part
    assert timing.clocks(size) == clocks


@given(size=sizes, name=st.sampled_from(sorted(KINDS)), factor=st.integers(2, 50))
def test_a_slower_clock_takes_longer_in_proportion(size: int, name: str, factor: int) -> None:
    fast, slow = usual(name), LinkTiming(KINDS[name], KINDS[name].rate / factor, 0, KINDS[name].mtu)
    assert 0 <= factor * fast.wire_ns(size) - slow.wire_ns(size) < factor


@EACH_KIND
def test_usual_values_are_possible(kind: str) -> None:
    timing = usual(kind)
    assert timing.wire_ns(1) > 0
    assert KINDS[kind].smallest_mtu <= timing.mtu <= KINDS[kind].largest_mtu


@EACH_KIND
def test_limits_are_told(kind: str) -> None:
    fastest, largest, smallest = KINDS[kind].fastest, KINDS[kind].largest_mtu, KINDS[kind].smallest_mtu
    with pytest.raises(ValueError, match=f"{kind} does not run at .* Hz; above 0, at most {fastest} Hz"):
        usual(kind, rate=int(fastest) + 1)
    with pytest.raises(ValueError, match="does not run at 0 Hz"):
        usual(kind, rate=0)
    with pytest.raises(ValueError, match="-1 ns is negative; 0 or more"):
        usual(kind, latency_ns=-1)
    for mtu in (largest + 1, smallest - 1):
        with pytest.raises(
            ValueError, match=f"packets of {mtu} bytes do not fit {kind}; {smallest} to {largest} bytes"
        ):
            usual(kind, mtu=mtu)
