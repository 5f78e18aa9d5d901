"""`sim diff`: where two runs part, and what changed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sim.exit_codes import EXIT_FAILED, EXIT_PASSED


def compare_runs(a: Path, b: Path, as_json: bool) -> int:
    """Compare two runs and print what differs.

    Parameters:
        a: folder of a run, or a baseline.
        b: another one.
        as_json: print JSON and nothing else.

    Returns:
        The exit code: 0 where they are the same, 1 where they differ.

    Raises:
        BaselineError: one of them is no run.
    """
    from sim.baseline import compare, open_recorded

    comparison = compare(open_recorded(a), open_recorded(b))
    if as_json:
        json.dump(comparison.plain(), sys.stdout, indent=2)
        print()
    else:
        from rich.console import Console

        from sim.baseline.words import WIDTH, Sides, show

        console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
        for side, name in (("A", a), ("B", b)):
            print(f"{side}: {name}")
        show(comparison, Sides(), console)
    return EXIT_PASSED if comparison.same else EXIT_FAILED
