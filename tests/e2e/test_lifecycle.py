"""However `sim` ends, nothing of it stays: no QEMU, no socket, no shared memory, no half snapshot."""

from __future__ import annotations

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from machines.cache import cache_dir

from .simulator import RELAY, Finished, Running, private_cache, run

pytestmark = [pytest.mark.guest, pytest.mark.slow]

CODES = {signal.SIGKILL: -signal.SIGKILL, signal.SIGTERM: 130, signal.SIGINT: 130}


def assert_nothing_left(ended: Running, shared_memory: set[Path]) -> None:
    """Fail if anything of a run stays after it ended."""
    deadline = time.monotonic() + 20
    while (left := ended.qemus()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not left, f"QEMU outlives sim: {left}"
    assert not [path for path in shared_memory if path.exists()]
    assert not ended.sockets()


@pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)
@pytest.mark.parametrize("phase", ["restoring", "loading", "running"])
def test_a_signal_leaves_nothing(
    relayed: Finished, running: list[Running], tmp_path: Path, number: signal.Signals, phase: str
) -> None:
    sim = Running(tmp_path, RELAY)
    running.append(sim)
    sim.wait_for_phase(phase)
    sim.wait_for(lambda: bool(sim.qemus()), "QEMU")
    shared_memory = sim.shared_memory()
    assert sim.end(number) == CODES[number], sim.said
    assert_nothing_left(sim, shared_memory)
    assert "Traceback" not in sim.said
    if number is not signal.SIGKILL:
        assert sim.said.splitlines()[-1] == "sim: interrupted"


@pytest.mark.parametrize("after_s", [0.05, 0.15, 0.3, 0.45])
def test_an_interrupt_while_it_starts_is_told_in_one_line(
    relayed: Finished, running: list[Running], tmp_path: Path, after_s: float
) -> None:
    """Whatever it does by then; only while Python itself still starts, the signal ends it in Python's way."""
    sim = Running(tmp_path, RELAY)
    running.append(sim)
    time.sleep(after_s)
    code = sim.end(signal.SIGINT)
    assert code in (130, -signal.SIGINT)
    assert_nothing_left(sim, set())
    assert code == -signal.SIGINT or "Traceback" not in sim.said


def test_three_cold_starts_at_once_boot_once(relayed: Finished, tmp_path: Path) -> None:
    cache = private_cache(tmp_path / "cache", cache_dir())
    with ThreadPoolExecutor() as pool:
        finished = list(pool.map(lambda name: run(tmp_path / name, RELAY, "300ms", **cache), "abc"))
    assert [done.code for done in finished] == [0, 0, 0]
    assert {done.figures["digest"] for done in finished} == {relayed.figures["digest"]}
    boots = [done.figures["boot"]["first"]["seconds"] for done in finished]
    assert max(boots) - min(boots) < 0.01, "they share one boot"
    assert len(list((tmp_path / "cache" / "edgesim" / "snapshots").glob("*.state"))) == 1


def test_two_interrupts_are_no_more_than_one(relayed: Finished, running: list[Running], tmp_path: Path) -> None:
    sim = Running(tmp_path, RELAY)
    running.append(sim)
    sim.wait_for_phase("running")
    sim.process.send_signal(signal.SIGINT)
    time.sleep(0.01)
    assert sim.end(signal.SIGINT) == 130
    assert_nothing_left(sim, set())
    assert "Traceback" not in sim.said


def test_half_a_snapshot_is_never_used(relayed: Finished, running: list[Running], tmp_path: Path) -> None:
    """Kill a cold start while the guest boots, then while it is saved; the third one boots and is right."""
    cache = private_cache(tmp_path / "cache", cache_dir())
    snapshots = tmp_path / "cache" / "edgesim" / "snapshots"

    booting = Running(tmp_path / "booting", RELAY, **cache)
    running.append(booting)
    booting.wait_for_phase("booting")
    booting.wait_for(lambda: bool(booting.qemus()), "QEMU")
    time.sleep(0.5)
    shared_memory = booting.shared_memory()
    booting.end(signal.SIGKILL)
    assert_nothing_left(booting, shared_memory)
    assert len(list(snapshots.glob("*.partial"))) == 1

    def being_saved() -> bool:
        return any(path.stat().st_size for path in snapshots.glob("*.partial"))

    saving = Running(tmp_path / "saving", RELAY, **cache)
    running.append(saving)
    saving.wait_for(being_saved, "partial snapshot")
    shared_memory = saving.shared_memory()
    saving.end(signal.SIGKILL)
    assert_nothing_left(saving, shared_memory)
    assert not list(snapshots.glob("*.state"))

    finished = run(tmp_path / "third", RELAY, "300ms", **cache)
    assert finished.code == 0, finished.err
    assert finished.figures["boot"]["first"]["kind"] == "cold"
    assert finished.figures["digest"] == relayed.figures["digest"]
    assert not list(snapshots.glob("*.partial"))
    assert len(list(snapshots.glob("*.state"))) == 1


def test_a_guest_that_dies_fails_alone(relayed: Finished, running: list[Running], tmp_path: Path) -> None:
    sim = Running(tmp_path, RELAY, "--duration", "2s")
    running.append(sim)
    sim.wait_for_phase("running")
    sim.wait_for_phase("virtual 0.")
    victim = next(pid for pid, line in sim.qemus().items() if "first.console" in line)
    os.kill(victim, signal.SIGKILL)
    assert sim.process.wait(60) == 1, sim.said
    assert "Traceback" not in sim.said
    figures = json.loads((sim.folder / "result.json").read_text())
    assert "QEMU ended" in figures["partitions"]["first"]["failed"]
    assert figures["partitions"]["second"]["failed"] is None
    assert figures["virtual_time_s"] == 2.0
    assert_nothing_left(sim, set())
