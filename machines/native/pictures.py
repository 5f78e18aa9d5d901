"""A camera source that shows the pictures of a folder one after the other."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from machines.native.material import read_picture
from machines.native.resize import Picture, cover
from machines.native.source import Truth

SUFFIXES = frozenset((".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"))

#: Decoded pictures kept in memory.
_KEPT = 16


class FolderSource:
    """Shows the pictures of a folder in the order of their names, again from the first after the last.

    Each is cut to the aspect wanted around its centre and resized in integer arithmetic. Decoding a lossless format
    gives the same bytes everywhere; a JPEG's may differ in the last bit between versions of libjpeg.

    Parameters:
        folder: holds at least one file with a suffix of `SUFFIXES`; others are passed over
        width: columns wanted
        height: rows wanted

    Raises:
        ValueError: no picture there.
    """

    def __init__(self, folder: Path, width: int, height: int) -> None:
        self.files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
        if not self.files:
            raise ValueError(f"folder {folder} holds no picture ({', '.join(sorted(SUFFIXES))})")
        self._width, self._height = width, height
        self._load = lru_cache(maxsize=_KEPT)(self._read)

    def draw(self, index: int, t_ns: int, out: Picture) -> None:
        """Draw picture index into out, uint8[height, width, 3]; the time does not matter."""
        out[:] = self._load(index % len(self.files))

    def truth(self, index: int, t_ns: int) -> list[Truth]:
        """Return nothing: what is on the pictures is not known."""
        return []

    def _read(self, index: int) -> Picture:
        return cover(read_picture(self.files[index], "RGB"), self._height, self._width)
