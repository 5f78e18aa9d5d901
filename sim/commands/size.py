"""`sim size`: how deep rings must be and what memory that takes, by the model, and the proof by a run."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from sim.exit_codes import EXIT_FAILED, EXIT_PASSED
from sim.sizing.errors import SizingError

if TYPE_CHECKING:
    from sim.commands.execution import Execution
    from sim.scenario.model import Scenario
    from sim.sizing.answer import Answer
    from sim.sizing.answer.answering import Modelled
    from sim.sizing.target import Target
    from sim.sizing.target.verdict import Verdict
    from sim.sizing.timing import Timing


_OF_OTHERS = ("result.json", "sweep.parquet")
"""Files of a run and of a sweep, whose report.html would be lost."""


@dataclass(frozen=True, slots=True)
class Options:
    """What `sim size` is asked.

    Attributes:
        file: the scenario.
        target: as text.
        from_run: folder of a run that has the execution times; None: declared ones, else the scenario is run.
        overrides: of the scenario, by dotted key.
        write: where the scenario with the proposed depths goes; None: nowhere.
        out: folder for the report; None: the next free ``runs/<scenario>-size-<n>``.
        emulate: run the scenario with the proposed depths; None: unless it declares all its times.
        as_json: print size.json on standard output, and all else on standard error.
    """

    file: Path
    target: str
    from_run: Path | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    write: Path | None = None
    out: Path | None = None
    emulate: bool | None = None
    as_json: bool = False


def size(options: Options) -> int:
    """Answer the question and print the answer.

    Parameters:
        options: the question.

    Returns:
        The exit code: failed where no depths meet the target, or the run with the proposed ones does not.

    Raises:
        ScenarioErrors: the scenario or an override is wrong.
        SizingError: the question is wrong.
        EnvironmentLacks: this computer lacks something.
        FirmwareError, ParticipantFailed: as of a run.
    """
    from sim import scenario as language
    from sim.commands.execution import process_start
    from sim.sizing.answer.tuned import check_free
    from sim.sizing.search import TargetOutOfReach
    from sim.sizing.target import parse_target

    began = process_start()
    scenario = language.load(options.file, options.overrides)
    target = parse_target(options.target, scenario)
    _check(options, scenario)
    if options.write is not None:
        check_free(options.write)
    try:
        return _Question(options, scenario, target, began).answer()
    except TargetOutOfReach as error:
        print(f"sim: {error}", file=sys.stderr)
        return EXIT_FAILED


def _check(options: Options, scenario: Scenario) -> None:
    """Say what would make all the work in vain before any is done.

    Raises:
        SizingError: the question cannot be answered.
        EnvironmentLacks: pictures cannot be drawn.
    """
    from machines.errors import EnvironmentLacks

    if scenario.time.mode != "virtual":
        raise SizingError(f"{options.file}: it runs in real time, which no model predicts; --set time.mode=virtual")
    if not scenario.channels:
        raise SizingError(f"{options.file}: it has no channels; there is nothing to size")
    if options.out is not None and options.out.exists() and not options.out.is_dir():
        raise SizingError(f"--out {options.out}: is a file; name a folder")
    if options.out is not None:
        taken = next((name for name in _OF_OTHERS if (options.out / name).exists()), None)
        if taken is not None:
            raise SizingError(f"--out {options.out}: has another report, with {taken}, in it; name another folder")
    if find_spec("plotly") is None:
        raise EnvironmentLacks("plotly is not installed; pip install 'edgesim[sizing]' has it")


class _Question:
    """One question on its way to its answer."""

    def __init__(self, options: Options, scenario: Scenario, target: Target, began: float) -> None:
        self.options, self.scenario, self.target, self.began = options, scenario, target, began

    @cached_property
    def folder(self) -> Path:
        """The folder of the report, made when it is first needed."""
        from sim.commands.execution import question_folder

        return question_folder(self.options.out, f"{self.scenario.name}-size")

    def answer(self) -> int:
        """Find the answer, prove it, write and print it; return the exit code."""
        from sim.sizing.answer.answering import answer_question
        from sim.sizing.timing.source import timing_of

        options = self.options
        timing = timing_of(self.scenario, options.file, options.from_run, self._measure)
        modelled = answer_question(self.scenario, options.file, self.target, timing)
        tuned = self._tuned(modelled)
        answer, passed = modelled.answer, all(verdict.met for verdict in modelled.answer.verdicts)
        self._write(answer)
        if self._emulates(timing):
            answer, proven = self._proven(modelled, tuned)
            passed = passed and proven
        answer = replace(answer, wall_s=time.monotonic() - self.began)
        self._write(answer)
        self._tell(answer, passed)
        if options.write is not None:
            self._write_tuned(options.write, modelled.proposed.depths, passed)
        return EXIT_PASSED if passed else EXIT_FAILED

    def _measure(self) -> Path:
        """Run the scenario as it is and return the folder of its report."""
        return self._run(self.scenario, "measured", "measuring execution times").folder

    def _emulates(self, timing: Timing) -> bool:
        if self.options.emulate is not None:
            return self.options.emulate
        return any(each.source != "declared" for each in timing.services.values())

    def _tuned(self, modelled: Modelled) -> Scenario:
        """Return the scenario with the proposed depths, checked as any other."""
        from sim import scenario as language
        from sim.sizing.search import TargetOutOfReach

        depths = {f"channels.{name}.depth": str(depth) for name, depth in modelled.proposed.depths.items()}
        try:
            return language.load(self.options.file, {**self.options.overrides, **depths})
        except language.ScenarioErrors as errors:
            said = f"the depths that meet {self.target.text} do not fit the machine"
            raise TargetOutOfReach(f"{said}: {errors.problems[0]}") from None

    def _proven(self, modelled: Modelled, tuned: Scenario) -> tuple[Answer, bool]:
        """Run the scenario with the proposed depths; return the answer with what came of it, and whether it holds."""
        from sim.sizing.answer.verification import compare, outcome_of, remarks

        done = self._run(tuned, "emulation", "running with the proposed depths")
        plan, predicted = modelled.proposed.plan, modelled.answer.proposed
        emulated = outcome_of(done.record, tuned, plan)
        compared = compare(plan, predicted, emulated)
        verdicts = self.target.verdicts(plan, emulated)
        notes = (*modelled.answer.notes, *remarks(compared), *_shortcomings(done, verdicts))
        answer = replace(modelled.answer, compared=compared, emulation=str(done.folder), notes=notes)
        return answer, done.record.outcome == "completed" and all(verdict.met for verdict in verdicts)

    def _run(self, scenario: Scenario, name: str, doing: str) -> Execution:
        from sim.commands.execution import execute, progress_of

        folder = self.folder / name
        (folder / "logs").mkdir(mode=0o700, parents=True, exist_ok=True)
        with progress_of(scenario, self.options.as_json, False) as shown:
            shown.phase(doing)
            return execute(scenario, self.options.file, folder, cold=False, began=time.monotonic(), progress=shown)

    def _write(self, answer: Answer) -> None:
        from sim.sizing.report.size_data import answer_json
        from sim.sizing.report.size_page import write_size

        file = self.folder / "size.json"
        beside = file.with_name(f".{file.name}.part")
        beside.write_text(json.dumps(answer_json(answer), indent=2, allow_nan=False) + "\n")
        beside.replace(file)
        write_size(answer, self.folder)

    def _write_tuned(self, path: Path, depths: Mapping[str, int], passed: bool) -> None:
        from sim.sizing.answer.tuned import write_tuned

        if not passed:
            print(f"{path}: not written: the run with the proposed depths misses the target", file=sys.stderr)
            return
        write_tuned(path, self.options.file, depths)
        print(f"scenario: {path}", file=sys.stderr if self.options.as_json else sys.stdout)

    def _tell(self, answer: Answer, passed: bool) -> None:
        from rich.console import Console

        from sim.sizing.answer.table import WIDTH, show

        if self.options.as_json:
            print((self.folder / "size.json").read_text(), end="")
            return
        show(answer, Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH))
        print(f"{'target met' if passed else 'target MISSED'} in {answer.wall_s:.1f} s")
        print(f"report: {self.folder / 'report.html'}")


def _shortcomings(done: Execution, verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    """Return what the run with the proposed depths did not do, a sentence each."""
    from sim.sizing.target.requirement import in_words

    record, notes = done.record, []
    if record.outcome != "completed":
        notes.append(f"the emulation did not complete: {record.reason}")
    missed = (each for each in verdicts if not each.met)
    notes += [f"the emulation misses {each.text}: {in_words(each.value, each.unit)}" for each in missed]
    failed = (each for each in record.expectations if not each.passed)
    notes += [f"in the emulation, the scenario's expectation does not hold: {each.text}" for each in failed]
    return tuple(notes)
