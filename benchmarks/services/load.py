"""Services that do next to nothing, so that what is measured is everything else."""

from __future__ import annotations

import numpy as np

from guests.service import Tensor


def relay(message: Tensor["uint8", 64]) -> Tensor["uint8", 64]:
    """Return a message unchanged.

    Parameters:
        message: uint8[64]
    """
    return np.asarray(message)


class Frames:
    """Answers every message with a frame; its content is always the same."""

    def __init__(self) -> None:
        self._frame = np.arange(480 * 640 * 4, dtype=np.uint8).reshape(480, 640, 4)

    def __call__(self, message: Tensor["uint8", 64]) -> Tensor["uint8", 480, 640, 4]:
        """Return the frame; sending copies it into the ring.

        Parameters:
            message: uint8[64]
        """
        return self._frame


class Summed:
    """Reads every byte of a frame."""

    def __call__(self, frame: Tensor["uint8", 480, 640, 4]) -> Tensor["uint8", 64]:
        """Return a message that begins with the frame's sum.

        Parameters:
            frame: uint8[480, 640, 4]
        """
        message = np.zeros(64, np.uint8)
        message[:8] = np.frombuffer(np.uint64(np.asarray(frame).reshape(-1).view(np.uint64).sum()).tobytes(), np.uint8)
        return message
