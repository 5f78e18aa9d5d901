"""The window in Renode as the host reads and writes it, offsets counted from its start."""

from __future__ import annotations

import mmap
import re
from pathlib import Path
from typing import Protocol

from machines.renode.monitor import Monitor, MonitorError

READ_BYTES = 4096
"""Most that one monitor command reads: the reply has six characters a byte."""


class WindowMemory(Protocol):
    """What `machines.mcu.mirror.Mirror` copies from and to."""

    def read(self, offset: int, size: int) -> bytes:
        """Return `size` bytes."""

    def write(self, offset: int, data: bytes) -> None:
        """Write bytes."""

    def close(self) -> None:
        """Release it."""


class SegmentMemory:
    """Renode 1.16: the file behind the first segment of the window, mapped.

    Parameters:
        path: the file, as Renode names it.
        start: where the memory starts in it, in bytes.
        size: how much of it the host uses, in bytes.
        folder: in which it must be.

    Raises:
        MonitorError: Renode's answer is not the file that was asked for.
    """

    def __init__(self, path: Path, start: int, size: int, folder: Path) -> None:
        if path.parent != folder or path.is_symlink() or not path.is_file():
            raise MonitorError(f"Renode says that the window is in {path}, expected is a file in {folder}")
        with path.open("r+b") as file:
            length = file.seek(0, 2)
            if not 0 <= start <= length - size:
                raise MonitorError(f"the window is said to be at {start:#x} in {path}, which has {length:#x} bytes")
            self._map = mmap.mmap(file.fileno(), start + size)
        self._view = memoryview(self._map)[start:]

    def read(self, offset: int, size: int) -> bytes:
        """Return `size` bytes."""
        return bytes(self._view[offset : offset + size])

    def write(self, offset: int, data: bytes) -> None:
        """Write bytes."""
        self._view[offset : offset + len(data)] = data

    def close(self) -> None:
        """Unmap it; may be called twice."""
        self._view.release()
        self._map.close()


class MonitorMemory:
    """Renode 1.15: bus accesses by monitor commands, which is slow.

    Parameters:
        monitor: connected.
        address: of the window.
        folder: for files that carry what is written.
    """

    def __init__(self, monitor: Monitor, address: int, folder: Path) -> None:
        self._monitor = monitor
        self._address = address
        self._file = folder / "written"

    def read(self, offset: int, size: int) -> bytes:
        """Return `size` bytes."""
        parts = bytearray()
        while len(parts) < size:
            part = min(size - len(parts), READ_BYTES)
            _, lines = self._monitor.execute(f"sysbus ReadBytes {self._address + offset + len(parts):#x} {part}")
            got = bytes(int(each, 16) for each in re.findall(r"\b0x([0-9A-Fa-f]{2})\b", " ".join(lines)))
            if len(got) != part:
                raise MonitorError(f"Renode reads {len(got)} bytes of the window, {part} were asked for")
            parts += got
        return bytes(parts)

    def write(self, offset: int, data: bytes) -> None:
        """Write bytes."""
        self._file.write_bytes(data)
        self._monitor.execute(f"sysbus LoadBinary @{self._file} {self._address + offset:#x}")

    def close(self) -> None:
        """Release nothing: the monitor is closed by its owner."""


def share(monitor: Monitor, size: int, folder: Path) -> SegmentMemory:
    """Make Renode create the file of the window's first segment, and map it.

    Parameters:
        monitor: connected; the machine exists.
        size: how much the host uses, in bytes.
        folder: the ``sharedMemoryFileRoot`` of the window.

    Raises:
        MonitorError: there is no such file.
    """
    monitor.execute("sysbus.window TouchSegment 0")
    path = _answer(monitor, "sysbus.window GetSegmentPath 0", r"/.+")
    start = _answer(monitor, "sysbus.window GetSegmentAlignmentOffset 0", r"0x[0-9A-Fa-f]+|\d+")
    return SegmentMemory(Path(path), int(start, 0), size, folder)


def _answer(monitor: Monitor, command: str, pattern: str) -> str:
    _, lines = monitor.execute(command)
    found = [line for line in lines if re.fullmatch(pattern, line)]
    if len(found) != 1:
        raise MonitorError(f"'{command}' is answered with {' '.join(lines)[:200]!r}")
    return found[0]
