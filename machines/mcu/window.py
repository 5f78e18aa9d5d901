"""The window: the memory that a microcontroller shares with the host, and where each channel lies in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from machines.boards import Span
from machines.memory import SharedRegion

PAGE_BYTES = 4096


class WindowError(ValueError):
    """The channels of a microcontroller do not fit into its window; the message is one line."""


@dataclass(frozen=True)
class Piece:
    """One region in the window.

    Attributes:
        offset: from the start of the window, in bytes; a multiple of the page size.
        region: the memory.
    """

    offset: int
    region: SharedRegion


@dataclass(frozen=True)
class Window:
    """A control page and the channel regions behind it.

    Attributes:
        span: where the firmware sees it.
        control: the control page (`machines.mcu.control`), at offset 0.
        channels: the channel regions in the order of their vector.
    """

    span: Span
    control: SharedRegion
    channels: tuple[Piece, ...]

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """Everything that is mapped, the control page first."""
        return (Piece(0, self.control), *self.channels)


def needed_bytes(region_bytes: Sequence[int]) -> int:
    """Return how large a window must be for regions of these mapping sizes."""
    return PAGE_BYTES + sum(_pages(size) for size in region_bytes)


def arrange(name: str, span: Span, control: SharedRegion, regions: Sequence[SharedRegion]) -> Window:
    """Place the channel regions one after the other behind the control page.

    Parameters:
        name: the partition, for messages.
        span: the window of its board.
        control: one page.
        regions: of the channel ends, in the order of their vector.

    Raises:
        WindowError: they need more than the window has.
    """
    need = needed_bytes([region.size for region in regions])
    if need > span.bytes:
        raise WindowError(f"{name}: its channels need {need} bytes of shared memory, the window has {span.bytes}")
    pieces, offset = [], PAGE_BYTES
    for region in regions:
        pieces.append(Piece(offset, region))
        offset += _pages(region.size)
    return Window(span, control, tuple(pieces))


def _pages(size: int) -> int:
    return -(-size // PAGE_BYTES) * PAGE_BYTES
