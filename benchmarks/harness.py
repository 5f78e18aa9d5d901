"""What every benchmark's command line does."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from benchmarks.figure import Figure, conditions, table

Tell = Callable[[str], None]
"""Is told in words what is being measured."""

Measure = Callable[[int, Tell], Sequence[Figure]]
"""Measures so many rounds."""


def tell(text: str) -> None:
    """Say on standard error what is being measured."""
    print(text, file=sys.stderr, flush=True)


def main(description: str | None, measure: Measure, rounds: int) -> None:
    """Measure and print one table.

    Parameters:
        description: the module's docstring.
        measure: takes the number of rounds.
        rounds: how many unless the command line says otherwise.
    """
    parser = argparse.ArgumentParser(description=(description or "").split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=rounds, help=f"how often everything is measured [{rounds}]")
    options = parser.parse_args()
    show(measure, options.rounds)


def show(measure: Measure, rounds: int) -> list[Figure]:
    """Measure, print the conditions and the table, and return the figures."""
    line = conditions(rounds)
    found = list(measure(rounds, tell))
    print(f"{line}\n{table(found)}\nload average at the end {os.getloadavg()[0]:.1f}", flush=True)
    return found
