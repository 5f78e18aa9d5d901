"""Whole runs by the wall clock: guests, devices, a report without digest, and nothing left behind."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from e2e.simulator import RELAY, Finished, Running, run

pytestmark = [pytest.mark.guest, pytest.mark.slow]

REALTIME = ("--time", "realtime")


@pytest.fixture(scope="module")
def relayed(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return run(tmp_path_factory.mktemp("free"), RELAY, "2s", "--json", *REALTIME)


@pytest.fixture
def running(tmp_path: Path) -> Running:
    return Running(tmp_path, RELAY, *REALTIME)


def test_pictures_go_through_two_guests(relayed: Finished) -> None:
    assert relayed.code == 0, relayed.err
    figures = relayed.figures
    assert figures["time_mode"] == "realtime" and figures["passed"]
    assert figures["virtual_time_s"] == 2.0
    for channel in ("start", "middle", "end"):
        assert figures["channels"][channel]["delivered"] > 20, channel
        assert figures["channels"][channel]["dropped"] == 0
        assert figures["channels"][channel]["latency_us"]["min"] > 0
    assert figures["partitions"]["first"]["cpu_share"] > 0
    assert figures["doorbells"] > 0


def test_it_claims_no_digest_and_says_how_exact_its_clocks_are(relayed: Finished) -> None:
    assert relayed.figures["digest"] == ""
    notes = " ".join(relayed.figures["notes"])
    assert "x86_64 guests" in notes and "the clocks of Linux guests agree with the host's within" in notes
    assert "by the wall clock no run repeats another" in (relayed.folder / "report.html").read_text()


def test_a_run_takes_as_long_as_it_says(relayed: Finished) -> None:
    """And no less; loading and the setting of clocks come before."""
    assert relayed.figures["wall"]["phases"]["run"] >= 2.0


def test_repetitions_are_refused(tmp_path: Path) -> None:
    refused = run(tmp_path, RELAY, "1s", *REALTIME, "--repeat", "2")
    assert refused.code == 2
    assert "real time" in refused.err


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=lambda number: number.name)
@pytest.mark.parametrize("phase", ["restoring", "loading", "running"])
def test_a_signal_leaves_nothing(relayed: Finished, running: Running, number: signal.Signals, phase: str) -> None:
    running.wait_for_phase(phase)
    running.wait_for(lambda: bool(running.qemus()), "QEMU")
    running.end(number)
    deadline = time.monotonic() + 20
    while (left := running.qemus()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not left, f"QEMU outlives sim: {left}"
    assert not running.sockets()
    assert "Traceback" not in running.said


def test_a_guest_that_dies_fails_alone(relayed: Finished, tmp_path: Path) -> None:
    sim = Running(tmp_path, RELAY, *REALTIME, "--duration", "3s")
    sim.wait_for_phase("running")
    sim.wait_for_phase("virtual 0.")
    victim = next(pid for pid, line in sim.qemus().items() if "first.console" in line)
    os.kill(victim, signal.SIGKILL)
    assert sim.process.wait(60) == 1, sim.said
    figures = Finished(1, "", "", sim.folder).figures
    assert "QEMU ended" in figures["partitions"]["first"]["failed"]
    assert figures["partitions"]["second"]["failed"] is None
    assert figures["virtual_time_s"] == 3.0
    assert not sim.qemus()
