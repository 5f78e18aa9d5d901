"""What can go wrong with a machine, as exceptions whose text is one line for the user."""

from __future__ import annotations


class EnvironmentLacks(Exception):
    """Raised when this computer lacks what a run needs; the text says what, and how to get it (exit code 3)."""


class ParticipantFailed(Exception):
    """Raised when a participant died, hung or answered nonsense; the text names it and says where to look."""

    def __init__(self, participant: str, reason: str) -> None:
        super().__init__(f"{participant}: {reason}")
        self.participant = participant
        self.reason = reason
