"""Fuses what perception finds on twelve cameras around a vehicle into one list of objects with their bearing.

Perception sends one grid a camera, camera 0 to 11 in turn: for each cell how likely a plate is there (the output
`plate` of plates_int8.tflite). Cameras look 30 degrees apart and see a little more than that, so what stands where two
of them look is found twice, and becomes one object.
"""

from __future__ import annotations

import numpy as np

from guests.service import Tensor

#: Cameras, and how far apart and how wide they look, in degrees.
CAMERAS, APART, WIDE = 12, 30.0, 36.0

#: Objects that one list holds; the rest of it is zeros.
CAPACITY = 24

#: Quantisation of the grid: a logit is (value - zero) * scale.
SCALE, ZERO = 0.07884835451841354, 8


class Fusion:
    """Fusion of twelve cameras.

    Parameters:
        threshold: least probability of a plate, between 0 and 1
        same: bearings that differ by less are one object, in degrees

    Raises:
        ValueError: a setting is out of range.
    """

    def __init__(self, threshold: float = 0.5, same: float = 4.0) -> None:
        if not 0.0 < threshold < 1.0 or not 0.0 <= same < APART:
            raise ValueError(f"threshold {threshold} or same {same} is out of range; 0 to 1 and 0 to {APART:g} degrees")
        self._least = np.log(threshold / (1 - threshold)) / SCALE + ZERO
        self._same = same
        self._camera = 0
        self._found: list[tuple[float, float, float, int]] = []

    def __call__(self, plate: Tensor["int8", 1, 15, 20, 1]) -> Tensor["float32", 24, 4] | None:
        """Take in one camera's grid; after the last camera's, tell the objects.

        Parameters:
            plate: a stored logit for each cell

        Returns:
            Rows (bearing in degrees from 0, height in the picture 0..1, probability, camera), most probable first, then
            zeros; None before the last camera.
        """
        self._found += [(*cell, self._camera) for cell in self._cells(np.asarray(plate)[0, :, :, 0])]
        self._camera = (self._camera + 1) % CAMERAS
        if self._camera:
            return None
        objects, self._found = self._merged(), []
        told = np.zeros((CAPACITY, 4), np.float32)
        for row, each in enumerate(objects[:CAPACITY]):
            told[row] = each
        return told

    def _cells(self, grid: np.ndarray) -> list[tuple[float, float, float]]:
        """Return bearing, height and probability of each cell that is as likely as any of its neighbours."""
        rows, columns = grid.shape
        around = np.full((rows + 2, columns + 2), -128, np.int8)
        around[1:-1, 1:-1] = grid
        found = []
        for row, column in np.argwhere(grid >= self._least).tolist():
            value = int(grid[row, column])
            if value < int(around[row : row + 3, column : column + 3].max()):
                continue
            bearing = self._camera * APART + ((column + 0.5) / columns - 0.5) * WIDE
            found.append((bearing % 360.0, (row + 0.5) / rows, 1.0 / (1.0 + float(np.exp((ZERO - value) * SCALE)))))
        return found

    def _merged(self) -> list[tuple[float, float, float, int]]:
        """Return the objects, most probable first; what lies in nearly the same direction as one is that one."""
        objects: list[tuple[float, float, float, int]] = []
        for each in sorted(self._found, key=lambda found: (-found[2], found[0])):
            apart = [abs((each[0] - other[0] + 180.0) % 360.0 - 180.0) for other in objects]
            if not apart or min(apart) >= self._same:
                objects.append(each)
        return objects
