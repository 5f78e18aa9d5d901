"""Runs a scenario in a process of its own, so that a test and what it tests cannot disturb each other.

Starting that process costs about 0.6 s; a run in the test's own process would share signal handlers, imported services
and the clock from which wall times count.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim.exit_codes import EXIT_ENVIRONMENT, EXIT_FAILED, EXIT_PASSED, EXIT_USAGE

LOG = "sim.log"
"""What `sim run` said, in the folder of the run."""
_LAST_LINES = 12
_ENDING_S = 10.0
_REASONS = {
    EXIT_FAILED: "it failed before time 0",
    EXIT_USAGE: "the scenario or an override is wrong",
    EXIT_ENVIRONMENT: "this computer lacks something",
}


class DidNotRun(Exception):
    """Raised when a scenario came to no result; the text has what `sim run` said."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to run.

    Attributes:
        scenario: the file.
        overrides: by dotted key, in order.
    """

    scenario: Path
    overrides: tuple[tuple[str, str], ...] = ()

    @property
    def arguments(self) -> list[str]:
        """For `sim run`."""
        settings = [word for key, value in self.overrides for word in ("--set", f"{key}={value}")]
        return [str(self.scenario), *settings]

    @property
    def command(self) -> str:
        """What to type to run it again."""
        return shlex.join(["sim", "run", *self.arguments])


def make_request(scenario: Path, values: Mapping[str, object]) -> Request:
    """Return a request; Python's values become the scenario language's.

    Parameters:
        scenario: the file.
        values: overrides by dotted key; those that are None are left out.
    """
    words = {True: "true", False: "false"}
    texts = {
        key: words[value] if isinstance(value, bool) else str(value)
        for key, value in values.items()
        if value is not None
    }
    return Request(scenario, tuple(texts.items()))


def launch(wanted: Request, folder: Path, patience_s: float) -> dict[str, Any]:
    """Run a scenario to its end.

    Parameters:
        wanted: what to run.
        folder: for its report; made if missing.
        patience_s: wall seconds that it may take.

    Returns:
        What result.json holds.

    Raises:
        DidNotRun: it came to no result.
    """
    __tracebackhide__ = True
    folder.mkdir(parents=True, exist_ok=True)
    line = [sys.executable, "-m", "sim", "run", *wanted.arguments, "--out", str(folder)]
    with (folder / LOG).open("wb") as log:
        process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        try:
            code = process.wait(patience_s)
        except subprocess.TimeoutExpired:
            raise DidNotRun(f"{wanted.command}: took more than {patience_s:g} s\n{_said(folder)}") from None
        finally:
            _end(process)
    report = folder / "result.json"
    if code in (EXIT_PASSED, EXIT_FAILED) and report.is_file():
        figures: dict[str, Any] = json.loads(report.read_text("utf-8"))
        return figures
    reason = _REASONS.get(code, f"exit code {code}")
    raise DidNotRun(f"{wanted.command}: {reason}\n{_said(folder)}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a run that still goes on; it cleans up when it is asked to end."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_ENDING_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _said(folder: Path) -> str:
    lines = (folder / LOG).read_text("utf-8", "replace").splitlines()
    told = [line for line in lines if not line.startswith("[")] or lines
    return "\n".join(f"  {line}" for line in told[-_LAST_LINES:])
