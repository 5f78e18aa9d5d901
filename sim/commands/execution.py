"""One run of one scenario as `sim run` does it: into a folder, judged, held against a baseline, reported."""

from __future__ import annotations

import itertools
import json
import sys
import time
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.baseline import Comparison, Recorded, compare
from sim.baseline.words import Sides, headline
from sim.report.record import ExpectationRecord, RunRecord
from sim.report.result import result
from sim.report.write import write

if TYPE_CHECKING:
    from sim.host.run import Run
    from sim.report.progress import Progress
    from sim.scenario.model import Scenario

BASELINE_SIDES = Sides("baseline", "this run")
_COMPARISON = "baseline.json"


@dataclass(frozen=True, slots=True)
class Execution:
    """A run that has ended and has its report.

    Attributes:
        record: of the run.
        figures: what result.json holds.
        folder: of its report.
        lines: its trace.
        comparison: with the baseline; None without one.
    """

    record: RunRecord
    figures: dict[str, Any]
    folder: Path
    lines: list[str]
    comparison: Comparison | None


def execute(
    scenario: Scenario,
    file: Path,
    folder: Path,
    *,
    cold: bool,
    began: float,
    progress: Progress,
    baseline: Recorded | None = None,
) -> Execution:
    """Run a scenario once and write its report.

    Parameters:
        scenario: what to run.
        file: where it was read from.
        folder: for the report; there.
        cold: boot guests even where snapshots exist.
        began: `time.monotonic()` from which wall time counts.
        progress: told how it goes.
        baseline: what the run should be the same as.

    Raises:
        FirmwareError: firmware of the scenario does not compile or fit.
        EnvironmentLacks: this computer lacks something.
        ParticipantFailed: a guest did not get to run.
        FolderInUse: another run goes on in the folder.
    """
    run = start(scenario, folder, cold=cold, began=began, progress=progress)
    return conclude(run, file, folder, baseline)


def start(scenario: Scenario, folder: Path, *, cold: bool, began: float, progress: Progress) -> Run:
    """Run a scenario once and leave it at that; parameters and errors as of `execute`."""
    from sim.commands.console import running
    from sim.host.run import Run

    run = Run(scenario, folder / "logs", progress, began)
    with running(folder):
        run.execute(cold)
    return run


def conclude(run: Run, file: Path, folder: Path, baseline: Recorded | None = None) -> Execution:
    """Judge a run that has ended and write its report; parameters as of `execute`."""
    from sim.expectations import judge

    record = run.record
    record.scenario_file = str(file)
    record.expectations = judge(run.scenario, record, run.trace.lines)
    comparison = None
    if baseline is not None:
        comparison = compare(baseline, Recorded(str(folder), dict(result(record)), lambda: run.trace.lines))
        record.expectations.append(_same(baseline, comparison))
    run.write_displays(folder / "frames")
    (folder / "trace.log").write_text("".join(run.trace.lines))
    _note_timing(run, folder)
    (folder / _COMPARISON).unlink(missing_ok=True)
    if comparison is not None:
        (folder / _COMPARISON).write_text(json.dumps(comparison.plain(), indent=2) + "\n")
    return Execution(record, dict(write(record, folder).figures), folder, run.trace.lines, comparison)


def _note_timing(run: Run, folder: Path) -> None:
    """Write how long services took, for `sim size`; in real time that says nothing of the system."""
    from sim.sizing import timing
    from sim.sizing.timing.measuring import measure

    (folder / timing.FILE).unlink(missing_ok=True)
    if run.scenario.time.mode == "virtual":
        measure(run.scenario, run.record).write(folder)


def amend(done: Execution, outcome: ExpectationRecord) -> Execution:
    """Write the report of a run anew, with one more expectation.

    Parameters:
        done: the run; its record is changed.
        outcome: what came of the expectation.
    """
    done.record.expectations.append(outcome)
    return replace(done, figures=dict(write(done.record, done.folder).figures))


def _same(baseline: Recorded, comparison: Comparison) -> ExpectationRecord:
    """Return what came of a comparison as one more expectation, so that every report shows it."""
    text = f"same as baseline {baseline.name}"
    outcome = ExpectationRecord(text, comparison.same, None, headline(comparison, BASELINE_SIDES))
    if comparison.where is not None:
        outcome.trace_line, event = comparison.where
        outcome.seen_ns = event.t_ns
    return outcome


def progress_of(scenario: Scenario, as_json: bool, one_of_several: bool) -> Progress:
    """Return what shows how a run goes; of several, only a terminal is told."""
    from sim.report.progress import Progress

    silent = one_of_several and not (sys.stderr if as_json else sys.stdout).isatty()
    return Progress(scenario.time.duration_ns, json=as_json, stream=StringIO() if silent else None)


def free_folder(name: str) -> Path:
    """Make the next free folder for a report, which no other run can take."""
    for number in itertools.count(1):
        folder = Path("runs") / f"{name}-{number}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        (folder / "logs").mkdir(mode=0o700)
        return folder
    raise AssertionError("unreachable")


def question_folder(out: Path | None, name: str) -> Path:
    """Make the folder of a report that has no log beside it.

    Parameters:
        out: what is asked for; None: the next free one of this name.
        name: ``<scenario>-size``, say.
    """
    if out is None:
        out = free_folder(name)
        (out / "logs").rmdir()
    out.mkdir(parents=True, exist_ok=True)
    return out


def process_start() -> float:
    """Return when this process started, on the clock of `time.monotonic` (proc(5), field 22 of /proc/self/stat)."""
    import os

    ticks = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
    age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return time.monotonic() - age_s
