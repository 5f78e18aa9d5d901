"""A finished run as a test sees it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from sim.baseline import BaselineError, compare, open_recorded, save
from sim.baseline.event import milliseconds
from sim.baseline.recorded import TRACE
from sim.baseline.words import Sides, text
from sim.report.svg import clean
from sim.testing.launch import Request

SIDES = Sides("baseline", "this run")
_CONSOLE_LINES = 12


class Figures(dict[str, Any]):
    """Figures of a run by name, as keys and as attributes: ``run.channel("frames").latency_us.p99``."""

    def __getattr__(self, name: str) -> Any:
        __tracebackhide__ = True
        if name not in self:
            raise AttributeError(f"no figure '{name}'; there are {', '.join(self)}")
        return _figures(self[name])


class SimRun:
    """What came of one run of a scenario.

    Parameters:
        request: what was run.
        result: what result.json holds.
        folder: of its report.
        baselines: folder that paths of baselines are relative to.
        update: write baselines instead of comparing with them.

    Attributes:
        request: what was run.
        result: what result.json holds (docs/report.md).
        folder: of the report: report.html, result.json, trace.json, trace.log, sim.log, logs, frames.
    """

    def __init__(
        self, request: Request, result: Mapping[str, Any], folder: Path, baselines: Path, update: bool
    ) -> None:
        self.request = request
        self.result = dict(result)
        self.folder = folder
        self._baselines = baselines
        self._update = update

    @property
    def passed(self) -> bool:
        """Whether it completed, no partition failed and every expectation held."""
        return bool(self.result["passed"])

    @property
    def digest(self) -> str:
        """Of its trace: equal exactly for runs in which the same happened."""
        return str(self.result["digest"])

    @property
    def expectations(self) -> list[Figures]:
        """The scenario's expectations, each with ``text``, ``passed``, ``actual``, ``reason`` and ``why``."""
        return [Figures(each) for each in self.result["expectations"]]

    def channel(self, name: str) -> Figures:
        """Return the figures of a channel, such as ``messages``, ``dropped`` and ``latency_us``.

        Raises:
            KeyError: there is no such channel.
        """
        __tracebackhide__ = True
        return self._section("channels", name)

    def partition(self, name: str) -> Figures:
        """Return the figures of a partition.

        Raises:
            KeyError: there is no such partition.
        """
        __tracebackhide__ = True
        return self._section("partitions", name)

    def metric(self, name: str) -> Figures:
        """Return the figures of a metric.

        Raises:
            KeyError: there is no such metric.
        """
        __tracebackhide__ = True
        return self._section("metrics", name)

    def path(self, name: str) -> Figures:
        """Return the figures of a path, such as ``age_us`` and ``missing``.

        Raises:
            KeyError: there is no such path.
        """
        __tracebackhide__ = True
        return self._section("paths", name)

    def fault(self, name: str) -> Figures:
        """Return what came of a fault.

        Raises:
            KeyError: there is no such fault.
        """
        __tracebackhide__ = True
        return self._section("faults", name)

    def log(self, partition: str) -> str:
        """Return what a partition logged, and its console.

        Raises:
            OSError: there is no such log.
        """
        return (self.folder / "logs" / f"{partition}.log").read_text("utf-8", "replace")

    def assert_passed(self) -> None:
        """Fail, and tell what was expected and what was seen, unless the run passed.

        Raises:
            AssertionError: it did not.
        """
        __tracebackhide__ = True
        if not self.passed:
            raise AssertionError("\n".join([f"{self!r}", *self.failures()]))

    def assert_matches_baseline(self, path: str | Path) -> None:
        """Fail, and tell where they part, unless the run is the same as a baseline; docs/ci.md has the rule.

        With ``--sim-update-baselines`` the baseline is written instead.

        Parameters:
            path: of the baseline; a relative one is looked for beside the test's file.

        Raises:
            AssertionError: they differ, there is no baseline there, or a run that failed is to be one.
        """
        __tracebackhide__ = True
        file = self._baselines / path
        if self._update:
            self.assert_passed()
            save(file, self.result, (self.folder / TRACE).read_text("utf-8").splitlines(keepends=True))
            return
        if not file.exists():
            raise AssertionError(f"there is no baseline {short(file)}; pytest --sim-update-baselines writes it")
        try:
            comparison = compare(open_recorded(file), open_recorded(self.folder))
        except BaselineError as error:
            raise AssertionError(f"{error}\npytest --sim-update-baselines writes it anew") from None
        if not comparison.same:
            raise AssertionError(f"{self!r}\nis not the same as {short(file)}\n\n{text(comparison, SIDES)}")

    def failures(self) -> list[str]:
        """Return why the run did not pass, as lines."""
        lines = [f"{self.result['outcome']}: {self.result['reason']}"] if self.result["reason"] else []
        for expectation in self.expectations:
            if not expectation["passed"]:
                lines += _unmet(expectation)
        for name, partition in self.result["partitions"].items():
            if partition.get("failed"):
                lines += [f"partition {name} failed: {partition['failed']}", *self._console(name)]
        return [clean(line) for line in lines]  # guests have written some of it

    def story(self, told: str = "") -> str:
        """Return what a person wants to know when a test fails: the verdict, and where everything is.

        Parameters:
            told: what the test's failure has told already; why the run failed is not told twice.
        """
        failures = [] if self.passed else self.failures()
        failures = [] if failures and failures[0] in told else failures
        lines = [f"$ {self.request.command}", repr(self), *failures]
        kept = ", ".join(sorted(each.name for each in self.folder.iterdir() if not each.name.startswith(".")))
        return "\n".join([*lines, f"artefacts: {short(self.folder)}", f"  {kept}"])

    def __repr__(self) -> str:
        held = sum(each["passed"] for each in self.expectations)
        verdict = "passed" if self.passed else "failed"
        count = f"{held} of {len(self.expectations)} expectations hold"
        return f"<run of {self.request.scenario.name}: {verdict}, {count}, digest {self.digest[:12] or 'none'}>"

    def _section(self, section: str, name: str) -> Figures:
        __tracebackhide__ = True
        known = self.result[section]
        if name not in known:
            raise KeyError(
                f"{section} of {self.request.scenario.name} have no '{name}'; there are {', '.join(known) or 'none'}"
            )
        return cast(Figures, _figures(known[name]))

    def _console(self, partition: str) -> Iterable[str]:
        try:
            lines = self.log(partition).splitlines()
        except OSError:
            return []
        return [f"    {line}" for line in lines[-_CONSOLE_LINES:]]


def short(path: Path) -> Path:
    """Return a path relative to the current folder where it lies in it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _figures(value: Any) -> Any:
    return Figures(value) if isinstance(value, Mapping) else value


def _unmet(expectation: Mapping[str, Any]) -> list[str]:
    """Return an expectation that does not hold as a difference: what was expected, what was seen, when, and why."""
    lines = [f"- expected: {expectation['text']}", f"+ seen:     {expectation['reason'] or expectation['actual']}"]
    if expectation.get("seen_us") is not None:
        lines.append(f"  when:     {milliseconds(round(expectation['seen_us'] * 1000))}{_line(expectation)}")
    lines += [f"            {expectation['evidence']}"] if expectation.get("evidence") else []
    return lines + ([f"  why:      {expectation['why']}"] if expectation.get("why") else [])


def _line(expectation: Mapping[str, Any]) -> str:
    return f", line {expectation['trace_line']} of trace.log" if expectation.get("trace_line") is not None else ""
