"""Drawing sign plates: a light, bordered, rounded rectangle with a handwritten digit painted on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from machines.native.resize import Picture, resize, sample

Colour = tuple[int, int, int]

#: Heights in pixels at which a plate is kept; one is drawn from the smallest that is not smaller than itself, so
#: that linear interpolation (two neighbours an axis) skips no pixel.
LEVELS = (256, 184, 132, 94, 67)

FACES: tuple[Colour, ...] = ((246, 246, 242), (250, 226, 96), (226, 236, 246), (238, 232, 214))
INKS: tuple[Colour, ...] = ((24, 24, 26), (22, 48, 112), (166, 28, 32), (14, 88, 52), (98, 56, 20))


@dataclass(frozen=True)
class PlateLook:
    """How one plate looks, apart from the digit's picture.

    Parameters:
        aspect: width in 256ths of the height
        face: RGB of the rectangle
        border: RGB of the frame line
        ink: RGB of the digit
        digit_height: height of the digit's strokes in 256ths of the plate's height
        slant: how far the right edge lies below the left one, in 256ths of the height (may be negative)
        light: brightness in 256ths, at most 256
    """

    aspect: int = 208
    face: Colour = FACES[0]
    border: Colour = INKS[1]
    ink: Colour = INKS[0]
    digit_height: int = 150
    slant: int = 0
    light: int = 256


@dataclass(frozen=True)
class Sprite:
    """A plate ready to be put on pictures at many sizes.

    Parameters:
        levels: uint8[height, width, 4] for every height of `LEVELS`; RGB already multiplied by alpha
        aspect: width in 256ths of the height
    """

    levels: tuple[Picture, ...]
    aspect: int

    def width(self, height: int) -> int:
        """Return the width in pixels of this plate at a height in pixels."""
        return max(1, (height * self.aspect + 128) >> 8)

    def at(self, height: int) -> Picture:
        """Return uint8[height, width, 4]: this plate at a height in pixels."""
        source = min((level for level in self.levels if level.shape[0] >= height), key=len, default=self.levels[0])
        return sample(source, height, self.width(height))


def make_sprite(digit: NDArray[np.uint8], look: PlateLook) -> Sprite:
    """Draw a plate, at twice the largest level and then averaged down, which smooths its edges.

    Parameters:
        digit: uint8[28, 28], bright strokes on black, with at least one stroke
        look: everything else
    """
    travel = LEVELS[0] * abs(look.slant) // 256
    picture = _face(2 * (LEVELS[0] - travel), 2 * (LEVELS[0] * look.aspect // 256), look)
    strokes = _strokes(digit, picture.shape[0] * look.digit_height // 256, picture.shape[1] * 176 // 256)
    _paint(picture, strokes, look.ink)
    levels = [_slant(_halved(picture), travel if look.slant >= 0 else -travel)]
    for size in LEVELS[1:]:
        levels.append(sample(levels[-1], size, max(1, size * look.aspect // 256)))
    return Sprite(tuple(levels), look.aspect)


def put(sprite: Picture, out: Picture, left: int, top: int) -> None:
    """Blend a plate over a picture in place.

    Parameters:
        sprite: uint8[height, width, 4], RGB multiplied by alpha
        out: uint8[rows, columns, 3]
        left: column of the plate's left edge; the plate must lie inside the picture
        top: row of its upper edge
    """
    height, width = sprite.shape[:2]
    under = out[top : top + height, left : left + width]
    weighted = under * (255 - sprite[..., 3:]).astype(np.uint16) + np.uint16(128)
    weighted += weighted >> 8  # with the shift below: division by 255, rounded, exact for every product of bytes
    under[:] = (weighted >> 8).astype(np.uint8) + sprite[..., :3]


def _face(height: int, width: int, look: PlateLook) -> Picture:
    """Draw rim, frame line and face; the face is a little darker towards its lower edge."""
    rim, line, radius = height // 40, height // 22, height // 10
    shade = (256 - 24 * np.arange(height) // height)[:, None] * look.light >> 8
    rgba = np.full((height, width), 255, np.uint32) << 24
    fill = [(colour * shade >> 8).astype(np.uint32) << 8 * channel for channel, colour in enumerate(look.face)]
    rgba |= fill[0] | fill[1] | fill[2]
    border = sum((colour * look.light >> 8) << 8 * channel for channel, colour in enumerate(look.border))
    rgba[_rounded(height, width, radius, rim) & ~_rounded(height, width, radius, rim + line)] = border | 255 << 24
    rgba[~_rounded(height, width, radius, 0)] = 0
    return rgba.astype("<u4").view(np.uint8).reshape(height, width, 4)


def _rounded(height: int, width: int, radius: int, inset: int) -> NDArray[np.bool_]:
    """Mask of a rectangle with round corners, `inset` pixels inside the edge."""
    dy = np.maximum(abs(2 * np.arange(height) + 1 - height) - (height - 2 * radius), 0)[:, None]
    dx = np.maximum(abs(2 * np.arange(width) + 1 - width) - (width - 2 * radius), 0)[None, :]
    return np.asarray(dx * dx + dy * dy <= (2 * (radius - inset)) ** 2)


def _strokes(digit: NDArray[np.uint8], height: int, width: int) -> Picture:
    """Enlarge the digit's strokes to fit into height x width and sharpen their edges, as if painted."""
    rows, columns = np.flatnonzero(digit.max(1) > 60), np.flatnonzero(digit.max(0) > 60)
    tight = np.pad(digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 1)
    scale = min(height * 256 // tight.shape[0], width * 256 // tight.shape[1])
    smooth = resize(tight, 4 * tight.shape[0], 4 * tight.shape[1])
    for _ in range(2):
        padded = np.pad(smooth.astype(np.uint16), 1)
        smooth = ((padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]) >> 2).astype(np.uint8)
    big = resize(smooth, max(4, tight.shape[0] * scale >> 8), max(4, tight.shape[1] * scale >> 8))
    return np.clip((big.astype(np.int32) - 70) * 4, 0, 255).astype(np.uint8)


def _paint(picture: Picture, strokes: Picture, ink: Colour) -> None:
    """Blend ink through the strokes into the middle of the picture, in place."""
    top = (picture.shape[0] - strokes.shape[0]) // 2
    left = (picture.shape[1] - strokes.shape[1]) // 2
    under = picture[top : top + strokes.shape[0], left : left + strokes.shape[1], :3]
    weight = strokes[..., None].astype(np.uint32)
    under[:] = (under * (255 - weight) + np.array(ink, np.uint32) * weight + 127) // 255


def _halved(picture: Picture) -> Picture:
    """Average squares of two by two pixels."""
    rows = picture[0::2].astype(np.uint16) + picture[1::2]
    return ((rows[:, 0::2] + rows[:, 1::2] + 2) >> 2).astype(np.uint8)


def _slant(picture: Picture, travel: int) -> Picture:
    """Shift columns down by 0 to travel pixels from left to right (from right to left when negative)."""
    height, width = picture.shape[:2]
    shift = abs(travel) * np.arange(width) // max(1, width - 1)
    rows = np.arange(height + abs(travel))[:, None] - (shift if travel >= 0 else shift[::-1])[None, :]
    slanted: Picture = picture[np.clip(rows, 0, height - 1), np.arange(width)[None, :]]
    slanted[(rows < 0) | (rows >= height)] = 0
    return slanted
