"""What only a real Renode can show: boot, doorbell, 100 tensors each way, bytes equal to those of the other backends.

They need a Renode of one's own: the portable archive from renode.io or the conda package renode-cli, on PATH or named
by SIM_RENODE.
"""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from machines import boards
from machines.boards import BackendName, McuBoard
from machines.errors import EnvironmentLacks
from machines.mcu import backends
from machines.renode import program

TENSORS = 100
BOARDS = ("mps2-an386", "esp32", "esp32s3", "esp32c3", "nrf52840", "stm32f746")
SCENARIO = """\
name: renode_echo
description: A hundred tensors to a microcontroller and back.
seed: 3
time: {{mode: virtual, quantum: 1ms, duration: 250ms}}
partitions:
  node: {{machine: {board}, services: {{echo: {{run: {service}}}}}}}
devices:
  sender: {{kind: recording, source: {recording}, rate: 500Hz, count: {count}}}
  taker: {{kind: sink}}
channels:
  there: {{from: sender, to: node.echo.tensor, tensor: "uint8[64]", depth: 4}}
  back: {{from: node.echo.result, to: taker, tensor: "uint8[64]", depth: 4}}
"""
ECHO = Path(__file__).parents[2] / "guests" / "mcu" / "services" / "echo.c"


@cache
def lacking() -> str:
    """Return why there is no usable Renode, or nothing."""
    try:
        program.find()
    except EnvironmentLacks as error:
        return str(error)
    return ""


def needs(board: str, backend: BackendName) -> None:
    """Skip unless this backend can run the board here."""
    profile = boards.load(board)
    assert isinstance(profile, McuBoard)
    if backend not in profile.backends:
        pytest.skip(f"{backend} does not model {board}")
    try:
        backends.choose(profile, backend)
    except EnvironmentLacks as error:
        pytest.skip(str(error))


def make_scenario(folder: Path, board: str) -> Path:
    """Write a scenario with its recording."""
    recording = folder / "recording.npy"
    np.save(recording, np.random.default_rng(5).integers(0, 256, (TENSORS, 64), dtype=np.uint8))
    scenario = folder / "echo.yaml"
    scenario.write_text(SCENARIO.format(board=board, service=ECHO, recording=recording, count=TENSORS))
    return scenario


def run(scenario: Path, backend: BackendName, out: Path) -> list[str]:
    """Run a scenario with the program itself and return its trace."""
    command = [Path(sys.executable).with_name("sim"), "run", scenario, "--out", out]
    done = subprocess.run(
        [*command, "--set", f"partitions.node.backend={backend}"], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return (out / "trace.log").read_text().splitlines()


def tensors(trace: list[str], channel: str) -> list[str]:
    """Return the hash of each tensor of a channel, in their order."""
    facts = [line.split() for line in trace]
    return [each[-1] for each in facts if each[1:3] == ["tensor", channel]]


@pytest.mark.slow
@pytest.mark.parametrize("board", ["mps2-an386", "esp32"])
@pytest.mark.parametrize("backend", ["qemu", "labwired"])
def test_the_other_backends_carry_the_same_scenario(board: str, backend: BackendName, tmp_path: Path) -> None:
    """What Renode is compared with below, so that this file is not only read when there is a Renode."""
    needs(board, backend)
    trace = run(make_scenario(tmp_path, board), backend, tmp_path / "out")
    assert len(tensors(trace, "there")) == TENSORS
    assert tensors(trace, "back") == tensors(trace, "there")


@pytest.mark.renode
@pytest.mark.slow
@pytest.mark.skipif(bool(lacking()), reason=lacking() or "there is a Renode")
@pytest.mark.parametrize("board", BOARDS)
def test_a_hundred_tensors_go_there_and_back(board: str, tmp_path: Path) -> None:
    """Boot, doorbells, both rings, console; and a second run is the same run."""
    needs(board, "renode")
    scenario = make_scenario(tmp_path, board)
    first = run(scenario, "renode", tmp_path / "first")
    assert len(tensors(first, "there")) == TENSORS
    assert tensors(first, "back") == tensors(first, "there")
    assert not list(Path("/dev/shm").glob("edgesim-renode-*"))
    assert run(scenario, "renode", tmp_path / "second") == first


@pytest.mark.renode
@pytest.mark.slow
@pytest.mark.skipif(bool(lacking()), reason=lacking() or "there is a Renode")
@pytest.mark.parametrize("board", ["mps2-an386", "esp32"])
@pytest.mark.parametrize("backend", ["qemu", "labwired"])
def test_the_bytes_are_those_of_the_other_backends(board: str, backend: BackendName, tmp_path: Path) -> None:
    needs(board, "renode")
    needs(board, backend)
    scenario = make_scenario(tmp_path, board)
    ours = run(scenario, "renode", tmp_path / "renode")
    theirs = run(scenario, backend, tmp_path / backend)
    assert len(tensors(ours, "back")) == TENSORS
    assert tensors(ours, "back") == tensors(theirs, "back")
