"""Models on this computer: what accelerators send is what the model says."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from machines.errors import EnvironmentLacks
from machines.native.inference import load_model

MODELS = Path(__file__).parents[2] / "guests/models"


def test_digits_are_read() -> None:
    pytest.importorskip("ai_edge_litert")
    infer = load_model("npu", MODELS / "digits_cnn_int8.tflite")
    with np.load(MODELS / "data/digits.npz") as data:
        rows, labels = data["q"][:50], data["y"][:50]
    said = [int(infer(row)[0].argmax()) for row in rows]
    assert (np.array(said) == labels).mean() > 0.9


def test_outputs_come_in_the_order_of_the_graph_and_are_the_caller_s() -> None:
    pytest.importorskip("ai_edge_litert")
    infer = load_model("npu", MODELS / "plates_int8.tflite")
    first = infer(np.zeros((1, 120, 160, 1), np.int8))
    kept = [each.copy() for each in first]
    infer(np.full((1, 120, 160, 1), 90, np.int8))
    assert [each.shape for each in first] == [(1, 15, 20, 1), (1, 15, 20, 4)]
    assert all((one == other).all() for one, other in zip(first, kept, strict=True))


def test_a_missing_interpreter_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(EnvironmentLacks, match=r"npu: .*LiteRT, which is not here.*edgesim\[inference\]"):
        load_model("npu", MODELS / "digits_cnn_int8.tflite")


def test_a_model_that_it_refuses_is_told(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    path = tmp_path / "broken.tflite"
    path.write_bytes(b"\x00" * 100)
    with pytest.raises(ValueError, match=r"LiteRT refuses broken\.tflite: [^\n]+$"):
        load_model("npu", path)
