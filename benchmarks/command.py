"""Runs `sim` as a process of its own and takes what that costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure

ROOT = Path(__file__).parents[1]
SCENARIOS = ROOT / "scenarios"
_POLL_S = 0.05


class BenchmarkFailed(RuntimeError):
    """Raised when a measured command fails: its figures would mean nothing."""


@dataclass(frozen=True)
class Run:
    """One finished `sim run`.

    Attributes:
        wall_s: from just before the process is made until it has ended.
        cpu_s: user and system time of the process and of all that it waited for.
        first_tensor_s: from the start of the process until the simulator saw that a consumer had taken a tensor;
            None where none was.
        peak_bytes: largest sum of the proportional set sizes of the process and its descendants; 0 where not asked for.
        result: its result.json.
    """

    wall_s: float
    cpu_s: float
    first_tensor_s: float | None
    peak_bytes: int
    result: Mapping[str, Any]


def phases(runs: Sequence[Run]) -> list[Figure]:
    """Return how long each phase of these runs took, as result.json tells it."""
    taken = [run.result["wall"]["phases"] for run in runs]
    return [Figure(f"  phase {name}", [each[name] for each in taken], "s") for name in taken[0]]


def sim_run(scenario: str, *arguments: str, memory: bool = False, warm_up: bool = False, **environment: str) -> Run:
    """Run a shipped scenario to its end.

    Parameters:
        scenario: name of its file in `scenarios`, without the suffix.
        arguments: further arguments of `sim run`.
        memory: watch how much memory it uses; that costs a little time.
        warm_up: its expectations may fail, such as those of a run that is cut short.
        environment: variables in addition to ours.

    Raises:
        BenchmarkFailed: it did not pass.
    """
    with tempfile.TemporaryDirectory(prefix="edgesim-bench-") as folder:
        program = Path(sys.executable).with_name("sim")
        line = [str(program), "run", str(SCENARIOS / f"{scenario}.yaml")]
        line += ["--json", "--out", str(Path(folder, "out")), *arguments]
        with Path(folder, "stdout").open("w+b") as out, Path(folder, "stderr").open("w+b") as errors:
            began = time.monotonic()
            process = subprocess.Popen(line, stdout=out, stderr=errors, cwd=ROOT, env=os.environ | environment)
            watch = _MemoryWatch(process.pid) if memory else None
            _, status, usage = os.wait4(process.pid, 0)
            ended = time.monotonic()
            process.returncode = os.waitstatus_to_exitcode(status)
            peak = watch.stop() if watch else 0
            out.seek(0)
            errors.seek(0)
            if process.returncode not in ((0, 1) if warm_up else (0,)):
                raise BenchmarkFailed(f"sim run {scenario}: exit code {process.returncode}: {errors.read().decode()}")
            result = {} if warm_up else json.load(out)
    first = result["wall"]["first_tensor_s"] if result else None
    return Run(ended - began, usage.ru_utime + usage.ru_stime, first, peak, result)


class _MemoryWatch:
    """Follows the memory of a process and its descendants until it is stopped."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peak = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        while not self._over.wait(_POLL_S):
            self._peak = max(self._peak, sum(map(_proportional_bytes, _family(self._pid))))

    def stop(self) -> int:
        """Return the largest sum in bytes."""
        self._over.set()
        self._thread.join()
        return self._peak


def _family(pid: int) -> list[int]:
    """Return a process and its descendants."""
    found = [pid]
    for member in found:
        try:
            for task in Path(f"/proc/{member}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return found


def _proportional_bytes(pid: int) -> int:
    """Return the proportional set size: own pages, and of shared pages the share (proc(5), smaps_rollup)."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:")), 0)
