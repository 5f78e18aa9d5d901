"""The ELF file as labwired has to see it."""

from __future__ import annotations

import struct
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from machines.labwired.image import stored, stored_file

HEADER = b"\x7fELF\x01\x01" + bytes(22) + struct.pack("<I10xHH", 52, 32, 2) + bytes(6)
SEGMENTS = struct.pack("<8I", 1, 0x1000, 0x3FC8_8000, 0x4200_1000, 8, 8, 6, 4) + struct.pack(
    "<8I", 1, 0, 0x4200_0000, 0x4200_0000, 4096, 4096, 5, 4
)


def test_segments_are_where_they_are_stored() -> None:
    changed = stored(HEADER + SEGMENTS)
    first, second = struct.iter_unpack("<8I", changed[52:])
    assert first == (1, 0x1000, 0x4200_1000, 0x4200_1000, 8, 8, 6, 4)
    assert second[2:4] == (0x4200_0000, 0x4200_0000)
    assert changed[:52] == HEADER


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_rubbish_is_left_to_labwired_to_refuse(rubbish: bytes, more: bytes) -> None:
    assert stored(rubbish) == rubbish
    assert len(stored(HEADER[:6] + more)) == 6 + len(more)


def test_the_copy_is_the_whole_file(tmp_path: Path) -> None:
    elf = tmp_path / "firmware.elf"
    elf.write_bytes(HEADER + SEGMENTS + bytes(100_000))
    assert Path(stored_file(str(elf))).read_bytes() == stored(elf.read_bytes())
