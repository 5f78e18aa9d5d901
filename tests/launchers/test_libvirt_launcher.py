"""The same runs by libvirt's hand: same machine, same digest, seen by virsh, and gone however the simulator ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from . import daemon as libvirt
from .daemon import Daemon

_LACKING = libvirt.lacking()
pytestmark = [pytest.mark.slow, pytest.mark.guest, pytest.mark.skipif(bool(_LACKING), reason=_LACKING)]

ROOT = Path(__file__).parents[2]
RELAY = ROOT / "tests" / "e2e" / "relay.yaml"
SIM = Path(sys.executable).with_name("sim")
PATIENCE_S = 240


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with tempfile.TemporaryDirectory(prefix="lv-", dir="/tmp") as folder:
        made = Daemon(Path(folder))
        yield made
        made.close()


class Simulator:
    """`sim run` of the relay scenario with libvirt, under way."""

    def __init__(self, daemon: Daemon, folder: Path, *arguments: str, launcher: str = "libvirt") -> None:
        self.folder = folder / "out"
        self._errors = folder / f"{launcher}.stderr"
        line = [*daemon.prefix, SIM, "run", RELAY, "--launcher", launcher, "--out", "out", "--json", *arguments]
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [str(word) for word in line], cwd=folder, env=daemon.environment, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=errors,
            )  # fmt: skip

    @property
    def said(self) -> str:
        return self._errors.read_text()

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while text not in self.said:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.02)

    def result(self) -> dict[str, Any]:
        assert self.process.wait(PATIENCE_S) in (0, 1), self.said
        found: dict[str, Any] = json.loads((self.folder / "result.json").read_text())
        return found


@pytest.fixture
def running(daemon: Daemon, tmp_path: Path) -> Iterator[Simulator]:
    """A run that would take long, in virtual time already."""
    made = Simulator(daemon, tmp_path, "--duration", "600s")
    try:
        made.wait_for("] running")
        yield made
    finally:
        made.process.kill()
        made.process.wait()


def gone(daemon: Daemon, seconds: float) -> bool:
    """Return whether no domain is left, soon."""
    deadline = time.monotonic() + seconds
    while daemon.domains() and time.monotonic() < deadline:
        time.sleep(0.1)
    return not daemon.domains()


def qemus(folder: Path) -> list[str]:
    """Return the QEMUs that write a console in a run's folder."""
    lines = subprocess.run(["ps", "-eo", "stat,args"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in lines if f"path={folder}" in line and not line.startswith("Z")]


def test_the_machine_is_the_same_and_so_is_its_snapshot(daemon: Daemon, tmp_path: Path) -> None:
    line = [*daemon.prefix, sys.executable, Path(__file__).with_name("compared.py"), tmp_path]
    done = subprocess.run([str(w) for w in line], env=daemon.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"devices": True, "cold": True, "warm": [], "boundaries": 50}


def test_a_run_has_the_same_digest(daemon: Daemon, tmp_path: Path) -> None:
    digests = set()
    for launcher, cold in (("direct", []), ("libvirt", ["--cold"]), ("libvirt", [])):
        folder = tmp_path / "-".join([launcher, *cold])
        folder.mkdir()
        result = Simulator(daemon, folder, "--duration", "300ms", *cold, launcher=launcher).result()
        assert result["passed"], result["reason"]
        digests.add(result["digest"])
        assert daemon.domains() == []
        assert not list((folder / "out" / "logs").glob("*.xml"))
    assert len(digests) == 1


def test_virsh_shows_the_guests(daemon: Daemon, running: Simulator) -> None:
    names = daemon.domains()
    assert [name.rpartition("-")[0] for name in names] == ["edgesim-relay-first", "edgesim-relay-second"]
    assert daemon.virsh("domstate", names[0]).stdout.strip() == "running"
    assert names[0] in daemon.virsh("list", "--transient").stdout
    told = daemon.virsh("dumpxml", names[0]).stdout  # `dominfo` would first have libvirt try every QEMU: half a minute
    assert "262144</memory>" in told and "console=ttyS0" in told


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_leaves_no_domain(daemon: Daemon, running: Simulator, number: signal.Signals) -> None:
    running.process.send_signal(number)
    running.process.wait(30)
    assert gone(daemon, 10)
    assert not qemus(running.folder)
    assert "Traceback" not in running.said


def test_qemu_ends_with_the_simulator_also_where_libvirt_does_not_see_to_it(daemon: Daemon, running: Simulator) -> None:
    """The daemon stands still: only the lockstep plugin notices."""
    daemon.stand_still()
    try:
        running.process.send_signal(signal.SIGKILL)
        running.process.wait(30)
        deadline = time.monotonic() + 20
        while qemus(running.folder) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not qemus(running.folder)
    finally:
        daemon.go_on()
    assert gone(daemon, 10)


def test_a_domain_that_somebody_destroys_fails_alone(daemon: Daemon, tmp_path: Path) -> None:
    run = Simulator(daemon, tmp_path, "--duration", "2s")
    run.wait_for("] running")
    first = next(name for name in daemon.domains() if "-first-" in name)
    assert daemon.virsh("destroy", first).returncode == 0
    partitions = run.result()["partitions"]
    assert "QEMU ended" in partitions["first"]["failed"]
    assert partitions["second"]["failed"] is None
    assert daemon.domains() == []


def test_no_libvirt_at_the_uri_is_told_in_one_line(daemon: Daemon, tmp_path: Path) -> None:
    run = Simulator(daemon, tmp_path, "--libvirt-uri", "qemu+unix:///session?socket=/nowhere")
    assert run.process.wait(60) == 3
    last = run.said.splitlines()[-1]
    assert last.startswith("sim: libvirt does not answer at qemu+unix:///session?socket=/nowhere (")
    assert "--libvirt-uri" in last and "Traceback" not in run.said


def test_another_hypervisor_is_refused(daemon: Daemon, tmp_path: Path) -> None:
    run = Simulator(daemon, tmp_path, "--libvirt-uri", "test:///default")
    assert run.process.wait(60) == 3
    assert "runs TEST, needed is QEMU" in run.said.splitlines()[-1]


def test_without_the_module_it_is_told_how_to_get_it(daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "libvirt.py").write_text("raise ImportError('No module named libvirt')\n")
    path = os.pathsep.join(filter(None, [str(tmp_path), daemon.environment.get("PYTHONPATH")]))
    line = [SIM, "run", RELAY, "--launcher", "libvirt", "--out", tmp_path / "out"]
    done = subprocess.run(
        [str(word) for word in line], env={**daemon.environment, "PYTHONPATH": path}, capture_output=True, text=True,
        cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert "pip install 'edgesim[libvirt]'" in done.stderr.splitlines()[-1]
