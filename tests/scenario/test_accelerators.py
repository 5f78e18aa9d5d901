"""Accelerators in scenarios: their ports come from the model, their time from the profile, and paths lead through."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from guests.mcu.nn.layers import read_network
from machines import accelerators
from machines.accelerators.timing import job
from sim.scenario import Scenario, ScenarioErrors, load
from sim.scenario.devices import Accelerator
from sim.scenario.paths import ways
from sim.scenario.schema import to_schema

ROOT = Path(__file__).parents[2]
SCENARIO = """
name: accelerated
time: {duration: 1s}
partitions:
  idle: {machine: linux-x86_64, memory: 256M, speed: 1000 MIPS}
devices:
  left: {kind: recording, source: rows.npy, rate: 30Hz}
  right: {kind: recording, source: rows.npy, rate: 10Hz}
  npu: {kind: accelerator, profile: coral_edge_tpu, model: guests/models/plates_int8.tflite}
  plates: {kind: sink}
  sides: {kind: sink}
channels:
  left_pictures: {from: left, to: npu.input, tensor: "int8[1,120,160,1]"}
  right_pictures: {from: right, to: npu, tensor: "int8[1,120,160,1]"}
  plates_found: {from: npu.plate, to: plates, tensor: "int8[1,15,20,1]"}
  sides_found: {from: npu.sides, to: sides, tensor: "int8[1,15,20,4]"}
paths:
  through: {from: right, to: sides}
expectations:
  - devices.npu.busy_share <= 5%
"""


def _written(folder: Path, old: str = "", new: str = "") -> Path:
    assert old in SCENARIO
    np.save(folder / "rows.npy", np.zeros((3, 1, 120, 160, 1), np.int8))
    path = folder / "accelerated.yaml"
    path.write_text(SCENARIO.replace(old, new, 1) if old else SCENARIO)
    return path


def _accelerator(scenario: Scenario) -> Accelerator:
    device = scenario.devices["npu"]
    assert isinstance(device, Accelerator)
    return device


def test_its_time_is_that_of_its_profile_and_its_ports_are_those_of_its_model(tmp_path: Path) -> None:
    device = _accelerator(load(_written(tmp_path)))
    assert list(device.ports()) == ["input", "plate", "sides"]
    assert device.job.total_ns > 300_000
    assert device.summary == f"coral_edge_tpu, {device.job.total_ns / 1e6:.3f} ms, plates_int8.tflite"
    slower = _accelerator(load(_written(tmp_path, "coral_edge_tpu", "kl530")))
    assert slower.job.total_ns > device.job.total_ns


def test_the_only_output_is_called_output() -> None:
    small = Accelerator.model_validate(
        {"kind": "accelerator", "profile": "k210", "model": "guests/models/digits_cnn_int8.tflite"},
        context={"folders": (ROOT,)},
    )
    assert list(small.ports()) == ["input", "output"]


def test_a_path_leads_through_it_from_each_of_its_inputs(tmp_path: Path) -> None:
    scenario = load(_written(tmp_path))
    ends = {name: (channel.source, channel.target) for name, channel in scenario.channels.items()}
    path = scenario.paths["through"]
    assert ways(ends, lambda node, service: (), path.source, path.target) == [("right_pictures", "sides_found")]


def test_it_is_written_back_as_it_was(tmp_path: Path) -> None:
    data = load(_written(tmp_path)).to_yaml_data()["devices"]["npu"]
    assert data == {"kind": "accelerator", "profile": "coral_edge_tpu", "model": "guests/models/plates_int8.tflite"}


def test_editors_are_told_the_profiles() -> None:
    assert to_schema()["$defs"]["Accelerator"]["properties"]["profile"]["enum"] == list(accelerators.names())


WRONG = {
    "profile": ("coral_edge_tpu", "coral_edge", "unknown accelerator 'coral_edge'; did you mean 'coral_edge_tpu'?"),
    "file": ("plates_int8.tflite", "plate_int8.tflite", "no file 'guests/models/plate_int8.tflite'"),
    "model": ("guests/models/plates_int8.tflite", "rows.npy", "no .tflite file"),
    "folder": (
        "guests/models/plates_int8.tflite",
        "guests/models",
        "models: Is a directory; name a .tflite file in int8",
    ),
    "shape": ("[1,120,160,1]", "[1,160,120,1]", "plates_int8.tflite takes int8[1,120,160,1]"),
    "output": ("npu.plate", "npu.plates", "unknown output 'plates' of 'npu'; did you mean 'plate'?"),
    "source": ("from: right, to: sides", "from: npu, to: sides", "'npu' is no device that takes samples"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told_once(case: str, tmp_path: Path) -> None:
    old, new, said = WRONG[case]
    with pytest.raises(ScenarioErrors) as caught:
        load(_written(tmp_path, old, new))
    first = caught.value.problems[0]
    assert said in first.message and "\n" not in first.message


def test_another_input_still_has_one_channel_only(tmp_path: Path) -> None:
    with pytest.raises(ScenarioErrors, match="one channel for each input"):
        load(_written(tmp_path, "to: sides,", "to: plates,"))


def test_a_model_that_does_not_fit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = accelerators.load("k210")
    weights = device.memory.weights.model_copy(update={"bytes": 10_000})
    tiny = device.model_copy(update={"memory": device.memory.model_copy(update={"weights": weights})})
    shutil.copy(ROOT / "guests/models/plates_int8.tflite", tmp_path / "mine.tflite")
    assert job(tiny, read_network(tmp_path / "mine.tflite")).obstacles
    monkeypatch.setattr(accelerators, "load", lambda name: tiny)
    with pytest.raises(ScenarioErrors) as caught:
        load(_written(tmp_path, "guests/models/plates_int8.tflite", "mine.tflite"))
    assert [problem.message for problem in caught.value.problems] == [
        "13,932 bytes of weights; k210 has room for 10,000; take a smaller model or another profile"
    ]
