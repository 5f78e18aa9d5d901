"""Running a scenario again and again: every run must do what the first one did, to the bit."""

from __future__ import annotations

import gc
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.baseline import Comparison, compare, open_recorded
from sim.baseline.words import Sides, headline
from sim.commands.execution import Execution, conclude, start
from sim.report.record import ExpectationRecord

if TYPE_CHECKING:
    from sim.report.progress import Progress
    from sim.scenario.model import Scenario


@dataclass(frozen=True, slots=True)
class Repetition:
    """What came of running a scenario several times.

    Attributes:
        wanted: how often it was to run.
        first: the first run.
        differing: number of the run that differs, counted from 1; None where all agree.
        other: that run.
        comparison: of the first run with it.
    """

    wanted: int
    first: Execution
    differing: int | None = None
    other: Execution | None = None
    comparison: Comparison | None = None

    def outcome(self) -> ExpectationRecord:
        """Return what came of it as one more expectation of the first run, so that every report shows it."""
        text = f"all {self.wanted} runs agree"
        if self.differing is None or self.comparison is None or self.other is None:
            return ExpectationRecord(text, True, self.wanted, f"digest {self.first.record.digest} each time")
        sides = Sides("run 1", f"run {self.differing}")
        said = f"run {self.differing} of {self.wanted} is not run 1: {headline(self.comparison, sides)}"
        outcome = ExpectationRecord(text, False, self.differing - 1, said, evidence=f"see {self.other.folder}")
        first = self.comparison.trace.first if self.comparison.trace else None
        if first is not None and first.a:
            outcome.seen_ns, outcome.trace_line = first.a[0].t_ns, first.number
        return outcome

    def plain(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        comparison = self.comparison.plain() if self.comparison else None
        return {
            "runs": self.wanted,
            "agree": self.differing is None,
            "differing": self.differing,
            "comparison": comparison,
        }


def repeat(
    scenario: Scenario,
    file: Path,
    first: Execution,
    wanted: int,
    cold: bool,
    make_progress: Callable[[], Progress],
) -> Repetition:
    """Run a scenario again until it has run `wanted` times or a run differs from the first.

    Of the runs that agree nothing is kept; the one that differs gets a report in a folder within that of the first.

    Parameters:
        scenario: what to run.
        file: where it was read from.
        first: the first run.
        wanted: how often it is to run, the first time included.
        cold: boot guests even where snapshots exist.
        make_progress: returns what shows how a run goes.

    Raises:
        EnvironmentLacks: this computer lacks something.
        ParticipantFailed: a guest did not get to run.
    """
    for number in range(2, wanted + 1):
        gc.collect()  # the parts of a run know each other: without this, they keep memory and files for a while
        folder = first.folder / f"run-{number}"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "logs").mkdir(mode=0o700, parents=True)
        with make_progress() as progress:
            progress.phase(f"run {number} of {wanted}")
            run = start(scenario, folder, cold=cold, began=time.monotonic(), progress=progress)
        if run.trace.digest == first.record.digest:
            shutil.rmtree(folder)
            del run
            continue
        other = conclude(run, file, folder)
        comparison = compare(open_recorded(first.folder), open_recorded(folder))
        return Repetition(wanted, first, number, other, comparison)
    return Repetition(wanted, first)
