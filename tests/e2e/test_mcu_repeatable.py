"""Microcontrollers run the same again: under load, with firmware built anew, on any quantum, beside a Linux guest."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from machines.cache import cache_dir

from .microcontrollers import FIRMWARE, M4, channel, failures, node, sinks, write
from .simulator import HERE, Finished, private_cache, run
from .test_repeatable import assert_same, busy_loops

pytestmark = pytest.mark.slow

RISCV = {"machine": "esp32c3", "backend": "qemu"}
LABWIRED = {"machine": "esp32c3", "backend": "labwired", "speed": "31.25 MIPS"}
S3 = {"machine": "esp32s3", "backend": "labwired", "speed": "31.25 MIPS"}
SENSOR = {"kind": "recording", "source": "samples.npy", "rate": "200Hz"}


def zoo(folder: Path, **keys: Any) -> Path:
    """Write a scenario in which both backends run nodes that feed two others, pass on, and play with each other."""
    player = FIRMWARE / "player.c"
    nodes = {
        "first": node(),
        "left": node(board=RISCV),
        "right": node(board=S3),
        "ping": node(player, LABWIRED, SERVES=1),
        "pong": node(player, M4),
    }
    channels = {
        "start": channel("samples", "first.service.tensor"),
        "to_left": channel("first.service.result", "left.service.tensor"),
        "to_right": channel("first.service.result", "right.service.tensor", depth=2),
        "left": channel("left.service.result", "left_sink"),
        "right": channel("right.service.result", "right_sink"),
        "there": channel("ping.service.result", "pong.service.tensor", overflow="drop_newest"),
        "back": channel("pong.service.result", "ping.service.tensor", overflow="drop_oldest"),
    }
    devices = {"samples": SENSOR, "left_sink": {"kind": "sink"}, "right_sink": {"kind": "sink"}}
    return write(folder, nodes, channels, devices, **keys)


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zoo's file."""
    return zoo(tmp_path_factory.mktemp("zoo"))


@pytest.fixture(scope="module")
def first(scenario: Path) -> Finished:
    """The zoo, run once."""
    return run(scenario.parent / "out", scenario, "100ms")


def test_everything_arrives(first: Finished) -> None:
    assert (first.code, failures(first)) == (0, {}), first.out + first.err
    taken = sinks(first)
    assert taken["left_sink"] == taken["right_sink"]
    channels = first.figures["channels"]
    assert channels["left"]["delivered"] == channels["right"]["delivered"] >= 19
    assert channels["there"]["delivered"] >= 20 <= channels["back"]["delivered"]


def test_again_and_beside_busy_loops(first: Finished, scenario: Path, tmp_path: Path) -> None:
    assert_same(first, run(tmp_path / "again", scenario, "100ms"))
    with busy_loops(4):
        assert_same(first, run(tmp_path / "busy", scenario, "100ms"))


def test_with_firmware_built_anew_twice_at_once(first: Finished, scenario: Path, tmp_path: Path) -> None:
    cache = private_cache(tmp_path / "cache", cache_dir())
    with ThreadPoolExecutor() as pool:
        both = list(pool.map(lambda name: run(tmp_path / name, scenario, "100ms", **cache), "ab"))
    for done in both:
        assert_same(first, done)
    assert len(list((tmp_path / "cache" / "edgesim" / "firmware").rglob("*.elf"))) == 5
    assert not list((tmp_path / "cache" / "edgesim" / "firmware").glob(".building-*"))


def test_another_quantum_is_another_run_that_repeats(first: Finished, tmp_path: Path) -> None:
    fine = [run(tmp_path / name, zoo(tmp_path, quantum="100us"), "40ms") for name in "ab"]
    assert_same(*fine)
    assert fine[0].figures["digest"] != first.figures["digest"]
    balls = [done.figures["channels"]["there"]["messages"] for done in (fine[0], first)]
    assert balls[0] > balls[1], "a finer quantum, an earlier doorbell"


@pytest.mark.guest
def test_beside_a_linux_guest(tmp_path: Path) -> None:
    linux = {
        "machine": "linux-x86_64",
        "memory": "256M",
        "speed": "1000 MIPS",
        "services": {"relay": {"run": f"{HERE / 'services' / 'bytes64.py'}:relay"}},
    }
    channels = {
        "start": channel("samples", "front.service.tensor"),
        "up": channel("front.service.result", "linux.relay.tensor"),
        "down": channel("linux.relay", "back.service.tensor"),
        "end": channel("back.service.result", "sink"),
    }
    nodes = {"front": node(), "linux": linux, "back": node(board=S3)}
    scenario = write(tmp_path, nodes, channels, {"samples": SENSOR, "sink": {"kind": "sink"}})
    done = [run(tmp_path / name, scenario, "100ms") for name in "ab"]
    assert (done[0].code, failures(done[0])) == (0, {}), done[0].out + done[0].err
    assert done[0].figures["channels"]["end"]["delivered"] >= 15
    assert done[0].figures["links"]["back"]["received"]["tensors"] >= 15
    assert_same(*done)
