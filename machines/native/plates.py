"""The built-in camera source: a drive past sign plates in front of a photograph, with known boxes and labels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from machines.native import material, sprites
from machines.native.resize import Picture, cover
from machines.native.source import Truth
from machines.native.splitmix import SplitMix

_MS = 1_000_000

#: A picture shows 1 to 4 plates: below the first a new one is due, above the second none comes.
_FEW, _MANY = 2, 4

#: The photograph is this much larger than the picture, so that there is something to pan over (in quarters).
_WORLD = 5

#: Times between looks for a new plate, and between checks that two plates stay apart.
_STEP_NS, _CHECK_NS = 200 * _MS, 50 * _MS


@dataclass(frozen=True)
class Track:
    """One plate's way past the camera: it approaches at constant speed along a straight line.

    The height then grows as 1/distance, and the centre moves away from the vanishing point in proportion to it.

    Parameters:
        start_ns: when it comes into view, in virtual time (may be before zero)
        life_ns: how long it is seen
        first: height in pixels when it comes into view
        last: height in pixels when it is lost from view
        end: centre (x, y) in pixels when it is lost
        focus: the vanishing point (x, y) in pixels
        sample: index of the digit
        look: appearance
    """

    start_ns: int
    life_ns: int
    first: int
    last: int
    end: tuple[int, int]
    focus: tuple[int, int]
    sample: int
    look: sprites.PlateLook

    def box(self, t_ns: int) -> tuple[int, int, int] | None:
        """Return (left, top, height) in pixels at a virtual time, or None when out of view."""
        age = t_ns - self.start_ns
        if not 0 <= age < self.life_ns:
            return None
        distance = self.last * (self.life_ns - age) + self.first * age
        sixteenths = 16 * self.first * self.last * self.life_ns // distance
        height = (sixteenths + 8) >> 4
        width = max(1, (height * self.look.aspect + 128) >> 8)
        x, y = (f + (e - f) * sixteenths // (16 * self.last) for e, f in zip(self.end, self.focus, strict=True))
        return x - width // 2, y - height // 2, height


class PlateSource:
    """Sign plates with handwritten digits that pass by, over a slowly panning photograph.

    Digits, photographs and numbers come from the test side of `material` and the seed alone; all arithmetic is in
    integers, so a picture is the same to the byte on every machine.

    Parameters:
        width: columns of the picture, at least 160
        height: rows of the picture, at least 120
        seed: chooses photograph, light, plates and their ways

    Raises:
        ValueError: the picture is too small for plates.
    """

    def __init__(self, width: int, height: int, seed: int) -> None:
        if width < 160 or height < 120:
            raise ValueError(f"plates need a picture of 160x120 or more, not {width}x{height}")
        self._width, self._height, self._seed = width, height, seed
        self._digits, self._labels = material.shipped_digits()
        self._tracks: list[Track] = []
        self._planned_ns = -4_000 * _MS
        self._random = SplitMix(seed, 1)
        self._pan = SplitMix(seed, 2)
        self._world = self._photograph()
        self._phase = (self._pan.below(1 << 20), self._pan.below(1 << 20))
        self._sprite = lru_cache(maxsize=16)(self._make_sprite)
        self._sized = lru_cache(maxsize=64)(lambda sample, look, height: self._sprite(sample, look).at(height))

    def draw(self, index: int, t_ns: int, out: Picture) -> None:
        """Draw the picture of virtual time t_ns into out, uint8[height, width, 3]; the index does not matter."""
        left, top = self._offset(t_ns)
        out[:] = self._world[top : top + self._height, left : left + self._width]
        for track, box in self._seen(t_ns):
            sprites.put(self._sized(track.sample, track.look, box[2]), out, box[0], box[1])

    def truth(self, index: int, t_ns: int) -> list[Truth]:
        """Return the boxes and labels of all plates in the picture of virtual time t_ns."""
        boxes = []
        for track, (left, top, height) in self._seen(t_ns):
            width = max(1, (height * track.look.aspect + 128) >> 8)
            boxes.append(Truth(left, top, left + width, top + height, int(self._labels[track.sample])))
        return boxes

    def _photograph(self) -> Picture:
        name = material.TEST_PHOTOS[self._pan.below(len(material.TEST_PHOTOS))]
        photo = cover(material.shipped_photo(name), self._height * _WORLD // 4, self._width * _WORLD // 4)
        if self._pan.below(2):
            photo = photo[:, ::-1]
        light = self._pan.between(216, 256)
        return np.ascontiguousarray((photo.astype(np.uint16) * light >> 8).astype(np.uint8))

    def _offset(self, t_ns: int) -> tuple[int, int]:
        """Return (left, top) of the window on the photograph: there and back again on each axis."""
        offsets = []
        for size, period_s, phase in ((self._width, 24, self._phase[0]), (self._height, 40, self._phase[1])):
            slack = size * _WORLD // 4 - size
            turn = (t_ns // _MS + phase) * 2 * slack // (period_s * 1000) % (2 * slack)
            offsets.append(min(turn, 2 * slack - turn))
        return offsets[0], offsets[1]

    def _make_sprite(self, sample: int, look: sprites.PlateLook) -> sprites.Sprite:
        return sprites.make_sprite(self._digits[sample], look)

    def _seen(self, t_ns: int) -> list[tuple[Track, tuple[int, int, int]]]:
        """Return the plates in view; plans ahead first, always in the same order whatever was asked before."""
        while self._planned_ns <= t_ns:
            self._plan(self._planned_ns)
            self._planned_ns += _STEP_NS
        placed = ((track, track.box(t_ns)) for track in self._tracks)
        return [(track, box) for track, box in placed if box is not None]

    def _plan(self, t_ns: int) -> None:
        """Let a plate come into view at t_ns if there is need and room for one."""
        ends = [track.start_ns + track.life_ns for track in self._tracks]
        seen, staying = sum(end > t_ns for end in ends), sum(end > t_ns + _STEP_NS for end in ends)
        if seen >= _MANY or (staying >= _FEW and self._random.below(4)):
            return
        for _ in range(16):
            candidate = self._candidate(t_ns)
            if all(_apart(candidate, other) for other in self._tracks):
                self._tracks.append(candidate)
                return

    def _candidate(self, t_ns: int) -> Track:
        draw, frame = self._random, self._height
        first, last = draw.between(frame * 150, frame * 200) // 1000, draw.between(frame * 250, frame * 415) // 1000
        look = random_look(draw)
        half_width, half_height = (last * look.aspect >> 9) + 2, (last >> 1) + 2
        end = (
            draw.between(half_width, self._width - half_width),
            draw.between(half_height, self._height - half_height),
        )
        focus = (self._width // 2, self._height * 2 // 5)
        sample = draw.below(len(self._labels))
        return Track(t_ns, draw.between(1200, 3200) * _MS, first, last, end, focus, sample, look)


def random_look(draw: SplitMix) -> sprites.PlateLook:
    """Return a plate's appearance by the next numbers of a stream."""
    return sprites.PlateLook(
        aspect=draw.between(192, 252),
        face=sprites.FACES[draw.below(len(sprites.FACES))],
        border=sprites.INKS[draw.below(len(sprites.INKS))],
        ink=sprites.INKS[draw.below(len(sprites.INKS))],
        digit_height=draw.between(138, 164),
        slant=draw.between(-16, 16),
        light=draw.between(206, 256),
    )


def _apart(one: Track, other: Track, margin: int = 10) -> bool:
    """Whether two plates never come closer than a margin in pixels while both are in view."""
    begin = max(one.start_ns, other.start_ns)
    end = min(one.start_ns + one.life_ns, other.start_ns + other.life_ns)
    for t_ns in [*range(begin, end, _CHECK_NS), end - 1] if begin < end else ():
        a, b = one.box(t_ns), other.box(t_ns)
        if a is not None and b is not None and _close(one, a, other, b, margin):
            return False
    return True


def _close(one: Track, a: tuple[int, int, int], other: Track, b: tuple[int, int, int], margin: int) -> bool:
    width_a, width_b = a[2] * one.look.aspect >> 8, b[2] * other.look.aspect >> 8
    return (
        a[0] < b[0] + width_b + margin
        and b[0] < a[0] + width_a + margin
        and a[1] < b[1] + b[2] + margin
        and b[1] < a[1] + a[2] + margin
    )
