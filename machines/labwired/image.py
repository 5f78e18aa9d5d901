"""The ELF file as labwired has to see it.

Imports next to nothing: it also runs in processes that have to start fast.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

_LITTLE_32 = b"\x7fELF\x01\x01"  # System V ABI, edition 4.1, figure 4-4: class, byte order
_HEADERS = struct.Struct("<I10xHH")  # at 28: e_phoff; at 42: e_phentsize, e_phnum
_HEADERS_AT = 28
_PROGRAM_HEADER_BYTES = 32
_PHYSICAL = slice(12, 16)  # p_paddr
_VIRTUAL = slice(8, 12)  # p_vaddr


def stored(elf: bytes) -> bytes:
    """Return an ELF file with each segment at the address where it is stored (p_paddr), as in a chip's flash.

    labwired's ESP32-S3 puts segments where they are used (p_vaddr), so that the initial values of variables are not
    where the firmware copies them from. What is no 32-bit little-endian ELF file is returned as it is.
    """
    if not elf.startswith(_LITTLE_32) or len(elf) < _HEADERS_AT + _HEADERS.size:
        return elf
    offset, size, count = _HEADERS.unpack_from(elf, _HEADERS_AT)
    changed = bytearray(elf)
    for number in range(count):
        header = memoryview(changed)[offset + number * size :][:_PROGRAM_HEADER_BYTES]
        if len(header) == _PROGRAM_HEADER_BYTES:
            header[_VIRTUAL] = header[_PHYSICAL]
    return bytes(changed)


def stored_file(elf: str) -> str:
    """Return the path of a copy of an ELF file as `stored` makes it; it is gone when the process ends.

    Raises:
        OSError: the file cannot be read.
    """
    descriptor = os.memfd_create("firmware")
    copy = f"/proc/self/fd/{descriptor}"
    Path(copy).write_bytes(stored(Path(elf).read_bytes()))
    return copy
