"""Finds sign plates and reads their digits: two int8 networks (docs/models.md), and numpy before, between and after.

The first network looks at the whole picture, shrunk, and says where plates are; the second looks at a patch of each
plate, cut out of the picture itself, and says which digit it shows, or that it is no plate after all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from guests.service import Tensor

#: Pixels of the camera's picture per cell of the finding network's output grid, along each axis.
CELL = 32

#: Size of the patch that the reading network sees, and the share of the box that is cut off at each side of it.
PATCH, MARGIN = 28, 0.1

#: What the reading network calls a patch without a digit.
NO_DIGIT = 10

#: Rows of the detections tensor.
CAPACITY = 16

#: Two boxes that overlap by more than this are the same plate seen from two cells.
SAME_PLATE = 0.4


class Outputs(NamedTuple):
    """What the detector sends for every picture.

    Parameters:
        detections: rows (x0, y0, x1, y1 in pixels of the picture, class 0..9, score 0..1), best first, then zeros
        preview: the picture at a quarter of its size, RGB
    """

    detections: Tensor["float32", 16, 6]
    preview: Tensor["uint8", 120, 160, 3]


class Detector:
    """Detector of sign plates.

    Parameters:
        model: path of the networks, as written by ``guests.models.train_plates``
        threshold: least score of a detection, between 0 and 1

    Raises:
        ValueError: the model cannot be read, or the threshold is out of range.
    """

    def __init__(self, model: str, threshold: float = 0.5) -> None:
        from ai_edge_litert.interpreter import Interpreter  # only where the service runs, not where it is checked

        if not 0.0 < threshold < 1.0:
            raise ValueError(f"threshold must lie between 0 and 1, not {threshold}")
        networks = Interpreter(model_path=model, num_threads=1)
        self._find = networks.get_signature_runner("find")
        self._read = networks.get_signature_runner("read")
        outputs = self._find.get_output_details()
        self._plate_scale, self._plate_zero = outputs["plate"]["quantization"]
        self._sides_scale, self._sides_zero = outputs["sides"]["quantization"]
        self._least = np.log(threshold / (1 - threshold)) / self._plate_scale + self._plate_zero

    def __call__(self, frame: Tensor["uint8", 480, 640, 3]) -> Outputs:
        """Detect the plates in one picture, RGB."""
        detections = np.zeros((CAPACITY, 6), np.float32)
        row = 0
        for box, score in self.find(frame):
            digit = self.read(frame, box)
            if digit != NO_DIGIT:
                detections[row, :4], detections[row, 4], detections[row, 5] = box, digit, score
                row += 1
        return Outputs(detections, thumbnail(frame))

    def find(self, frame: np.ndarray) -> list[tuple[np.ndarray, float]]:
        """Return boxes, float32[4] (x0, y0, x1, y1) in pixels of the frame, and scores; best first, at most 16."""
        found = self._find(picture=_to_input(shrink(frame)))
        plate, sides = found["plate"].reshape(-1), found["sides"].reshape(-1, 4)
        cells = np.flatnonzero(plate >= self._least)
        if not len(cells):
            return []
        cells = cells[np.argsort(-plate[cells].astype(np.int16), kind="stable")]
        logits = (plate[cells].astype(np.float32) - self._plate_zero) * np.float32(self._plate_scale)
        reach = (sides[cells].astype(np.float32) - self._sides_zero) * np.float32(self._sides_scale * CELL)
        columns = found["plate"].shape[2]
        centres = np.stack([cells % columns, cells // columns], axis=1) * CELL + CELL // 2
        boxes = np.concatenate([centres - reach[:, :2], centres + reach[:, 2:]], axis=1).astype(np.float32)
        return merge(boxes, 1 / (1 + np.exp(-logits)))

    def read(self, frame: np.ndarray, box: np.ndarray) -> int:
        """Return the digit in a box, float32[4], or `NO_DIGIT`."""
        return int(self._read(patch=_to_input(cut(frame, box)))["digit"].argmax())


def _to_input(grey: np.ndarray) -> np.ndarray:
    """Turn uint8[rows, columns] into a network's input int8[1, rows, columns, 1], meaning (grey - 128) / 128."""
    return (grey ^ 0x80).view(np.int8)[None, :, :, None]


def shrink(frame: np.ndarray) -> np.ndarray:
    """Make the network's view of a picture.

    Parameters:
        frame: uint8[480, 640, 3], RGB

    Returns:
        uint8[120, 160]: the mean of green in every second pixel of every second row of each 4 by 4 square
    """
    green = frame[:, :, 1]
    total = green[0::4, 0::4].astype(np.uint16)
    for row, column in ((0, 2), (2, 0), (2, 2)):
        total += green[row::4, column::4].astype(np.uint16)
    total >>= 2
    return total.astype(np.uint8)


def thumbnail(frame: np.ndarray) -> np.ndarray:
    """Make a picture of a quarter of the size: uint8[120, 160, 3], each pixel the mean of two of its 4 by 4 square."""
    small = np.empty((frame.shape[0] // 4, frame.shape[1] // 4, 3), np.uint8)
    for channel in range(3):  # a plane at a time: long strided loops, six times faster than many loops over 3 bytes
        plane = frame[0::4, 0::4, channel] >> 1
        plane += frame[2::4, 2::4, channel] >> 1
        small[:, :, channel] = plane
    return small


def cut(frame: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Make the reading network's view of a box.

    Parameters:
        frame: uint8[rows, columns, 3], RGB
        box: float32[4], x0, y0, x1, y1; may reach over the frame's edge, whose pixels then repeat

    Returns:
        uint8[28, 28]: green, each pixel the mean of four spread evenly over its part of the box
    """
    rows, columns = frame.shape[:2]
    x0, y0, x1, y1 = box.tolist()
    steps = np.arange(2 * PATCH) * ((1 - 2 * MARGIN) / (2 * PATCH)) + (MARGIN + (1 - 2 * MARGIN) / (4 * PATCH))
    x = np.clip(x0 + steps * (x1 - x0), 0, columns - 1).astype(np.intp)
    y = np.clip(y0 + steps * (y1 - y0), 0, rows - 1).astype(np.intp)
    taken = frame[:, :, 1][y[:, None], x].astype(np.uint16)
    lines = taken[0::2] + taken[1::2]
    return ((lines[:, 0::2] + lines[:, 1::2]) >> 2).astype(np.uint8)


def merge(boxes: np.ndarray, scores: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """Make one box of all cells that see the same plate: the mean of theirs, weighted by score.

    Parameters:
        boxes: float32[n, 4], (x0, y0, x1, y1), best score first
        scores: float32[n], 0..1

    Returns:
        At most 16 boxes, float32[4], each with its best cell's score; best first.
    """
    merged: list[tuple[np.ndarray, float]] = []
    left = np.arange(len(boxes))
    while len(left) and len(merged) < CAPACITY:
        same = overlap(boxes[left[0]], boxes[left]) > SAME_PLATE
        same[0] = True
        members = left[same]
        weights = scores[members, None]
        merged.append(((boxes[members] * weights).sum(axis=0) / weights.sum(), float(scores[left[0]])))
        left = left[~same]
    return merged


def overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return the intersection over union of one box with each of several, float32[n]."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:4], boxes[:, 2:4])
    shared = np.maximum(high - low, 0).prod(axis=1)
    area = (box[2:4] - box[:2]).prod()
    areas = (boxes[:, 2:4] - boxes[:, :2]).prod(axis=1)
    return shared / np.maximum(area + areas - shared, np.float32(1e-6))
