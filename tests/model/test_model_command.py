"""`sim model`: what it prints adds up, and what goes wrong is one line and an exit code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from machines import boards
from machines.boards import McuBoard
from machines.mcu.cores import CORES
from sim.commands.model import describe
from tests.nn.graph import Graph, options

MODEL = Path(__file__).parents[2] / "guests/models/motion_int8.tflite"
BOARDS = ("mps2-an386", "mps3-an547", "esp32c3", "esp32s3")


def _needs(board_name: str) -> McuBoard:
    board = boards.load(board_name)
    assert isinstance(board, McuBoard)
    core = CORES[board.core]
    if not shutil.which(f"{core.toolchain}gcc"):
        pytest.skip(f"no compiler: install {core.package}")
    return board


def _described(capsys: pytest.CaptureFixture[str], board: str | None = None) -> dict[str, Any]:
    assert describe(MODEL, board, True) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_layers_add_up(capsys: pytest.CaptureFixture[str]) -> None:
    report = _described(capsys)
    layers = report["layers"]
    assert [layer["operator"] for layer in layers][:3] == ["CONV_2D", "MAX_POOL_2D", "CONV_2D"]
    assert sum(layer["macs"] for layer in layers) == report["macs"] > 0
    assert sum(layer["flash_bytes"] for layer in layers) == report["flash_bytes"] > 0
    assert max(block["offset"] + block["bytes"] for block in report["arena"]) == report["arena_bytes"]
    assert "instructions" not in report


@pytest.mark.parametrize("name", BOARDS)
def test_memory_adds_up_and_instructions_are_counted(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    board = _needs(name)
    report = _described(capsys, name)
    flash, ram = report["flash"], report["ram"]
    for part, available in ((flash, board.flash_bytes), (ram, board.ram_bytes)):
        assert part["total"] == part["model"] + part["kernels"] + part["base"]
        assert min(part["total"], part["base"]) > 0 and part["total"] <= part["available"] == available
    assert ram["model"] == report["arena_bytes"]
    parameters = flash["model"] - report["flash_bytes"]
    assert 0 < parameters < 250 * len(report["layers"])
    counts = [layer["instructions"] for layer in report["layers"]]
    assert all(counts) and sum(counts) <= report["instructions"] < 1.1 * sum(counts)
    assert report["milliseconds"] == pytest.approx(report["instructions"] / float(board.speed_mips) / 1000)


def test_counts_are_repeatable(capsys: pytest.CaptureFixture[str]) -> None:
    _needs("mps2-an386")
    assert _described(capsys, "mps2-an386") == _described(capsys, "mps2-an386")


def test_the_table_has_a_line_for_each_node(capsys: pytest.CaptureFixture[str]) -> None:
    assert describe(MODEL, None, False) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split()[:3] == ["node", "operator", "output"]
    assert [line.split()[1] for line in lines[3:9]] == [
        "CONV_2D", "MAX_POOL_2D", "CONV_2D", "MEAN", "FULLY_CONNECTED", "SOFTMAX",
    ]  # fmt: skip
    assert lines[9].split() == ["all", "17,344", "1,872", "508"]


def test_a_model_too_large_for_the_board_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board = _needs("mps3-an547")
    graph, rows = Graph(), board.flash_bytes // 512
    weights = graph.tensor([rows, 512], 0.1, data=np.ones([rows, 512]))
    bias = graph.tensor([rows], [0.01], dtype="int32", data=np.zeros(rows))
    inputs, output = [graph.input([1, 512], 0.1), weights, bias], graph.output([1, rows], 1.0)
    graph.node("FULLY_CONNECTED", inputs, [output], options("FullyConnected"))
    model = graph.save(tmp_path / "large.tflite")
    assert describe(model, board.name, False) == 1
    printed = capsys.readouterr()
    assert "FULLY_CONNECTED" in printed.out and "fits" not in printed.out
    assert len(printed.err.splitlines()) == 1
    assert "bytes of flash, mps3-an547 has" in printed.err


@pytest.mark.parametrize(
    ("board", "message"),
    [("pdp-11", "unknown machine 'pdp-11'; one of"), ("linux-x86_64", "linux-x86_64 is no microcontroller; one of")],
)
def test_an_unknown_board_is_a_mistake_of_the_user(
    board: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert describe(MODEL, board, False) == 2
    assert message in capsys.readouterr().err


def test_a_broken_model_is_a_mistake_of_the_user(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "broken.tflite"
    path.write_bytes(MODEL.read_bytes()[:1000])
    assert describe(path, None, True) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and len(printed.err.splitlines()) == 1
