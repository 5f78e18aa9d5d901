"""Every emulator of a run, whichever it is, is limited, and nobody else may read what it writes."""

from __future__ import annotations

import re
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from e2e.simulator import IVI, Running

pytestmark = [pytest.mark.guest, pytest.mark.slow]

PARTITIONS = {"perception", "cockpit", "safety", "cabin"}
LABWIRED = "cabin"
LIMITED = (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_AS, resource.RLIMIT_NOFILE)


@dataclass(frozen=True)
class Emulator:
    """A process under way.

    Attributes:
        limits: the hard ones, by number.
        seccomp: mode of its system call filter; 2 is a filter (proc(5)).
        writes: modes of the files in the run's folder that it has open.
    """

    limits: dict[int, int]
    seccomp: int
    writes: set[int]


def emulators(sim: Running) -> dict[str, Emulator]:
    """Return the children of a run by the partition whose console they write."""
    children = Path(f"/proc/{sim.process.pid}/task/{sim.process.pid}/children").read_text().split()
    return dict(look_at(Path("/proc", child), sim.folder) for child in children)


def look_at(process: Path, written: Path) -> tuple[str, Emulator]:
    """Read from /proc what a process may do, and what it writes into a folder."""
    files = [fd for fd in (process / "fd").iterdir() if str(fd.readlink()).startswith(str(written))]
    (name,) = {fd.readlink().name.split(".")[0] for fd in files}
    seccomp = re.search(r"^Seccomp:\s*(\d)$", (process / "status").read_text(), re.M)
    limits = {which: resource.prlimit(int(process.name), which)[1] for which in LIMITED}
    return name, Emulator(limits, int(seccomp[1]) if seccomp else 0, {fd.stat().st_mode & 0o777 for fd in files})


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Emulator]]:
    """The emulators of two Linux guests, of a microcontroller in QEMU and of one in labwired."""
    sim = Running(tmp_path_factory.mktemp("confined"), IVI)
    try:
        sim.wait_for_phase("running")
        yield emulators(sim)
    finally:
        sim.close()


def test_all_are_there(scene: dict[str, Emulator]) -> None:
    assert set(scene) == PARTITIONS


@pytest.mark.parametrize("name", sorted(PARTITIONS))
def test_it_is_limited(scene: dict[str, Emulator], name: str) -> None:
    limits = scene[name].limits
    assert limits[resource.RLIMIT_CORE] == 0
    assert limits[resource.RLIMIT_FSIZE] == 16 << 20
    assert 0 < limits[resource.RLIMIT_AS] < 5 << 30
    assert 0 < limits[resource.RLIMIT_NOFILE] < 200


@pytest.mark.parametrize("name", sorted(PARTITIONS))
def test_nobody_else_may_read_what_it_writes(scene: dict[str, Emulator], name: str) -> None:
    assert scene[name].writes == {0o600}


@pytest.mark.parametrize("name", sorted(PARTITIONS - {LABWIRED}))
def test_a_qemu_filters_its_system_calls(scene: dict[str, Emulator], name: str) -> None:
    assert scene[name].seccomp == 2
