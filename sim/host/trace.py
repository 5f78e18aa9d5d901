"""The trace of a run and its digest: all that happened in virtual time, in order, and nothing of the host's time."""

from __future__ import annotations

import hashlib


class Trace:
    """Takes events in the order of virtual time.

    An event is a line of text: its boundary in ns, its kind and its facts, separated by spaces.

    Attributes:
        lines: the events, each with its line end.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, t_ns: int, kind: str, *facts: object) -> None:
        """Append one event.

        Parameters:
            t_ns: the boundary at which it was seen.
            kind: a word such as "doorbell" or "tensor".
            facts: integers, hashes or names; never floats, paths or wall times.
        """
        self.lines.append(f"{t_ns} {kind} {' '.join(map(str, facts))}\n")

    @property
    def digest(self) -> str:
        """Hexadecimal SHA-256 (FIPS 180-4) of all lines: two runs agree exactly when every event agrees."""
        digest = hashlib.sha256()
        for line in self.lines:
            digest.update(line.encode())
        return digest.hexdigest()
