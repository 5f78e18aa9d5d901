"""`sim run`: run scenarios, judge their expectations, hold them against a baseline, write their reports."""

from __future__ import annotations

import gc
import json
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.exit_codes import EXIT_FAILED, EXIT_PASSED, EXIT_USAGE

if TYPE_CHECKING:
    from sim.baseline import Recorded
    from sim.commands.execution import Execution
    from sim.commands.repeat import Repetition
    from sim.scenario.model import Scenario


@dataclass(frozen=True, slots=True)
class Options:
    """What `sim run` is asked to do.

    Attributes:
        files: the scenarios.
        overrides: of each scenario, by dotted key.
        out: folder for the report, of several scenarios for a folder per scenario; None: the next free
            ``runs/<scenario>-<n>``.
        cold: boot guests even where snapshots exist.
        as_json: print result.json on standard output, and all else on standard error.
        repeat: how often each scenario is to run.
        baseline: what the run must be the same as.
        save_baseline: where to keep the run as a baseline.
    """

    files: Sequence[Path]
    overrides: dict[str, str] = field(default_factory=dict)
    out: Path | None = None
    cold: bool = False
    as_json: bool = False
    repeat: int = 1
    baseline: Path | None = None
    save_baseline: Path | None = None

    def complaint(self, scenarios: Sequence[Scenario]) -> str:
        """Return what is wrong with the options for these scenarios, in one line; nothing if all is well."""
        kept = [
            name for name, given in (("--baseline", self.baseline), ("--save-baseline", self.save_baseline)) if given
        ]
        if len(kept) > 1:
            return "--baseline and --save-baseline: compare with a baseline or make one, not both"
        if kept and len(self.files) > 1:
            return f"{kept[0]}: a baseline is of one scenario, not of {len(self.files)}"
        if self.save_baseline and self.save_baseline.is_dir():
            return f"--save-baseline {self.save_baseline}: is a folder; name a file"
        realtime = [scenario.name for scenario in scenarios if scenario.time.mode != "virtual"]
        if realtime and self.repeat > 1:
            return f"--repeat: {realtime[0]} runs in real time, in which no run repeats another"
        return ""


def assigned(
    assignments: Sequence[str],
    duration: str | None = None,
    seed: int | None = None,
    mode: str | None = None,
    launcher: str | None = None,
    libvirt_uri: str | None = None,
) -> dict[str, str]:
    """Return overrides by dotted key.

    Parameters:
        assignments: each ``dotted.key=value``.
        duration: of the run, as text with a unit.
        seed: of everything random.
        mode: of time.
        launcher: what starts the guests.
        libvirt_uri: libvirt's connection.

    Raises:
        ValueError: one is no assignment.
    """
    overrides: dict[str, str] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or not key:
            advice = "write --set partitions.perception.speed='500 MIPS'"
            raise ValueError(f"--set {assignment}: is no assignment; {advice}")
        overrides[key.strip()] = value.strip()
    named = {
        "time.duration": duration, "seed": seed, "time.mode": mode, "host.launcher": launcher,
        "host.libvirt_uri": libvirt_uri,
    }  # fmt: skip
    return overrides | {key: str(value) for key, value in named.items() if value is not None}


def run_scenarios(options: Options) -> int:
    """Run scenarios, one after the other.

    All are checked before the first one starts. Of several, one that cannot run does not keep the others from it.

    Parameters:
        options: which, and how.

    Returns:
        The exit code; of several runs the largest.

    Raises:
        ScenarioErrors: a scenario or an override is wrong.
        BaselineError: the baseline is none.
        FirmwareError: firmware of the only scenario does not compile or fit.
        EnvironmentLacks: this computer lacks something that the only scenario needs.
        ParticipantFailed: a guest of the only scenario did not get to run.
    """
    scenarios = _load(options)
    complaint = options.complaint(scenarios)
    if complaint:
        print(complaint, file=sys.stderr)
        return EXIT_USAGE

    from sim.commands.execution import process_start

    began = process_start()
    baseline = _baseline(options.baseline, scenarios[0]) if options.baseline else None
    if len(scenarios) == 1:
        done = _run(options, 0, scenarios[0], began, baseline)
        if options.as_json:
            _print_json(_figures(done))
        return done.code
    return _run_all(options, scenarios, began)


def _load(options: Options) -> list[Scenario]:
    """Load the scenarios, or tell every mistake in all of them."""
    from sim import scenario as language

    scenarios: list[Scenario] = []
    problems: list[language.Problem] = []
    for file in options.files:
        try:
            scenarios.append(language.load(file, options.overrides))
        except language.ScenarioErrors as errors:
            problems += errors.problems
    if problems:
        raise language.ScenarioErrors(problems)
    return scenarios


def _baseline(path: Path, scenario: Scenario) -> Recorded:
    """Open a baseline and read it whole, so that no run is made in vain."""
    from sim.baseline import BaselineError, open_recorded

    baseline = open_recorded(path)
    baseline.check()
    name = baseline.result.get("scenario")
    if name != scenario.name:
        raise BaselineError(f"{path}: is a run of scenario '{name}', not of '{scenario.name}'; name one of the same")
    return baseline


@dataclass(frozen=True, slots=True)
class _Done:
    """What came of one scenario."""

    code: int
    execution: Execution
    repetition: Repetition | None


def _run_all(options: Options, scenarios: Sequence[Scenario], began: float) -> int:
    """Run several scenarios, with a line on each and one on all."""
    from sim.commands.problems import explain

    codes, figures = [], []
    said = sys.stderr if options.as_json else sys.stdout
    for number, (file, scenario) in enumerate(zip(options.files, scenarios, strict=True)):
        try:
            done = _run(options, number, scenario, began if number == 0 else time.monotonic(), None)
        except Exception as error:
            known = explain(error)
            if known is None:
                raise
            message, code = known
            print(f"FAILED  {file}  {message.removeprefix('sim: ')}", file=said, flush=True)
            figures.append({"scenario_file": str(file), "outcome": "failed", "reason": message, "passed": False})
        else:
            code = done.code
            figures.append(_figures(done))
        codes.append(code)
        gc.collect()  # as between repetitions
    passed = sum(code == EXIT_PASSED for code in codes)
    print(f"{passed} of {len(codes)} scenarios passed", file=said)
    if options.as_json:
        _print_json(figures)
    return max(codes)


def _run(options: Options, number: int, scenario: Scenario, began: float, baseline: Recorded | None) -> _Done:
    """Run one scenario, as often as wanted, and say what came of it."""
    from sim.commands.execution import amend, execute, progress_of
    from sim.commands.repeat import repeat

    file, several = options.files[number], len(options.files) > 1

    def progress() -> Any:
        return progress_of(scenario, options.as_json, several)

    folder = _folder(options, number, scenario)
    with progress() as shown:
        done = execute(scenario, file, folder, cold=options.cold, began=began, progress=shown, baseline=baseline)
    repetition = None
    if options.repeat > 1:
        repetition = repeat(scenario, file, done, options.repeat, options.cold, progress)
        done = amend(done, repetition.outcome())
    _tell(options, number, done)
    if options.save_baseline:
        _save(options.save_baseline, done, options.as_json)
    return _Done(EXIT_PASSED if done.record.passed else EXIT_FAILED, done, repetition)


def _folder(options: Options, number: int, scenario: Scenario) -> Path:
    """Make the folder of a report."""
    from sim.commands.execution import free_folder

    if options.out is None:
        return free_folder(scenario.name)
    folder = options.out
    if len(options.files) > 1:
        stems = [file.stem for file in options.files]
        again = stems[:number].count(stems[number])
        folder /= f"{stems[number]}-{again + 1}" if again else stems[number]
    (folder / "logs").mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _save(path: Path, done: Execution, as_json: bool) -> None:
    """Keep a run that passed as a baseline."""
    from sim.baseline import save

    if not done.record.passed:
        print(f"{path}: not written: a baseline is made of a run that passes", file=sys.stderr)
        return
    save(path, done.figures, done.lines)
    said = sys.stderr if as_json else sys.stdout
    print(f"baseline: {shlex.quote(str(path))}, {path.stat().st_size:,} bytes", file=said)


def _figures(done: _Done) -> dict[str, Any]:
    """Return what --json prints of a scenario: result.json, and what came of repeating it."""
    return done.execution.figures | ({"repeat": done.repetition.plain()} if done.repetition else {})


def _print_json(figures: object) -> None:
    json.dump(figures, sys.stdout, indent=2)
    print()


def _tell(options: Options, number: int, done: Execution) -> None:
    """Say what came of a scenario: all of it for the only one, what failed for one of several."""
    from sim.baseline.words import text
    from sim.commands.execution import BASELINE_SIDES
    from sim.report.summary import summary

    if len(options.files) > 1:
        _tell_briefly(options, number, done)
        return
    if not options.as_json:
        for line in summary(done.record, done.folder):
            print(line)
    if done.comparison is not None and not done.comparison.same:
        print(text(done.comparison, BASELINE_SIDES), file=sys.stderr if options.as_json else sys.stdout)


def _tell_briefly(options: Options, number: int, done: Execution) -> None:
    """Say what came of one of several scenarios: a line, and what failed."""
    from sim.report.summary import summary

    said = sys.stderr if options.as_json else sys.stdout
    record = done.record
    verdict = "passed" if record.passed else "FAILED"
    times = f"{record.virtual_time_ns / 1e9:g} s in {record.wall_s:.1f} s"
    digest = f"digest {record.digest[:12]}" if record.digest else "no digest"
    again = f" of all {options.repeat} runs" if options.repeat > 1 and record.passed else ""
    report = shlex.quote(str(done.folder / "report.html"))
    print(f"{verdict}  {options.files[number]}  {times}, {digest}{again}, {report}", file=said, flush=True)
    *outcomes, _, _ = summary(record, done.folder)
    for line in outcomes:
        if not line.startswith("  passed"):
            print(f"    {line}", file=said, flush=True)
