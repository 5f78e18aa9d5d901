"""What a run asks of everything that runs software: a participant that is started once and counts its work."""

from __future__ import annotations

from typing import Protocol

from machines.participant import Participant


class Node(Participant, Protocol):
    """A Linux guest or a microcontroller.

    Attributes:
        grants: how often it was let run.
    """

    grants: int

    @property
    def instructions(self) -> int:
        """Instructions executed since time 0."""

    @property
    def busy_ns(self) -> int:
        """Virtual time in which it executed them."""

    def start(self, at_ns: int = 0) -> None:
        """Tie its clock to the run's: it is `at_ns` now."""
