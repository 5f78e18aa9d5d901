"""`sim run`: run a scenario, judge its expectations, write the report."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sim.exit_codes import EXIT_FAILED, EXIT_PASSED, EXIT_USAGE
from sim.report.record import ExpectationRecord, RunRecord

if TYPE_CHECKING:
    from sim.scenario.model import Scenario


def run_scenario(
    scenario_file: Path,
    duration: str | None,
    seed: int | None,
    out: Path | None,
    assignments: Sequence[str],
    cold: bool,
    as_json: bool,
) -> int:
    """Run a scenario once.

    Parameters:
        scenario_file: the scenario.
        duration: replaces its duration, as text with a unit.
        seed: replaces its seed.
        out: folder for the report; None: the next free ``runs/<scenario>-<n>``.
        assignments: overrides, each ``dotted.key=value``.
        cold: boot guests even where snapshots exist.
        as_json: print result.json on standard output, and all else on standard error.

    Returns:
        The exit code.

    Raises:
        ScenarioErrors: the scenario or an override is wrong.
        FirmwareError: firmware of the scenario does not compile or fit.
        EnvironmentLacks: this computer lacks something.
        ParticipantFailed: a guest did not get to run.
    """
    from sim import scenario as language

    overrides = _overrides(assignments, duration, seed)
    if overrides is None:
        return EXIT_USAGE
    scenario = language.load(scenario_file, overrides)
    folder = _folder(out, scenario.name)

    from sim.commands.console import running
    from sim.host.run import Run
    from sim.report.progress import Progress
    from sim.report.write import write

    with Progress(scenario.time.duration_ns, json=as_json) as progress:
        run = Run(scenario, folder / "logs", progress, _process_start())
        with running(folder):
            record = run.execute(cold)
    record.scenario_file = str(scenario_file)
    record.expectations = _judge(scenario, record)
    run.write_displays(folder / "frames")
    (folder / "trace.log").write_text("".join(run.trace.lines))
    report = write(record, folder)
    if as_json:
        json.dump(report.figures, sys.stdout, indent=2)
        print()
    else:
        _summarise(record, folder)
    return EXIT_PASSED if record.passed else EXIT_FAILED


def _overrides(assignments: Sequence[str], duration: str | None, seed: int | None) -> dict[str, str] | None:
    """Return the overrides by key; None, with a word on standard error, where one is no assignment."""
    overrides: dict[str, str] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or not key:
            advice = "write --set partitions.perception.speed='500 MIPS'"
            print(f"--set {assignment}: is no assignment; {advice}", file=sys.stderr)
            return None
        overrides[key.strip()] = value.strip()
    if duration is not None:
        overrides["time.duration"] = duration
    if seed is not None:
        overrides["seed"] = str(seed)
    return overrides


def _folder(out: Path | None, name: str) -> Path:
    """Make the folder of the report: the one asked for, or the next free one, which no other run can take."""
    if out is not None:
        (out / "logs").mkdir(parents=True, exist_ok=True)
        return out
    for number in itertools.count(1):
        folder = Path("runs") / f"{name}-{number}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        (folder / "logs").mkdir()
        return folder
    raise AssertionError("unreachable")


def _process_start() -> float:
    """Return when this process started, on the clock of `time.monotonic` (proc(5), field 22 of /proc/self/stat)."""
    ticks = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
    age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return time.monotonic() - age_s


def _judge(scenario: Scenario, record: RunRecord) -> list[ExpectationRecord]:
    """Hold the result against what the scenario expects."""
    from sim.expectations import evaluate
    from sim.report.result import result

    outcomes = evaluate([each.check for each in scenario.expectations], dict(result(record)))
    return [
        ExpectationRecord(outcome.text, outcome.passed, outcome.actual, outcome.reason, each.why or "")
        for outcome, each in zip(outcomes, scenario.expectations, strict=True)
    ]


def _summarise(record: RunRecord, folder: Path) -> None:
    """Print what a person wants to know first."""
    for expectation in record.expectations:
        mark = "passed" if expectation.passed else "FAILED"
        print(f"  {mark}  {expectation.text}  ({expectation.reason or expectation.actual})")
    for name, partition in record.partitions.items():
        if partition.failed:
            print(f"  FAILED  partition {name}: {partition.failed}  (see {folder / 'logs' / f'{name}.log'})")
    if record.reason:
        print(f"  FAILED  {record.reason}")
    virtual_s = record.virtual_time_ns / 1e9
    verdict = "passed" if record.passed else "failed"
    print(f"{verdict}: {virtual_s:g} virtual seconds in {record.wall_s:.1f} s, digest {record.digest}")
    print(f"report: {shlex.quote(str(folder / 'report.html'))}")
