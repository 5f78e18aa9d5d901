"""The image signal processor of a surround view: makes small views for perception, and a mosaic, of twelve pictures.

It looks at the luma of NV12 pictures only, and takes one pixel of many, so that emulation is bearable; a real one would
average and correct the lens.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from guests.service import Tensor

#: Rows and columns of a view: what the finding network of plates_int8.tflite looks at.
ROWS, COLUMNS = 120, 160

#: Tiles of the mosaic, and how much smaller than a view each is.
ACROSS, DOWN, SHRUNK = 4, 3, 2

#: Black and the span up to white in BT.601's limited range, which is stretched to 256 values.
BLACK, SPAN = 16, 219

Full = Tensor["uint8", 1620, 1920]
Small = Tensor["uint8", 180, 160]
View = Tensor["int8", 1, 120, 160, 1]


class Outputs(NamedTuple):
    """What is sent for every set of twelve pictures.

    Parameters:
        view_0 to view_11: each camera's view, (grey - 128) / 128 as the network takes it
        mosaic: all of them beside each other, 4 across and 3 down, grey
    """

    view_0: View
    view_1: View
    view_2: View
    view_3: View
    view_4: View
    view_5: View
    view_6: View
    view_7: View
    view_8: View
    view_9: View
    view_10: View
    view_11: View
    mosaic: Tensor["uint8", 180, 320]


def stretch() -> np.ndarray:
    """Return what each luma of the limited range becomes in the full one: uint8[256]."""
    full = (np.arange(256) - BLACK) * 255 // SPAN
    return np.clip(full, 0, 255).astype(np.uint8)


STRETCH = stretch()


def process(*frames: np.ndarray) -> Outputs:
    """Make views and mosaic.

    Parameters:
        frames: twelve NV12 pictures, uint8[height * 3/2, width]; height and width are multiples of a view's
    """
    mosaic = np.empty((DOWN * ROWS // SHRUNK, ACROSS * COLUMNS // SHRUNK), np.uint8)
    views = []
    for number, frame in enumerate(frames):
        height, width = frame.shape[0] * 2 // 3, frame.shape[1]
        grey = STRETCH[frame[: height : height // ROWS, :: width // COLUMNS]]
        views.append((grey ^ 0x80).view(np.int8)[None, :, :, None])
        top, left = number // ACROSS * (ROWS // SHRUNK), number % ACROSS * (COLUMNS // SHRUNK)
        mosaic[top : top + ROWS // SHRUNK, left : left + COLUMNS // SHRUNK] = grey[::SHRUNK, ::SHRUNK]
    return Outputs(*[*views, mosaic])


def full(
    camera_0: Full,
    camera_1: Full,
    camera_2: Full,
    camera_3: Full,
    camera_4: Full,
    camera_5: Full,
    camera_6: Full,
    camera_7: Full,
    camera_8: Full,
    camera_9: Full,
    camera_10: Full,
    camera_11: Full,
) -> Outputs:
    """Make views and mosaic of twelve pictures in NV12, 1920x1080 each."""
    first = camera_0, camera_1, camera_2, camera_3, camera_4, camera_5
    return process(*first, camera_6, camera_7, camera_8, camera_9, camera_10, camera_11)


def small(
    camera_0: Small,
    camera_1: Small,
    camera_2: Small,
    camera_3: Small,
    camera_4: Small,
    camera_5: Small,
    camera_6: Small,
    camera_7: Small,
    camera_8: Small,
    camera_9: Small,
    camera_10: Small,
    camera_11: Small,
) -> Outputs:
    """Make views and mosaic of twelve pictures in NV12, 160x120 each."""
    first = camera_0, camera_1, camera_2, camera_3, camera_4, camera_5
    return process(*first, camera_6, camera_7, camera_8, camera_9, camera_10, camera_11)
