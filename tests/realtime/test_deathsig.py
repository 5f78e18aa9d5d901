"""A process that is tied to its maker ends with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from machines import deathsig
from machines.errors import EnvironmentLacks

ROOT = Path(__file__).parents[2]
MAKER = """
import subprocess, sys
from machines import deathsig
print(subprocess.Popen(deathsig.tied(["/bin/sleep", "60"])).pid, flush=True)
sys.stdin.read()
"""


def ended(pid: int) -> bool:
    """Return whether a process is gone soon, or only waits to be noticed."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


def test_it_ends_when_its_maker_is_killed() -> None:
    maker = subprocess.Popen(
        [sys.executable, "-c", MAKER], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert maker.stdout is not None
    pid = int(maker.stdout.readline())
    deadline = time.monotonic() + 20
    while b"sleep" not in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0] and time.monotonic() < deadline:
        time.sleep(0.01)
    maker.kill()
    maker.communicate()
    assert ended(pid)


def test_it_does_not_begin_for_a_maker_that_is_gone() -> None:
    line = deathsig.tied(["/bin/sleep", "60"])
    line[line.index(str(os.getpid()))] = "1"
    assert subprocess.run(line, timeout=10).returncode == 1


def test_it_is_the_program_itself_that_can_be_signalled() -> None:
    process = subprocess.Popen(deathsig.tied(["/bin/sleep", "60"]))
    process.terminate()
    assert process.wait(10) == -signal.SIGTERM


def test_without_the_tool_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(EnvironmentLacks, match="util-linux"):
        deathsig.tied(["/bin/true"])
