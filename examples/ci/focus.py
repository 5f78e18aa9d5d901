"""Tells how sharp pictures are, so that a dirty or misplaced lens is noticed."""

import numpy as np

from guests.service import Tensor


class Focus:
    """The mean difference between neighbouring pixels: 0 for a grey wall, high for sharp edges."""

    def __init__(self, dim: float = 1.0) -> None:
        self.dim = dim

    def __call__(self, frame: Tensor["uint8", 120, 160]) -> Tensor["float32", 1]:
        sharpness = np.abs(np.diff(frame.astype(np.int16), axis=1)).mean()
        if sharpness < self.dim:
            print(f"the lens is dim: {sharpness:.2f}")
        return np.array([sharpness], np.float32)
