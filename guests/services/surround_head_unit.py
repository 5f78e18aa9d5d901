"""Draws the surround view for the cluster display: the mosaic of all cameras, and a mark on each object."""

from __future__ import annotations

import numpy as np

from guests.service import Tensor

#: Cameras, how many of them are across the mosaic, and size of a tile.
CAMERAS, ACROSS, ROWS, COLUMNS = 12, 4, 60, 80

#: How far apart and how wide cameras look, in degrees, as in surround_fusion.py.
APART, WIDE = 30.0, 36.0

#: Half the side of a mark, in pixels, and its colour.
HALF, COLOUR = 4, (255, 171, 64)


def draw(objects: Tensor["float32", 24, 4], mosaic: Tensor["uint8", 180, 320]) -> Tensor["uint8", 180, 320, 3]:
    """Draw one picture.

    Parameters:
        objects: rows (bearing, height, probability, camera), zeros where unused
        mosaic: 4 cameras across, 3 down, grey

    Returns:
        RGB
    """
    grey = np.asarray(mosaic)
    picture = np.empty((*grey.shape, 3), np.uint8)
    picture[:] = grey[:, :, None]
    for bearing, height, probability, camera in np.asarray(objects).tolist():
        known = 0.0 < probability <= 1.0 and 0 <= camera < CAMERAS
        if not known or not 0.0 <= bearing < 360.0 or not 0.0 <= height <= 1.0:
            continue  # the rest of the list, or what a broken fusion sends
        aside = (bearing - camera * APART + 180.0) % 360.0 - 180.0
        top, left = int(camera) // ACROSS * ROWS, int(camera) % ACROSS * COLUMNS
        x, y = left + int((aside / WIDE + 0.5) * COLUMNS), top + int(height * ROWS)
        mark = picture[max(top, y - HALF) : y + HALF + 1, max(left, x - HALF) : x + HALF + 1]
        mark[:1] = mark[-1:] = mark[:, :1] = mark[:, -1:] = COLOUR
    return picture
