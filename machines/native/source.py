"""What a camera looks at: the protocol of picture sources."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class Truth(NamedTuple):
    """A known object in a picture.

    Parameters:
        x0: left edge in pixels, inside the box
        y0: upper edge in pixels, inside the box
        x1: right edge in pixels, one past the box
        y1: lower edge in pixels, one past the box
        label: class, 0..9
    """

    x0: int
    y0: int
    x1: int
    y1: int
    label: int


class Source(Protocol):
    """Gives the picture that a camera takes as its index-th at virtual time t_ns, in any order of asking."""

    def draw(self, index: int, t_ns: int, out: NDArray[np.uint8]) -> None:
        """Draw the picture as RGB into out, uint8[height, width, 3]."""

    def truth(self, index: int, t_ns: int) -> list[Truth]:
        """Return what is known to be in the picture; empty when nothing is known."""
