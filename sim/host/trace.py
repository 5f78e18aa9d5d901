"""The trace of a run and its digest: all that happened in virtual time, in order, and nothing of the host's time."""

from __future__ import annotations

import hashlib


class Trace:
    """Takes events in the order of virtual time and digests them as they come.

    An event is a line of text: its boundary in ns, its kind and its facts, separated by spaces. The digest is SHA-256
    (FIPS 180-4) over all lines, so two runs agree exactly when every event agrees.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.lines: list[str] = []

    def add(self, t_ns: int, kind: str, *facts: object) -> None:
        """Append one event.

        Parameters:
            t_ns: the boundary at which it was seen.
            kind: a word such as "doorbell" or "tensor".
            facts: integers, hashes or names; never floats, paths or wall times.
        """
        line = f"{t_ns} {kind} {' '.join(map(str, facts))}\n"
        self._hash.update(line.encode())
        self.lines.append(line)

    @property
    def digest(self) -> str:
        """Hexadecimal digest of everything so far."""
        return self._hash.hexdigest()
