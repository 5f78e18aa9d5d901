"""Copies of a window: only what changed, in both directions, and never over what the other side wrote."""

from __future__ import annotations

import struct
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from machines.mcu.mirror import Mirror, changes, join

WORDS = 600  # more than one block of the comparison, and part of another
OFFSET = 4096

Writes = dict[int, int]
writes = st.dictionaries(st.integers(0, WORDS - 1), st.integers(0, 0xFFFFFFFF), max_size=20)


class Core:
    """The memory of a core, and what was written to it."""

    def __init__(self, content: bytes) -> None:
        self.memory = bytearray(content)
        self.writes: list[tuple[int, int]] = []

    def read(self, offset: int, size: int) -> bytes:
        return bytes(self.memory[offset - OFFSET : offset - OFFSET + size])

    def write(self, offset: int, data: bytes) -> None:
        assert len(data) % 4 == 0
        self.writes.append((offset - OFFSET, len(data)))
        self.memory[offset - OFFSET : offset - OFFSET + len(data)] = data


def put(memory: bytearray, words: Writes) -> None:
    for index, word in words.items():
        struct.pack_into("<I", memory, 4 * index, word)


@given(writes, writes)
def test_changes_are_exactly_the_words_that_differ(old: Writes, new: Writes) -> None:
    before, after = bytearray(4 * WORDS), bytearray(4 * WORDS)
    put(before, old)
    put(after, new)
    found = list(changes(bytes(before), bytes(after)))
    expected = [i for i in range(WORDS) if before[4 * i : 4 * i + 4] != after[4 * i : 4 * i + 4]]
    assert [i for start, end in found for i in range(start // 4, end // 4)] == expected
    assert all(one[1] < other[0] for one, other in pairwise(found)), "neighbours are one run"


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9))), st.integers(0, 10))
def test_joined_runs_cover_the_same_and_have_wide_gaps(steps: list[tuple[int, int]], gap: int) -> None:
    spans, at = [], 0
    for skip, length in steps:
        spans.append((at + skip, at + skip + length))
        at += skip + length
    joined = list(join(iter(spans), gap))
    assert all(any(a <= start and end <= b for a, b in joined) for start, end in spans)
    assert all(other[0] - one[1] > gap for one, other in pairwise(joined))
    if spans:
        assert (joined[0][0], joined[-1][1]) == (spans[0][0], spans[-1][1])


@given(writes, st.lists(st.tuples(writes, writes, writes), max_size=5), st.integers(0, 64))
def test_both_sides_see_what_the_other_wrote(
    left: Writes, rounds: list[tuple[Writes, Writes, Writes]], gap: int
) -> None:
    """The host owns even words, the firmware odd ones; a peer writes to the region while the core runs."""
    content = bytearray(4 * WORDS)
    put(content, left)  # what power-on left in the core's memory
    core, region = Core(bytes(content)), bytearray(4 * WORDS)
    mirror = Mirror(core, [(OFFSET, memoryview(region))], gap)
    truth = bytearray(4 * WORDS)
    for by_host, by_firmware, meanwhile in rounds:
        hosts = {index & ~1: word for index, word in by_host.items()}
        firmwares = {index | 1: word for index, word in by_firmware.items()}
        peers = {index & ~1: word for index, word in meanwhile.items()}
        for memory in (region, truth):
            put(memory, hosts)
        mirror.push()
        assert core.memory == truth
        put(core.memory, firmwares)
        for memory in (region, truth):
            put(memory, peers)
        put(truth, firmwares)
        mirror.pull()
        assert region == truth


def test_words_close_to_each_other_are_one_write() -> None:
    core, region = Core(bytes(4 * WORDS)), bytearray(4 * WORDS)
    mirror = Mirror(core, [(OFFSET, memoryview(region))], gap_bytes=8)
    put(region, {2: 1, 3: 1, 5: 1, 100: 1})
    mirror.push()
    assert core.writes == [(8, 16), (400, 4)]
    mirror.push()
    assert len(core.writes) == 2, "nothing changed, nothing is written"
