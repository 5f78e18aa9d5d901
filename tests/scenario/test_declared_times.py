"""Declared execution times of services: read, written back, and refused where they make no sense."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sim.scenario import ScenarioErrors, load
from sim.scenario.partitions import LinuxPartition, McuPartition

SCENARIO = """
name: declared
time: {duration: 1s}
partitions:
  guest:
    machine: linux-x86_64
    memory: 256M
    speed: 1000 MIPS
    services:
      echo: {run: guests/services/echo.py:echo, time: LINUX}
  node:
    machine: mps2-an386
    services:
      echo: {run: guests/mcu/services/safety_monitor.c, time: 250us}
devices:
  camera: {kind: camera, source: plates, size: 160x120, rate: 10fps}
  log: {kind: sink}
  status: {kind: sink}
  rows: {kind: recording, source: rows.npy, rate: 1Hz}
channels:
  frames: {from: camera, to: guest.echo, tensor: "uint8[120,160,3]"}
  pictures: {from: guest.echo, to: log, tensor: "uint8[120,160,3]"}
  detections: {from: rows, to: node.echo.detections, tensor: "float32[16,6]"}
  nothing: {from: node.echo.status, to: status, tensor: "uint8[8]"}
"""


def _written(folder: Path, time: str) -> Path:
    path = folder / "declared.yaml"
    np.save(folder / "rows.npy", np.zeros((2, 16, 6), np.float32))
    path.write_text(SCENARIO.replace("LINUX", time))
    return path


def test_both_kinds_of_services_have_one(tmp_path: Path) -> None:
    scenario = load(_written(tmp_path, "1.5ms"))
    guest, node = scenario.partitions["guest"], scenario.partitions["node"]
    assert isinstance(guest, LinuxPartition) and isinstance(node, McuPartition)
    assert guest.services["echo"].time_ns == 1_500_000
    assert node.services["echo"].time_ns == 250_000
    data = scenario.to_yaml_data()
    assert data["partitions"]["guest"]["services"]["echo"]["time"] == "1500us"


@pytest.mark.parametrize(("time", "said"), [("0ms", "must be some time"), ("3", "no unit"), ("-1ms", "")])
def test_nonsense_is_refused(tmp_path: Path, time: str, said: str) -> None:
    with pytest.raises(ScenarioErrors) as caught:
        load(_written(tmp_path, time))
    (problem,) = caught.value.problems
    assert said in problem.message and "partitions" not in problem.message
