"""Follows the detected plates from picture to picture and draws what the driver sees, with nothing but numpy."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from guests.service import Tensor

#: Size of the picture; the camera's view fills it but for a strip at the right.
ROWS, VIEW, STRIP = 240, 320, 80

#: Camera pixels per pixel of the view.
SCALE = 2

#: A detection continues the track that it overlaps most, if by at least this much.
LEAST_OVERLAP = 0.3

#: A track is believed after this many detections, and given up after this many pictures without one.
BELIEVED, PATIENCE = 3, 5

#: Share of a new detection in a track's box; the rest is where the track was.
FRESH = 0.7

#: Plates listed in the strip, and height of a line there.
LINES, LINE = 5, 36

#: A safety monitor that was heard once and then not for so long counts as an alarm.
SILENCE_NS = 200_000_000

#: Bits of a safety status' second byte (guests/mcu/services/safety_monitor.c), as the banner calls them.
REASONS = ("LATE", "IMPLAUSIBLE", "JUMPING")

#: Classes of the motion model (docs/models.md), in the order of its scores.
MOTIONS = ("STANDING", "WALKING", "RUNNING", "BADMINTON")

#: Digits that a plate can show.
DIGITS = range(10)

Colour = tuple[int, int, int]
INK, PANEL, RULE, WHITE, DIM = (236, 240, 246), (18, 22, 30), (52, 60, 76), (250, 250, 246), (112, 122, 140)
ALARM: Colour = (196, 32, 32)
TRACK_COLOURS: tuple[Colour, ...] = (
    (64, 196, 255), (255, 171, 64), (105, 240, 174), (255, 92, 148), (179, 136, 255), (255, 226, 74),
)  # fmt: skip

#: Five by seven pixels a letter, a row a number of five bits.
FONT = {
    "0": (14, 17, 17, 17, 17, 17, 14), "1": (4, 12, 4, 4, 4, 4, 14), "2": (14, 17, 1, 2, 4, 8, 31),
    "3": (31, 2, 4, 2, 1, 17, 14), "4": (2, 6, 10, 18, 31, 2, 2), "5": (31, 16, 30, 1, 1, 17, 14),
    "6": (6, 8, 16, 30, 17, 17, 14), "7": (31, 1, 2, 4, 8, 8, 8), "8": (14, 17, 17, 14, 17, 17, 14),
    "9": (14, 17, 17, 15, 1, 2, 12), "S": (15, 16, 16, 14, 1, 1, 30), "I": (14, 4, 4, 4, 4, 4, 14),
    "G": (14, 17, 16, 23, 17, 17, 15), "N": (17, 17, 25, 21, 19, 17, 17), "F": (31, 16, 16, 30, 16, 16, 16),
    "R": (30, 17, 17, 30, 20, 18, 17), "A": (14, 17, 17, 31, 17, 17, 17), "M": (17, 27, 21, 21, 17, 17, 17),
    "B": (30, 17, 17, 30, 17, 17, 30), "C": (14, 17, 16, 16, 16, 17, 14), "D": (30, 17, 17, 17, 17, 17, 30),
    "J": (7, 2, 2, 2, 2, 18, 12), "K": (17, 18, 20, 24, 20, 18, 17), "L": (16, 16, 16, 16, 16, 16, 31),
    "O": (14, 17, 17, 17, 17, 17, 14), "P": (30, 17, 17, 30, 16, 16, 16), "T": (31, 4, 4, 4, 4, 4, 4),
    "U": (17, 17, 17, 17, 17, 17, 14), "W": (17, 17, 17, 21, 21, 27, 17),
    "E": (31, 16, 16, 30, 16, 16, 31), "#": (10, 10, 31, 10, 31, 10, 10), " ": (0, 0, 0, 0, 0, 0, 0),
}  # fmt: skip


@dataclass
class Track:
    """One plate over time.

    Parameters:
        box: x0, y0, x1, y1 in pixels of the camera's picture, smoothed
        number: 1, 2, ... in the order of being believed, never used again; 0 before
        votes: sum of scores for each digit
        hits: detections so far
        missed: pictures since the last one
        score: of the last one
    """

    box: list[float]
    number: int = 0
    votes: list[float] = field(default_factory=lambda: [0.0] * 10)
    hits: int = 0
    missed: int = 0
    score: float = 0.0

    @property
    def digit(self) -> int:
        """The digit with the most votes."""
        return self.votes.index(max(self.votes))

    @property
    def believed(self) -> bool:
        """Whether there were enough detections to take the plate for real."""
        return self.hits >= BELIEVED

    @property
    def colour(self) -> Colour:
        """The colour that this track has on the display."""
        return TRACK_COLOURS[self.number % len(TRACK_COLOURS)]

    def see(self, detection: list[float]) -> None:
        """Take in a detection (x0, y0, x1, y1, class, score)."""
        share = FRESH if self.hits else 1.0
        self.box = [old + share * (new - old) for old, new in zip(self.box, detection[:4], strict=True)]
        self.votes[int(detection[4])] += detection[5]
        self.score = detection[5]
        self.hits += 1
        self.missed = 0


class Tracker:
    """Joins detections of one picture to those of the pictures before, greatest overlap first."""

    def __init__(self) -> None:
        self.tracks: list[Track] = []
        self._count = 0

    def update(self, detections: np.ndarray) -> list[Track]:
        """Take in one picture's detections.

        Parameters:
            detections: float32[n, 6], rows (x0, y0, x1, y1, class, score); score 0 where unused

        Returns:
            The tracks still followed, oldest first.
        """
        found = [row for row in detections.tolist() if row[5] > 0 and _sound(row)]
        pairs = [(i, j) for i in range(len(self.tracks)) for j in range(len(found))]
        overlaps = [(overlap(self.tracks[i].box, found[j]), i, j) for i, j in pairs]
        taken: set[int] = set()
        seen: set[int] = set()
        for share, i, j in sorted(overlaps, key=lambda entry: (-entry[0], entry[1], entry[2])):
            if share >= LEAST_OVERLAP and i not in seen and j not in taken:
                self.tracks[i].see(found[j])
                seen.add(i)
                taken.add(j)
        for i, track in enumerate(self.tracks):
            track.missed += i not in seen
        self.tracks = [t for t in self.tracks if t.missed <= (PATIENCE if t.believed else 1)]
        for j, row in enumerate(found):
            if j not in taken:
                self.tracks.append(Track(row[:4]))
                self.tracks[-1].see(row)
        for track in self.tracks:
            if track.believed and not track.number:
                self._count += 1
                track.number = self._count
        return self.tracks


def _sound(row: list[float]) -> bool:
    """Tell whether a detection can be followed: what a broken detector sends must not stop the display."""
    return all(map(math.isfinite, row)) and int(row[4]) in DIGITS


class Safety:
    """What the safety monitor says, and for how long it has been saying nothing."""

    def __init__(self) -> None:
        self._status: list[int] | None = None
        self._heard_ns = 0

    def update(self, status: np.ndarray | None) -> str | None:
        """Take in the newest status.

        Parameters:
            status: uint8[8]: mode (0 normal), bits of `REASONS`, and what is of no interest here; None: no news

        Returns:
            None in normal operation and without a monitor, else why the display must not be trusted.
        """
        now_ns = time.monotonic_ns()
        if status is not None:
            self._status, self._heard_ns = status.tolist(), now_ns
        if self._status is None:
            return None
        if now_ns - self._heard_ns > SILENCE_NS:
            return "NO MONITOR"
        mode, bits = self._status[:2]
        reasons = " ".join(reason for bit, reason in enumerate(REASONS) if bits >> bit & 1)
        return reasons if mode else None


class Outputs(NamedTuple):
    """What the head unit sends for every pair of detections and preview.

    Parameters:
        picture: what the driver sees, RGB
    """

    picture: Tensor["uint8", 240, 400, 3]


class HeadUnit:
    """The display of the cockpit: the camera's view with the tracked plates, and a list of the last plates read.

    While the safety monitor demands it, or has fallen silent, a banner says so and nothing is drawn around plates.
    """

    def __init__(self) -> None:
        self._tracker = Tracker()
        self._safety = Safety()
        self._motion: str | None = None
        self._pictures = 0
        self._listed: list[Track] = []
        self._tiles: dict[tuple[object, ...], np.ndarray] = {}
        self._picture = np.zeros((ROWS, VIEW + STRIP, 3), np.uint8)
        self._strip = self._background()

    def __call__(
        self,
        detections: Tensor["float32", 16, 6],
        preview: Tensor["uint8", 120, 160, 3],
        safety: Tensor["uint8", 8] | None = None,
        cabin: Tensor["int8", 1, 4] | None = None,
    ) -> Outputs:
        """Draw one picture.

        Parameters:
            detections: rows (x0, y0, x1, y1, class, score)
            preview: the camera's picture that they were found in, a quarter of its size
            safety: what the safety monitor says of the detections
            cabin: scores of `MOTIONS`
        """
        self._pictures += 1
        alarm = self._safety.update(safety)
        tracks = [track for track in self._tracker.update(detections) if track.believed]
        listed = {track.number for track in self._listed}
        self._listed = [t for t in reversed(tracks) if t.number not in listed] + self._listed
        del self._listed[LINES:]
        enlarge(preview, self._picture[:, :VIEW])
        drawn = [track for track in tracks if not track.missed] if alarm is None else []
        for track in drawn:
            self._frame(track)
        for track in drawn:  # after all boxes, so that no box covers a digit
            self._tag(track)
        if alarm is not None:
            self._banner(alarm)
        self._cabin(cabin)
        self._picture[:, VIEW:] = self._strip
        for line, track in enumerate(self._listed):
            self._list(track, 32 + line * LINE, alarm is None and not track.missed)
        self._put(self._text(f"{self._pictures % 1_000_000:06d}", INK, PANEL), VIEW + 36, ROWS - 14)
        return Outputs(self._picture)

    def _background(self) -> np.ndarray:
        strip = np.empty((ROWS, STRIP, 3), np.uint8)
        strip[:] = PANEL
        strip[:, 0] = RULE
        strip[26, 8:-8] = strip[ROWS - 20, 8:-8] = RULE
        title = self._text("SIGNS", INK, PANEL, 2)
        strip[7 : 7 + title.shape[0], 10 : 10 + title.shape[1]] = title
        frame = self._text("FRM", DIM, PANEL)
        strip[ROWS - 14 : ROWS - 14 + frame.shape[0], 10 : 10 + frame.shape[1]] = frame
        return strip

    def _frame(self, track: Track) -> None:
        """Draw a track's box, as far as it lies in the view."""
        x0, y0, x1, y1 = (max(int(value) // SCALE, 0) for value in track.box)
        view = self._picture[y0 : min(y1 + 1, ROWS), x0 : min(x1 + 1, VIEW)]
        view[:2] = view[-2:] = view[:, :2] = view[:, -2:] = track.colour

    def _tag(self, track: Track) -> None:
        """Draw a track's digit above its box, or where there is room for it."""
        tag = self._text(f"{track.digit}", PANEL, track.colour, 2, 3)
        left, top = int(track.box[0]) // SCALE, int(track.box[1]) // SCALE - tag.shape[0]
        self._put(tag, min(max(left, 0), VIEW - tag.shape[1]), min(max(top, 0), ROWS - tag.shape[0]))

    def _banner(self, alarm: str) -> None:
        """Say over the view that it must not be trusted, and why."""
        title = self._text("DEGRADED", WHITE, ALARM, 2)
        self._picture[: title.shape[0] + 8, :VIEW] = ALARM
        self._put(title, 8, 4)
        if alarm:
            self._put(self._text(alarm, WHITE, ALARM), title.shape[1] + 20, 11)

    def _cabin(self, scores: np.ndarray | None) -> None:
        """Name the motion in the cabin, if it was ever heard of."""
        if scores is not None:
            self._motion = MOTIONS[int(scores.argmax())]
        if self._motion is not None:
            self._put(self._text(f"CABIN {self._motion}", INK, PANEL, 1, 1), 4, ROWS - 13)

    def _list(self, track: Track, top: int, followed: bool) -> None:
        """Draw a track's line of the list: its sign, its number and how sure the last detection was."""
        colour = track.colour if followed else RULE
        self._picture[top : top + LINE - 6, VIEW + 8 : VIEW + 11] = colour
        self._put(self._sign(track.digit, followed), VIEW + 14, top)
        self._put(self._text(f"#{track.number}", INK if followed else DIM, PANEL), VIEW + 43, top + 5)
        length = int(28 * track.score) if followed else 0
        self._picture[top + 19 : top + 22, VIEW + 43 : VIEW + 71] = RULE
        self._picture[top + 19 : top + 22, VIEW + 43 : VIEW + 43 + length] = colour

    def _sign(self, digit: int, bright: bool) -> np.ndarray:
        """Return a small picture of a sign plate, uint8[30, 25, 3]."""
        key = ("sign", digit, bright)
        if key not in self._tiles:
            face, ink = (WHITE, (24, 48, 112)) if bright else (DIM, PANEL)
            tile = np.empty((LINE - 6, 25, 3), np.uint8)
            tile[:] = PANEL
            tile[1:-1], tile[:, 1:-1] = face, face
            tile[0, 0] = tile[0, -1] = tile[-1, 0] = tile[-1, -1] = PANEL
            tile[2:-2, 2:-2] = ink
            tile[3:-3, 3:-3] = face
            glyph = self._text(str(digit), ink, face, 3)[:, :-3]  # without the space after it
            top, left = (tile.shape[0] - glyph.shape[0]) // 2, (tile.shape[1] - glyph.shape[1]) // 2
            tile[top : top + glyph.shape[0], left : left + glyph.shape[1]] = glyph
            self._tiles[key] = tile
        return self._tiles[key]

    def _text(self, text: str, ink: Colour, paper: Colour, size: int = 1, margin: int = 0) -> np.ndarray:
        """Return letters of `FONT`, drawn letter by letter so that few pictures are made: uint8[height, width, 3]."""
        return np.concatenate([self._letter(letter, ink, paper, size, margin) for letter in text], axis=1)

    def _letter(self, letter: str, ink: Colour, paper: Colour, size: int, margin: int) -> np.ndarray:
        key = (letter, ink, paper, size, margin)
        if key not in self._tiles:
            bits = np.array([[row >> (4 - column) & 1 for column in range(5)] for row in FONT[letter]], bool)
            big = np.pad(bits.repeat(size, 0).repeat(size, 1), ((margin, margin), (margin, margin or size)))
            self._tiles[key] = np.where(big[..., None], np.array(ink, np.uint8), np.array(paper, np.uint8))
        return self._tiles[key]

    def _put(self, tile: np.ndarray, left: int, top: int) -> None:
        self._picture[top : top + tile.shape[0], left : left + tile.shape[1]] = tile


def enlarge(small: np.ndarray, out: np.ndarray) -> None:
    """Draw a picture at twice its size, with the mean of neighbours between them.

    Parameters:
        small: uint8[rows, columns, 3]
        out: uint8[2 * rows, 2 * columns, 3], written
    """
    half = small >> 1
    between = half.copy()
    between[:, :-1] += half[:, 1:]
    between[:, -1] += half[:, -1]
    for channel in range(3):  # a plane at a time: long strided loops instead of many over 3 bytes
        out[0::2, 0::2, channel] = small[:, :, channel]
        out[0::2, 1::2, channel] = between[:, :, channel]
    lines = out[0::2] >> 1
    out[1:-1:2] = lines[:-1] + lines[1:]
    out[-1] = out[-2]


def overlap(one: list[float], other: list[float]) -> float:
    """Return the intersection over union of two boxes (x0, y0, x1, y1, ...), 0..1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / ((one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1]) - shared)
