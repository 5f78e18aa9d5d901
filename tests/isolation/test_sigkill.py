"""Fifty times SIGKILL, at moments spread over all that a run does: nothing of it stays, and the next run works."""

from __future__ import annotations

import itertools
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from e2e.simulator import IVI, RELAY, Finished, Running, private_cache, run

from machines.cache import cache_dir

pytestmark = [pytest.mark.guest, pytest.mark.slow]

WARM, COLD = 46, 4
"""Kills of runs that start from snapshots (restoring, arming, running, reporting) and of runs that boot and save."""

AT_ONCE = 2
DURATION = "300ms"
_GRACE_S = 20
"""Within which a process that is told of its parent's death ends, on a computer that is busy with other things."""


@dataclass
class Kills:
    """What was found after each kill.

    Attributes:
        phases: what the killed runs were about; empty: they had not said anything yet.
        left: all that stayed behind.
    """

    phases: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def processes_of(temporary: Path) -> list[str]:
    """Return the command lines of processes that were started for a run: they have its folder for temporary files."""
    mark = f"TMPDIR={temporary}\0".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if mark in (entry / "environ").read_bytes() and "Z (zombie)" not in (entry / "status").read_text():
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
    return found


def kill(folder: Path, scenario: Path, after_s: float, environment: Mapping[str, str], noted: Kills) -> None:
    """Start a run, kill it, and note what stays; one that is over before that is tried again, and killed earlier."""
    for attempt in itertools.count():
        sim = Running(folder / str(attempt), scenario, "--duration", DURATION, **environment)
        try:
            time.sleep(after_s * 0.7**attempt)
            if sim.process.poll() is None:
                note(sim, folder / str(attempt), noted)
                return
        finally:
            sim.close()


def note(sim: Running, folder: Path, noted: Kills) -> None:
    """Kill a run and note what stays."""
    shared_memory = sim.shared_memory()
    sim.process.send_signal(signal.SIGKILL)
    sim.process.wait()
    noted.phases.append(sim.said.rstrip("\n").rpartition("] ")[2])
    deadline = time.monotonic() + _GRACE_S
    while (left := processes_of(sim.temporary)) and time.monotonic() < deadline:
        time.sleep(0.02)
    stray = [path for path in folder.iterdir() if path not in (sim.folder, sim.temporary, sim.errors)]
    files = [*stray, *sim.temporary.iterdir(), *sim.sockets(), *(path for path in shared_memory if path.exists())]
    noted.left += [*left, *map(str, files)]
    assert "Traceback" not in sim.said


def kills(
    folder: Path, scenario: Path, count: int, whole_s: float, environment: Callable[[int], Mapping[str, str]]
) -> Kills:
    """Kill `count` runs, each in another part of what a whole run takes."""
    noted, chance = Kills(), random.Random(4)
    moments = [(number + chance.random()) / count * whole_s for number in range(count)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for each in [
            pool.submit(kill, folder / str(number), scenario, after_s, environment(number), noted)
            for number, after_s in enumerate(moments)
        ]:
            each.result()
    return noted


def timed(folder: Path, scenario: Path, environment: Callable[[int], Mapping[str, str]]) -> tuple[float, Finished]:
    """Return how long a run takes while as many others go on as later, and one of them."""
    began = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = list(
            pool.map(lambda n: run(folder / f"whole{n}", scenario, DURATION, **environment(-1 - n)), range(AT_ONCE))
        )
    assert done[0].figures["digest"] == done[1].figures["digest"]
    return time.monotonic() - began, done[0]


def test_runs_that_start_from_snapshots(tmp_path: Path) -> None:
    def shared(number: int) -> Mapping[str, str]:
        return {}

    run(tmp_path / "first", IVI, DURATION)
    before = set(tmp_path.iterdir())
    whole_s, whole = timed(tmp_path, IVI, shared)
    noted = kills(tmp_path / "killed", IVI, WARM, whole_s, shared)
    assert not noted.left
    assert len(noted.phases) == WARM
    assert len({phase.split(" ")[0] for phase in noted.phases}) > 3, noted.phases
    assert run(tmp_path / "next", IVI, DURATION).figures["digest"] == whole.figures["digest"]
    made = {path.name for path in set(tmp_path.iterdir()) - before}
    assert made == {"killed", "next", "whole0", "whole1"}


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Callable[[int], Mapping[str, str]]]:
    """A cache of its own for each run, so that all of them boot."""

    def own(number: int) -> Mapping[str, str]:
        return private_cache(tmp_path / "caches" / str(number), cache_dir())

    yield own


def test_runs_that_boot(tmp_path: Path, cache: Callable[[int], Mapping[str, str]]) -> None:
    whole_s, whole = timed(tmp_path, RELAY, cache)
    noted = kills(tmp_path / "killed", RELAY, COLD, whole_s, cache)
    assert not noted.left
    assert any("booting" in phase for phase in noted.phases), noted.phases
    used = max(range(COLD), key=lambda number: len(list((tmp_path / "caches" / str(number)).rglob("*.partial"))))
    last = run(tmp_path / "next", RELAY, DURATION, XDG_CACHE_HOME=tmp_path / "caches" / str(used))
    assert last.figures["digest"] == whole.figures["digest"]
    assert not list((tmp_path / "caches" / str(used)).rglob("*.partial"))
