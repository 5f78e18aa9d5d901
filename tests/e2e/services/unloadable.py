"""Services whose instances cannot be made, in two ways."""

from __future__ import annotations

from guests.service import Tensor


class Raising:
    """Raises when it is made."""

    def __init__(self) -> None:
        raise OSError("no licence for this board")

    def __call__(self, tensor: Tensor["uint8", 120, 160, 3]) -> Tensor["uint8", 120, 160, 3]:
        """Never called."""
        raise NotImplementedError


class Endless:
    """Is never made."""

    def __init__(self) -> None:
        while True:
            pass

    def __call__(self, tensor: Tensor["uint8", 120, 160, 3]) -> Tensor["uint8", 120, 160, 3]:
        """Never called."""
        raise NotImplementedError
