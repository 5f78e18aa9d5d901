"""A camera: when it takes which picture, and what is on it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from machines.native.pictures import FolderSource
from machines.native.plates import PlateSource
from machines.native.source import Source, Truth
from machines.native.splitmix import SplitMix
from machines.native.video import VideoSource

Format = Literal["rgb8", "gray8", "nv12"]

_SECOND_NS = 1_000_000_000


class Camera:
    """Takes pictures at a rate in virtual time.

    Parameters:
        name: what it is called in messages
        source: what it looks at: "plates", a folder of pictures, a video file, or any `Source`
        size: (width, height) in pixels
        rate: pictures a second; a float is taken as the nearest fraction with a denominator up to 1001 (29.97)
        format: "rgb8" for uint8[height, width, 3], "gray8" for uint8[height, width] (BT.601 luma), "nv12" for
            uint8[height * 3/2, width] (see `nv12`)
        jitter_ns: each picture comes late by a number of nanoseconds from 0 to this, drawn by the seed
        seed: of the jitter and of the built-in source

    Raises:
        ValueError: a parameter is out of range; jitter must be shorter than a period.
        FileNotFoundError: the source is neither "plates" nor an existing file or folder.
        ModuleNotFoundError: the source is a video and PyAV is not installed.
    """

    def __init__(
        self,
        name: str,
        source: str | Source,
        size: tuple[int, int],
        rate: int | float | Fraction,
        format: Format = "rgb8",
        jitter_ns: int = 0,
        seed: int = 0,
    ) -> None:
        self.name, self.size, self.format = name, size, format
        self.rate = Fraction(rate).limit_denominator(1001)
        if min(size) < 1:
            raise ValueError(f"camera {name}: size {size[0]}x{size[1]} is empty")
        if self.rate <= 0:
            raise ValueError(f"camera {name}: rate {rate} is not positive")
        if not 0 <= jitter_ns < _SECOND_NS // self.rate:
            raise ValueError(f"camera {name}: jitter {jitter_ns} ns is not from 0 to less than a period")
        if format not in get_args(Format):
            raise ValueError(f"camera {name}: format {format!r} is none of {', '.join(get_args(Format))}")
        if format == "nv12" and (size[0] % 2 or size[1] % 2):
            raise ValueError(f"camera {name}: nv12 has even sizes, not {size[0]}x{size[1]}")
        self._jitter_ns, self._seed = jitter_ns, seed
        self._source = open_source(source, size, seed) if isinstance(source, str) else source
        self._colour = np.empty((size[1], size[0], 3), np.uint8) if format != "rgb8" else None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a picture, [height, width, 3], [height, width] or [height * 3/2, width]."""
        width, height = self.size
        if self.format == "nv12":
            return height * 3 // 2, width
        return (height, width, 3) if self.format == "rgb8" else (height, width)

    def next_ns(self, index: int) -> int:
        """Return the virtual time in nanoseconds at which picture index (0, 1, ...) is taken; it grows with index."""
        due = index * _SECOND_NS * self.rate.denominator // self.rate.numerator
        return due + (SplitMix(self._seed, 3, index).below(self._jitter_ns + 1) if self._jitter_ns else 0)

    def render(self, index: int, out: NDArray[np.uint8]) -> None:
        """Draw picture index into out.

        Parameters:
            index: 0, 1, ...; in any order
            out: uint8, of `shape`; contiguous or not

        Raises:
            ValueError: out has another shape or dtype.
        """
        if out.shape != self.shape or out.dtype != np.uint8:
            raise ValueError(f"camera {self.name} draws uint8{list(self.shape)}, not {out.dtype}{list(out.shape)}")
        if self._colour is None:
            self._source.draw(index, self.next_ns(index), out)
        else:
            self._source.draw(index, self.next_ns(index), self._colour)
            out[:] = luma(self._colour) if self.format == "gray8" else nv12(self._colour)

    def truth(self, index: int) -> list[Truth]:
        """Return what is known to be on picture index; empty when the source does not know."""
        return self._source.truth(index, self.next_ns(index))


def open_source(text: str, size: tuple[int, int], seed: int) -> Source:
    """Open what a scenario names as a camera's source.

    Parameters:
        text: "plates", a folder of pictures or a video file
        size: (width, height) of the pictures wanted
        seed: of the built-in source

    Raises:
        FileNotFoundError: no such file or folder.
        ModuleNotFoundError: it is a video and PyAV is not installed.
        ValueError: the folder holds no picture, the file no video, or the size is too small for plates.
    """
    width, height = size
    if text == "plates":
        return PlateSource(width, height, seed)
    path = Path(text)
    if path.is_dir():
        return FolderSource(path, width, height)
    if path.is_file():
        return VideoSource(path, width, height)
    raise FileNotFoundError(f"camera source {text!r} is neither 'plates' nor a folder of pictures nor a video file")


def luma(colour: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the brightness of RGB pixels, (77 R + 150 G + 29 B) / 256: BT.601's weights in 8 bits.

    Parameters:
        colour: uint8[height, width, 3]

    Returns:
        uint8[height, width]
    """
    red, green, blue = (colour[..., channel].astype(np.uint16) for channel in range(3))
    brightness: NDArray[np.uint8] = ((77 * red + 150 * green + 29 * blue) >> 8).astype(np.uint8)
    return brightness


def nv12(colour: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return RGB pixels as NV12: a plane of luma, below it one of half the height with Cb and Cr in turn.

    Values are those of ITU-R BT.601 in its limited range (luma 16 to 235, chroma 16 to 240), in 8-bit integers as in
    Microsoft, *Recommended 8-Bit YUV Formats for Video Rendering*, converting RGB888 to YUV; the chroma of two by two
    pixels is that of the mean of their colours.

    Parameters:
        colour: uint8[height, width, 3]; height and width are even

    Returns:
        uint8[height * 3/2, width]
    """
    height, width, _ = colour.shape
    picture = np.empty((height * 3 // 2, width), np.uint8)
    red, green, blue = (colour[..., channel].astype(np.uint16) for channel in range(3))
    picture[:height] = ((66 * red + 129 * green + 25 * blue + 128) >> 8) + 16
    mean_red, mean_green, mean_blue = (_quarter(plane) for plane in (red, green, blue))
    picture[height:, 0::2] = ((-38 * mean_red - 74 * mean_green + 112 * mean_blue + 128) >> 8) + 128
    picture[height:, 1::2] = ((112 * mean_red - 94 * mean_green - 18 * mean_blue + 128) >> 8) + 128
    return picture


def _quarter(plane: NDArray[np.uint16]) -> NDArray[np.int32]:
    """Return the mean of two by two values, rounded."""
    rows = plane[0::2] + plane[1::2]
    mean: NDArray[np.int32] = ((rows[:, 0::2] + rows[:, 1::2] + 2) >> 2).astype(np.int32)
    return mean
