"""The control page as the host writes and reads it; that C sees the same is in test_firmware_control."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

import pytest

from machines.mcu.control import LOG_ENTRIES, PAGE_BYTES, READY_MAGIC, ChannelEntry, ControlPage, Life
from machines.memory import SharedRegion


@pytest.fixture
def region() -> Iterator[SharedRegion]:
    made = SharedRegion("page", PAGE_BYTES)
    yield made
    made.close()


def entry(port: str) -> ChannelEntry:
    return ChannelEntry(port, True, 4096, 4096, 2, 64, 1)


def test_a_full_table_ends_where_the_log_begins(region: SharedRegion) -> None:
    ControlPage(region).introduce([entry(f"port{i}") for i in range(32)], (32, 1), True, 7, 10**6)
    assert bytes(region.view[0x200 + 31 * 48 :][:6]) == b"port31"
    assert struct.unpack_from("<8I", region.view, 0x200 + 31 * 48 + 16) == (1, 4096, 4096, 2, 64, 1, 31, 0)
    assert not any(region.view[0x800:])
    assert struct.unpack_from("<I", region.view, 0x28) == (1,), "the counter is in memory"


def test_what_does_not_fit_is_refused(region: SharedRegion) -> None:
    page = ControlPage(region)
    with pytest.raises(ValueError, match="33 channel ends; a microcontroller has at most 32"):
        page.introduce([entry("port")] * 33, (1, 1), False, 0, 1)
    with pytest.raises(ValueError, match="has more than 15 characters"):
        page.introduce([entry("p" * 16)], (1, 1), False, 0, 1)
    page.introduce([entry("p" * 15)], (1, 1), False, 0, 1)
    assert region.view[0x200 + 15] == 0


def test_doorbells_are_counted_by_the_host_whatever_the_page_says(region: SharedRegion) -> None:
    page = ControlPage(region)
    page.ring(3)
    region.view[0x40 : 0x40 + 128] = b"\xff" * 128
    page.ring(3)
    page.ring(31)
    assert page.doorbells == 3
    assert struct.unpack_from("<I", region.view, 0x40 + 12) == (2,)


def test_an_untouched_page_is_a_firmware_that_has_not_started(region: SharedRegion) -> None:
    status = ControlPage(region).status()
    assert (status.ready, status.life, status.idle, status.wake_ns) == (False, Life.RESET, False, 0)


def test_garbage_is_read_as_plain_numbers(region: SharedRegion) -> None:
    page, chance = ControlPage(region), random.Random(5)
    for _ in range(200):
        region.view[:] = chance.randbytes(PAGE_BYTES)
        status = page.status()
        assert status.ready == (struct.unpack_from("<I", region.view, 0x100)[0] == READY_MAGIC)
        assert all(isinstance(value, int) and value >= 0 for value in vars(status).values())
        assert len(page.out_counts()) == 32
        assert len(page.log(status.inference_count - LOG_ENTRIES, status.inference_count)) == LOG_ENTRIES


@pytest.mark.parametrize(
    ("since", "until", "numbers"), [(0, 3, [0, 1, 2]), (30, 34, [30, 31, 0, 1]), (-2, 1, [30, 31, 0])]
)
def test_the_log_is_a_circle(region: SharedRegion, since: int, until: int, numbers: list[int]) -> None:
    for number in range(LOG_ENTRIES):
        struct.pack_into("<QQIIII", region.view, 0x800 + 32 * number, 1, 2, 3, number, 4, 0)
    assert [each.origin_sequence for each in ControlPage(region).log(since, until)] == numbers


def test_the_log_has_no_more_than_its_entries(region: SharedRegion) -> None:
    assert len(ControlPage(region).log(0, 1000)) == LOG_ENTRIES
