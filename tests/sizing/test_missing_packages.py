"""What is said where packages of the sizing part are missing, and that nobody else needs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sim.exit_codes import EXIT_ENVIRONMENT
from tests.sizing import small_system

PROJECT = Path(__file__).parents[2]
BLOCKER = """
import os, sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in os.environ["BLOCKED"].split(","):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Blocked())
"""
TIMES = ("--grid", "depth=2,4", "--duration", "100ms")


def sim(folder: Path, blocked: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    (folder / "sitecustomize.py").write_text(BLOCKER)
    environment = {**os.environ, "PYTHONPATH": f"{folder}:{PROJECT}", "BLOCKED": blocked}
    command = [sys.executable, "-m", "sim", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("blocked", "command", "more", "extra"),
    [
        ("plotly", "size", (), "sizing"),
        ("plotly", "sweep", TIMES, "sizing"),
        ("pyarrow", "sweep", TIMES, "sizing"),
        ("scipy", "sweep", (*TIMES, "--sample", "2"), "sizing"),
        ("ray", "sweep", (*TIMES, "--engine", "ray"), "cluster"),
    ],
)
def test_a_package_that_is_missing_is_one_line(
    tmp_path: Path, blocked: str, command: str, more: tuple[str, ...], extra: str
) -> None:
    done = sim(tmp_path, blocked, command, small_system.write(tmp_path), *more, "--out", tmp_path / "out")
    assert done.returncode == EXIT_ENVIRONMENT, done.stderr
    assert done.stderr.count("\n") == 1
    assert blocked in done.stderr.lower() and f"pip install 'edgesim[{extra}]'" in done.stderr


def test_checking_and_running_need_none_of_them(tmp_path: Path) -> None:
    done = sim(tmp_path, "plotly,pyarrow,scipy,ray,simpy", "check", small_system.write(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    heavy = ("plotly", "pyarrow", "scipy", "ray", "simpy")
    program = (
        "import sys, sim.cli, sim.commands.run, sim.commands.execution, sim.host.run, sim.sizing.timing.measuring\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    loaded = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert loaded.stdout == "[]\n"
