"""Mistakes in a scenario: where each is, what is wrong, and what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake.

    Attributes:
        file: the scenario's path as the user gave it, or ``--set KEY`` for a value from the command line.
        line: counted from 1; 0 where there is no line (a missing file, a value from the command line).
        column: counted from 1; 0 where there is none.
        message: what is wrong; what would be right. One line.
    """

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{where}: {self.message}"


class ScenarioErrors(ValueError):
    """A scenario has mistakes; `problems` has them all, in the order of their positions."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


def nearest(word: str, valid: Iterable[str]) -> str | None:
    """Return the valid word that looks most like `word`, or None where none is near."""
    by_lower = {known.lower(): known for known in valid}
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def advice(word: str, valid: Iterable[str], *, nothing: str = "there is none") -> str:
    """Return the second half of a message: the nearest valid word, else all of them.

    Parameters:
        word: what was written.
        valid: what may be written.
        nothing: what to say where nothing may.

    Returns:
        For example ``did you mean 'perception'?`` or ``one of cockpit, perception``.
    """
    known = sorted(set(valid))
    if not known:
        return nothing
    near = nearest(word, known)
    if near is not None:
        return f"did you mean '{near}'?"
    return f"one of {', '.join(known)}" if len(known) > 1 else f"only {known[0]} is known"
