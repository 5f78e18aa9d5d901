"""What acts on a run from outside of its participants: health watching and fault injection."""

from __future__ import annotations

from typing import Protocol


class Overseer(Protocol):
    """Acts at boundaries, while everything stands still and before doorbells are carried."""

    @property
    def wake_ns(self) -> int:
        """When it acts next; `NEVER_NS` if nothing is planned."""

    def act(self, now_ns: int) -> None:
        """Do what is due."""
