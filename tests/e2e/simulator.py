"""The command `sim` as a process: run to its end, or under way and watched from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sysconfig
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
SIM = Path(sysconfig.get_path("scripts")) / "sim"
RELAY = HERE / "relay.yaml"
IVI = ROOT / "scenarios" / "ivi_camera.yaml"
PATIENCE_S = 240
"""Wall seconds that a command may take: enough for cold boots on a computer that is busy with other things."""


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str
    folder: Path

    @property
    def figures(self) -> dict[str, Any]:
        """What it wrote to result.json."""
        figures: dict[str, Any] = json.loads((self.folder / "result.json").read_text())
        return figures


def command(*arguments: object, **environment: object) -> Finished:
    """Run `sim` with any arguments from the project's root."""
    done = subprocess.run(
        [SIM, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S,
        env={**os.environ, **{name: str(value) for name, value in environment.items()}}, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return Finished(done.returncode, done.stdout, done.stderr, Path())


def run(folder: Path, scenario: Path, duration: str, *arguments: object, **environment: object) -> Finished:
    """Run a scenario to its end, with its report in `folder`."""
    done = command("run", scenario, "--duration", duration, "--out", folder, *arguments, **environment)
    return Finished(done.code, done.out, done.err, folder)


class Running:
    """A `sim run` under way; its temporary files have a folder of their own.

    Parameters:
        folder: made for the report and for temporary files.
        scenario: what to run.
        arguments: further ones for `sim run`.
        environment: variables on top of ours.
    """

    def __init__(self, folder: Path, scenario: Path, *arguments: object, **environment: object) -> None:
        self.folder = folder / "out"
        self.temporary = folder / "tmp"
        self.errors = folder / "stderr"
        self.temporary.mkdir(parents=True)
        names = {name: str(value) for name, value in environment.items()}
        line = [SIM, "run", scenario, "--out", self.folder, "--duration", "600s", "--json", *arguments]
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [str(word) for word in line], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=errors, env={**os.environ, "TMPDIR": str(self.temporary), **names},
            )  # fmt: skip

    def wait_for(self, happened: Callable[[], bool], what: str) -> None:
        """Wait until something has happened while the process runs."""
        deadline = time.monotonic() + PATIENCE_S
        while not happened():
            assert self.process.poll() is None, f"sim ended before {what}: {self.said}"
            assert time.monotonic() < deadline, f"no {what}: {self.said}"
            time.sleep(0.01)

    def wait_for_phase(self, phase: str) -> None:
        """Wait until the progress names a phase."""
        self.wait_for(lambda: f"] {phase}" in self.said, f"phase {phase!r}")

    @property
    def said(self) -> str:
        """All that it wrote to standard error."""
        return self.errors.read_text()

    def qemus(self) -> dict[int, str]:
        """Return the command lines of the QEMUs of this run by process id, whoever their parent is now."""
        return processes_naming(str(self.folder / "logs"))

    def shared_memory(self) -> set[Path]:
        """Return the files in /dev/shm that the run or one of its QEMUs has open or mapped now."""
        found: set[Path] = set()
        for pid in (self.process.pid, *self.qemus()):
            try:
                names = [str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()]
                names += [line.split(maxsplit=5)[-1] for line in Path(f"/proc/{pid}/maps").read_text().splitlines()]
            except OSError:
                continue
            found |= {Path(name) for name in names if name.startswith("/dev/shm/")}
        return found

    def end(self, number: signal.Signals) -> int:
        """Send a signal and return how the process ended: its exit code, or less the signal's number."""
        self.process.send_signal(number)
        return self.process.wait(30)

    def sockets(self) -> list[Path]:
        """Return the sockets that it left where it writes files."""
        places = (self.folder, self.temporary)
        return [path for place in places for path in place.rglob("*") if path.is_socket()]

    def close(self) -> None:
        """End it if a test has not."""
        self.process.kill()
        self.process.wait()


def processes_naming(text: str) -> dict[int, str]:
    """Return the QEMU processes whose command line holds `text`."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if text in line and "qemu-system" in line.split(" ", 1)[0]:
                found[int(entry.name)] = line
    return found


def private_cache(folder: Path, shared: Path) -> Mapping[str, str]:
    """Return the environment for a cache without snapshots that shares all else with the cache at `shared`."""
    own = folder / "edgesim"
    (own / "snapshots").mkdir(parents=True)
    for name in ("images", "plugin", "ring"):
        (own / name).symlink_to(shared / name)
    return {"XDG_CACHE_HOME": str(folder)}
