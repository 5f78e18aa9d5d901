"""`sim model --device`: what it prints adds up, and what goes wrong is one line and an exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from machines import accelerators
from sim.commands.model import describe
from tests.nn.graph import Graph, options

MODELS = Path(__file__).parents[2] / "guests/models"


def _described(capsys: pytest.CaptureFixture[str], model: str, device: str) -> dict[str, Any]:
    assert describe(MODELS / model, None, True, device) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize("device", accelerators.names())
def test_times_add_up(device: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = _described(capsys, "plates_int8.tflite", device)
    layers = report["device_layers"]
    parts = sum(layer["total_ns"] for layer in layers)
    assert parts == sum(report["per_place_ns"].values())
    assert report["total_ns"] == parts + report["job_ns"] + report["input_ns"] + report["output_ns"]
    assert sum(layer["macs"] for layer in layers) == report["macs"]
    assert report["fits"] and report["obstacles"] == []
    assert 0 < report["utilisation"] <= 1


def test_what_a_kpu_cannot_runs_on_the_processor(capsys: pytest.CaptureFixture[str]) -> None:
    report = _described(capsys, "plates_int8.tflite", "k210")
    elsewhere = [(layer["index"], layer["why"]) for layer in report["device_layers"] if layer["place"] == "processor"]
    assert elsewhere == [(8, "the KPU has no ADD"), (11, "the KPU has no ADD"), (14, "the KPU has no ADD")]
    report = _described(capsys, "gesture_int8.tflite", "k210")
    assert report["device_layers"][0]["why"] == "a 1x7 kernel; lengths are 1 or 3"


def test_the_table_names_place_time_and_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert describe(MODELS / "plates_int8.tflite", None, False, "k210") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split()[:4] == ["node", "operator", "runs", "on"]
    assert "KPU" in lines[3] and lines[3].endswith("%")
    assert lines[11].split()[:3] == ["8", "ADD", "processor"] and lines[11].endswith("the KPU has no ADD")
    assert lines[-1].strip() == "fits"


def test_a_model_too_large_for_the_device_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph, rows = Graph(), 13_000
    weights = graph.tensor([rows, 512], 0.1, data=np.ones([rows, 512]))
    bias = graph.tensor([rows], [0.01], dtype="int32", data=np.zeros(rows))
    inputs, output = [graph.input([1, 512], 0.1), weights, bias], graph.output([1, rows], 1.0)
    graph.node("FULLY_CONNECTED", inputs, [output], options("FullyConnected"))
    model = graph.save(tmp_path / "large.tflite")
    assert describe(model, None, False, "k210") == 1
    printed = capsys.readouterr()
    assert printed.err.splitlines() == ["sim: 6,708,000 bytes of weights; k210 has room for 6,186,598"]
    assert "does not fit" in printed.out and "13000 channels; at most 1024" in printed.out
    assert describe(model, None, True, "amebapro2") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["streamed_bytes"] == 6_708_000 and report["device_layers"][0]["weights_stream"]


def test_a_board_and_a_device_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert describe(MODELS / "motion_int8.tflite", "esp32s3", False, "esp32s3") == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err == "sim: --board and --device exclude each other; give one of them\n"


def test_an_unknown_device_is_a_mistake_of_the_user(capsys: pytest.CaptureFixture[str]) -> None:
    assert describe(MODELS / "motion_int8.tflite", None, False, "pdp-11") == 2
    assert "unknown device 'pdp-11'; one of" in capsys.readouterr().err


def test_a_broken_model_is_a_mistake_of_the_user(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "broken.tflite"
    path.write_bytes((MODELS / "motion_int8.tflite").read_bytes()[:1000])
    assert describe(path, None, True, "k210") == 2
    printed = capsys.readouterr()
    assert printed.out == "" and len(printed.err.splitlines()) == 1
