"""The same run again is the same run, to the bit, whatever else the computer does."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sim.report.result import repeatable

from .conftest import DURATION, IVI_DURATION
from .simulator import IVI, RELAY, Finished, run

pytestmark = [pytest.mark.guest, pytest.mark.slow]


@contextlib.contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """Keep the processors busy with something else."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def assert_same(first: Finished, second: Finished) -> None:
    """Fail if two runs differ in anything but wall time."""
    traces = [(done.folder / "trace.log").read_text().splitlines() for done in (first, second)]
    for number, (one, other) in enumerate(zip(*traces, strict=False), 1):
        assert one == other, f"traces differ from line {number}"
    assert len(traces[0]) == len(traces[1])
    assert first.figures["digest"] == second.figures["digest"]
    assert repeatable(first.figures) == repeatable(second.figures)


def test_again_and_beside_busy_loops(ivi: Finished, tmp_path: Path) -> None:
    assert_same(ivi, run(tmp_path / "again", IVI, IVI_DURATION))
    with busy_loops(4):
        assert_same(ivi, run(tmp_path / "busy", IVI, IVI_DURATION))


def test_two_at_once_do_not_disturb_each_other(relayed: Finished, tmp_path: Path) -> None:
    with ThreadPoolExecutor() as pool:
        both = list(pool.map(lambda name: run(tmp_path / name, RELAY, DURATION), "ab"))
    for done in both:
        assert done.code == 0, done.err
        assert_same(relayed, done)


def test_a_cold_start_makes_no_difference(relayed: Finished, tmp_path: Path) -> None:
    cold = run(tmp_path, RELAY, DURATION, "--cold")
    assert {each["kind"] for each in cold.figures["boot"].values()} == {"cold"}
    assert_same(relayed, cold)


def test_another_seed_is_another_run(relayed: Finished, tmp_path: Path) -> None:
    other = run(tmp_path, RELAY, DURATION, "--seed", 8)
    assert other.figures["seed"] == 8
    assert other.figures["digest"] != relayed.figures["digest"]


def test_a_longer_run_begins_as_the_shorter_one(relayed: Finished, tmp_path: Path) -> None:
    longer = run(tmp_path, RELAY, "400ms")
    events = [
        [line for line in (done.folder / "trace.log").read_text().splitlines() if " instructions " not in line]
        for done in (relayed, longer)
    ]
    assert len(events[0]) > 100
    assert events[1][: len(events[0])] == events[0]


def test_result_has_what_was_promised(ivi: Finished) -> None:
    assert ivi.code == 0, ivi.err
    figures = ivi.figures
    for key in ("scenario", "digest", "virtual_time_s", "wall_s", "boot", "partitions", "metrics", "expectations"):
        assert figures[key], key
    assert (figures["scenario"], figures["virtual_time_s"], figures["quantum_ns"]) == ("ivi_camera", 2.0, 1_000_000)
    assert set(figures["boot"]) == set(figures["partitions"]) == {"perception", "safety", "cockpit", "cabin"}
    assert set(figures["microcontrollers"]) == {"safety", "cabin"}
    for name, boot in figures["boot"].items():
        kinds = {"power-on"} if name in figures["microcontrollers"] else {"cold", "warm"}
        assert boot["kind"] in kinds and boot["seconds"] > 0
    inferences = figures["microcontrollers"]["cabin"]["inferences"]
    assert inferences["count"] == figures["channels"]["motion"]["messages"] == 1
    assert inferences["instructions"]["max"] > 10_000
    for channel in figures["channels"].values():
        assert {"messages", "dropped", "occupancy_max", "occupancy_mean", "latency_us"} <= set(channel)
        assert {"p50", "p99", "max"} <= set(channel["latency_us"])
    assert figures["channels"]["detections"]["messages"] >= 8
    environment = json.dumps(figures["environment"])
    for word in ("QEMU emulator version", "kernel", "image", "labwired", "firmware safety", "firmware cabin"):
        assert word in environment
    assert len(figures["digest"]) == 64


def test_json_prints_the_result_and_nothing_else(ivi: Finished) -> None:
    assert json.loads(ivi.out) == ivi.figures
    assert ivi.out == (ivi.folder / "result.json").read_text()


def test_the_report_is_whole(ivi: Finished) -> None:
    for name in ("report.html", "trace.json", "junit.xml", "logs/perception.log", "logs/safety.log"):
        assert (ivi.folder / name).stat().st_size, name
    assert any((ivi.folder / "frames").iterdir())
    json.loads((ivi.folder / "trace.json").read_text())
