"""Where channels lie in the memory that a microcontroller shares with the host."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from machines.boards import Span
from machines.mcu.window import PAGE_BYTES, WindowError, arrange, needed_bytes
from machines.memory import SharedRegion

Make = Callable[[int], SharedRegion]


@pytest.fixture
def region() -> Iterator[Make]:
    made = []

    def make(size: int) -> SharedRegion:
        made.append(SharedRegion("piece", size))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_pieces_follow_each_other_page_by_page(region: Make) -> None:
    regions = [region(4096), region(16384), region(4096)]
    window = arrange("node", Span(address=0x21000000, bytes=1 << 20), region(PAGE_BYTES), regions)
    assert [piece.offset for piece in window.pieces] == [0, 4096, 8192, 24576]
    assert [piece.region for piece in window.channels] == regions
    assert needed_bytes([each.size for each in regions]) == 28672


def test_no_channels_need_the_control_page_only(region: Make) -> None:
    window = arrange("node", Span(address=0, bytes=PAGE_BYTES), region(PAGE_BYTES), [])
    assert len(window.pieces) == 1


def test_a_size_that_is_no_whole_page_takes_the_rest_of_it() -> None:
    assert needed_bytes([1, 4097]) == PAGE_BYTES + 4096 + 8192


def test_it_fits_exactly_or_not_at_all(region: Make) -> None:
    control, regions = region(PAGE_BYTES), [region(4096), region(8192)]
    assert arrange("node", Span(address=0, bytes=16384), control, regions).channels
    words = "node: its channels need 16384 bytes of shared memory, the window has 12288"
    with pytest.raises(WindowError, match=words):
        arrange("node", Span(address=0, bytes=12288), control, regions)
