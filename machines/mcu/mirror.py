"""Copies of a window, for backends whose memory cannot be shared with the host.

Both sides stand still while words are copied, and only what changed since the last time is: into the core's memory what
the host's side changed, into the shared regions what the firmware changed. So a word that only one side writes is never
overwritten with an old value, although the other participants of a channel write to its region while the core runs.

Imports next to nothing: it also runs in processes that have to start fast.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

_WORD_BYTES = 4
_BLOCK_BYTES = 1024  # compared as one before its words are


class Memory(Protocol):
    """The core's memory from the start of the window on."""

    def read(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset` on."""

    def write(self, offset: int, data: bytes) -> None:
        """Write whole words."""


def changes(old: bytes, new: bytes) -> Iterator[tuple[int, int]]:
    """Return where two equally long pieces of memory differ.

    Parameters:
        old, new: whole 32-bit words.

    Returns:
        start and end of each run of words that differ, in bytes, ascending.
    """
    start = end = 0  # of the run so far
    for block in range(0, len(new), _BLOCK_BYTES):
        before, after = old[block : block + _BLOCK_BYTES], new[block : block + _BLOCK_BYTES]
        if before == after:
            continue
        words = zip(memoryview(before).cast("I"), memoryview(after).cast("I"), strict=True)
        for index, (was, now) in enumerate(words):
            if was == now:
                continue
            at = block + index * _WORD_BYTES
            if at != end:
                if end:
                    yield start, end
                start = at
            end = at + _WORD_BYTES
    if end:
        yield start, end


def join(spans: Iterator[tuple[int, int]], gap_bytes: int) -> Iterator[tuple[int, int]]:
    """Return ascending spans with those made one that have at most `gap_bytes` between them."""
    last = next(spans, None)
    if last is None:
        return
    for start, end in spans:
        if start - last[1] <= gap_bytes:
            last = last[0], end
        else:
            yield last
            last = start, end
    yield last


class Mirror:
    """Keeps a window in a core's memory and the shared regions behind it alike.

    Parameters:
        memory: the core's.
        pieces: offset in the window and memory of each shared region; whole words.
        gap_bytes: unchanged bytes that are rather written again than left out: each write has its price.
    """

    def __init__(self, memory: Memory, pieces: Sequence[tuple[int, memoryview]], gap_bytes: int = 0) -> None:
        self._memory = memory
        self._pieces = pieces
        self._gap_bytes = gap_bytes
        self._known = [memory.read(offset, view.nbytes) for offset, view in pieces]  # what the core's memory holds

    def push(self) -> None:
        """Copy into the core's memory what changed in the regions; before a run."""
        for number, (offset, view) in enumerate(self._pieces):
            new = bytes(view)
            if new == self._known[number]:
                continue
            for start, end in join(changes(self._known[number], new), self._gap_bytes):
                self._memory.write(offset + start, new[start:end])
            self._known[number] = new

    def pull(self) -> None:
        """Copy into the regions what the firmware changed; after a run."""
        for number, (offset, view) in enumerate(self._pieces):
            new = self._memory.read(offset, view.nbytes)
            if new == self._known[number]:
                continue
            for start, end in changes(self._known[number], new):
                view[start:end] = new[start:end]
            self._known[number] = new
