"""`sim sweep`: many variants of a scenario by the model, in parallel, as one table and one report."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from sim.exit_codes import EXIT_PASSED
from sim.sizing.errors import SizingError

if TYPE_CHECKING:
    from sim.scenario.model import Scenario
    from sim.sizing.plan import Plan
    from sim.sizing.sweep.asking import Asked
    from sim.sizing.sweep.engines import Engine
    from sim.sizing.sweep.progress import SweepProgress
    from sim.sizing.sweep.result import SweepResult
    from sim.sizing.timing import Timing


@dataclass(frozen=True, slots=True)
class Options:
    """What `sim sweep` is asked.

    Attributes:
        file: the scenario.
        grids: axes, each `NAME=VALUES`.
        sample: points of a Latin hypercube; None: all combinations.
        from_run: folder of a run that has the execution times; None: declared ones, else the scenario is run.
        overrides: of the scenario, by dotted key.
        paths: `FROM->TO`, measured besides the scenario's own.
        engine: what answers in parallel.
        jobs: processes at once; None: one for each processor.
        out: the folder; None: the next free ``runs/<scenario>-sweep-<n>``.
    """

    file: Path
    grids: Sequence[str]
    sample: int | None = None
    from_run: Path | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    paths: Sequence[str] = ()
    engine: str = "local"
    jobs: int | None = None
    out: Path | None = None


def sweep_scenario(options: Options) -> int:
    """Sweep a scenario and print what came of it.

    Parameters:
        options: what is asked.

    Returns:
        The exit code.

    Raises:
        ScenarioErrors: the scenario or an override is wrong.
        SizingError: the question is wrong, or the folder has another sweep in it.
        EnvironmentLacks: something that is needed is not installed.
        FirmwareError, ParticipantFailed: as of a run, where one is made for the execution times.
    """
    from sim import scenario as language
    from sim.sizing.sweep.folder import check
    from sim.sizing.sweep.summary import summary
    from sim.sizing.sweep.sweeping import check_installed

    check_installed()
    scenario = language.load(options.file, options.overrides)
    _check(options, scenario)
    if options.out is not None:
        check(options.out, _texts(options))
    result = _Sweep(options, scenario).answer()
    for line in summary(result):
        print(line)
    return EXIT_PASSED


def _check(options: Options, scenario: Scenario) -> None:
    """Say what would make all the work in vain before any is done.

    Raises:
        SizingError: the question cannot be answered.
        EnvironmentLacks: pictures cannot be drawn.
    """
    from machines.errors import EnvironmentLacks
    from sim.scenario.problem import advice
    from sim.sizing.sweep.engines import ENGINES

    if options.engine not in ENGINES:
        raise SizingError(f"--engine {options.engine}: no such engine; {advice(options.engine, ENGINES)}")
    _check_mode(scenario, f"{options.file}: it")
    if not scenario.channels:
        raise SizingError(f"{options.file}: it has no channels; there is nothing to vary")
    if find_spec("plotly") is None:
        raise EnvironmentLacks("the report needs plotly, which is not installed: pip install 'edgesim[sizing]'")


def _check_mode(scenario: Scenario, where: str) -> None:
    if scenario.time.mode != "virtual":
        raise SizingError(f"{where} runs in real time, which no model predicts; --set time.mode=virtual")


def _check_times(values: Mapping[str, str], timing: Timing) -> None:
    """Say that a declared time is an axis of no effect where times were measured."""
    for key in values:
        match = re.fullmatch(r"partitions\.([^.]+)\.services\.([^.]+)\.(time|sends_every)", key)
        service = match and timing.services.get(f"{match[1]}.{match[2]}")
        if service and service.source == "measured":
            raise SizingError(
                f"the time of {key.split('.')[1]}.{key.split('.')[3]} is measured; declare `time` at it and leave "
                "--from out, or vary service_time"
            )


def _ways(paths: Sequence[str]) -> list[tuple[str, str]]:
    """Return the ends of each `FROM->TO`."""
    found = []
    for text in paths:
        begin, arrow, end = (part.strip() for part in text.partition("->"))
        if not (begin and arrow and end):
            raise SizingError(f"--path {text}: is no path; write --path 'front_camera->display'")
        found.append((begin, end))
    return found


def _texts(options: Options) -> dict[str, str]:
    """Return what of the question is known before any execution time is."""
    from sim.scenario.load import read_text
    from sim.sizing.sweep.folder import digest

    return {
        "scenario text": digest(read_text(options.file)),
        "--set values": json.dumps(dict(options.overrides), sort_keys=True),
        "paths": json.dumps(list(options.paths)),
    }


class _Sweep:
    """One sweep on its way to its table."""

    def __init__(self, options: Options, scenario: Scenario) -> None:
        self.options, self.scenario = options, scenario
        self.paths = _ways(options.paths)
        self._loaded: dict[tuple[tuple[str, str], ...], Scenario] = {}

    @cached_property
    def folder(self) -> Path:
        """The folder of the sweep, made when it is first needed."""
        from sim.commands.execution import question_folder

        return question_folder(self.options.out, f"{self.scenario.name}-sweep")

    def answer(self) -> SweepResult:
        """Find out execution times, answer all points and write table and report."""
        from sim.commands.console import running
        from sim.sizing.report.sweep_page import write_sweep
        from sim.sizing.sweep.folder import digest
        from sim.sizing.sweep.progress import SweepProgress
        from sim.sizing.sweep.sweeping import Origin, sweep, with_file

        self._ask(self._untimed())  # tells what is wrong before the scenario is run for its times
        named = self._timing() if self.options.from_run is not None else None
        with running(self.folder):
            timing = named or self._timing()
            asked = self._ask(timing)
            times = {"execution times": digest(timing.to_json())}
            origin = Origin(self.scenario.name, str(self.options.file), timing.origin, _texts(self.options) | times)
            with SweepProgress() as progress, self._advice_when_ended(progress):
                result = sweep(asked, origin, self.folder, self._engine(), progress.tell)
            return with_file(result, "report", write_sweep(result, self.folder))

    def _ask(self, timing: Timing) -> Asked:
        from sim.sizing.reduction import plan_of
        from sim.sizing.sweep.asking import ask
        from sim.sizing.timing.source import declared_anew

        def load(values: Mapping[str, str]) -> Plan:
            scenario = self._load(values)
            _check_mode(scenario, "it")
            _check_times(values, timing)
            return plan_of(scenario, declared_anew(scenario, timing), self.paths)

        plan = plan_of(self.scenario, timing, self.paths)
        return ask(self.scenario, plan, load, self.options.grids, self.options.sample, self.scenario.seed)

    def _load(self, values: Mapping[str, str]) -> Scenario:
        """Return the scenario with further values replaced; each is loaded once."""
        from sim import scenario as language

        key = tuple(values.items())
        if key not in self._loaded:
            self._loaded[key] = language.load(self.options.file, {**self.options.overrides, **values})
        return self._loaded[key]

    def _untimed(self) -> Timing:
        """Return execution times of nothing at all, with which a question can be looked at."""
        from sim.host.legs import legs_of
        from sim.sizing.plan.ports import ports_of, services_of
        from sim.sizing.timing import ServiceTiming, Timing

        legs, services = legs_of(self.scenario), {}
        for partition, service in services_of(self.scenario):
            outputs = ports_of(self.scenario, legs, partition, service).outputs
            declares = self.options.from_run is None and self._declares(partition, service)
            source = "declared" if declares else "measured"
            services[f"{partition}.{service}"] = ServiceTiming(outputs, (0,), ((0,) * len(outputs),), source=source)
        return Timing(self.scenario.name, services)

    def _declares(self, partition: str, service: str) -> bool:
        described = self.scenario.partitions[partition].services.get(service)
        return described is not None and described.time_ns is not None

    def _timing(self) -> Timing:
        """Return execution times; those that an earlier call measured for this folder are taken again."""
        from sim.sizing import timing
        from sim.sizing.sweep.folder import MEASURED
        from sim.sizing.timing.source import timing_of

        def run() -> Path:
            measured = self.folder / MEASURED
            return measured if (measured / timing.FILE).is_file() else self._measure()

        return timing_of(self.scenario, self.options.file, self.options.from_run, run)

    def _measure(self) -> Path:
        """Run the scenario as it is and return the folder of its report."""
        from sim.commands.execution import execute, progress_of
        from sim.sizing.sweep.folder import MEASURED

        folder = self.folder / MEASURED
        (folder / "logs").mkdir(mode=0o700, parents=True, exist_ok=True)
        with progress_of(self.scenario, False, False) as shown:
            shown.phase("measuring execution times")
            execute(self.scenario, self.options.file, folder, cold=False, began=time.monotonic(), progress=shown)
        return folder

    def _engine(self) -> Engine:
        from sim.sizing.sweep.engines import engine

        return engine(self.options.engine, self.options.jobs or len(os.sched_getaffinity(0)))

    @contextmanager
    def _advice_when_ended(self, progress: SweepProgress) -> Iterator[None]:
        """Say how a sweep that is ended by Ctrl-C goes on."""
        try:
            yield
        except KeyboardInterrupt:
            kept = f"{progress.done:,} points are kept; " if progress.done else ""
            again = f"the same command with --out {shlex.quote(str(self.folder))} goes on"
            print(f"sim: {kept}{again}", file=sys.stderr)
            raise
