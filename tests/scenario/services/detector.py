"""Stand-ins with the shapes of the shipped services, and services with mistakes, for the tests of the language."""

from __future__ import annotations

from typing import NamedTuple, Optional

import numpy as np

from guests.service import Tensor


class Outputs(NamedTuple):
    detections: Tensor["float32", 16, 6]
    preview: Optional[Tensor["uint8", 120, 160, 3]]  # noqa: UP045 - this form must work, too


class Detector:
    def __init__(self, model: str, threshold: float = 0.5) -> None:
        self.model, self.threshold = model, threshold

    def __call__(self, frame: Tensor["uint8", 480, 640, 3]) -> Outputs:
        return Outputs(np.zeros((16, 6), np.float32), frame[::4, ::4])


def detect(frame: Tensor["uint8", 480, 640, 3]) -> Tensor["float32", 16, 6]:
    return np.zeros((16, 6), np.float32)


def smooth(detections: Tensor["float32", 16, 6]) -> Tensor["float32", 16, 6] | None:
    return detections


def draw(detections: Tensor["float32", 16, 6], preview: Tensor["uint8", 120, 160, 3]) -> Tensor["uint8", 240, 400, 3]:
    return np.zeros((240, 400, 3), np.uint8)


def merge(left: Tensor["float32", 16, 6], right: Tensor["float32", 16, 6]) -> Outputs:
    return Outputs(left, None)


def record(detections: Tensor["float32", 16, 6]) -> None:
    """Has no output."""


def generate() -> Tensor["float32", 16, 6]:
    """Has no input."""
    return np.zeros((16, 6), np.float32)


def unannotated(frame):
    return frame


def half_annotated(frame: Tensor["uint8", 480, 640, 3]):
    return frame


def wrong_annotation(frame: np.ndarray) -> Tensor["float32", 16, 6]:
    return np.zeros((16, 6), np.float32)


class NotCallable:
    """Has no __call__."""


LIMIT = 3


class Tiny:
    def __init__(self, model: str) -> None:
        self.model = model

    def __call__(self, frame: Tensor["uint8", 48, 64, 3]) -> Outputs:
        return Outputs(np.zeros((16, 6), np.float32), None)


def sampled(detections: Tensor["float32", 16, 6] | None = None) -> None:
    """Has optional inputs only."""


def wrong_default(detections: Tensor["float32", 16, 6] = 3) -> None:
    """Has an input with a default that is none."""
