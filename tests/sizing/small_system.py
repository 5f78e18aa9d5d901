"""A scenario that declares all its times, so that it is sized in a moment: sensor, two guests, display."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SERVICES = """
from guests.service import Tensor

def detect(frame: Tensor["uint8", 8]) -> Tensor["float32", 4]: ...
def draw(boxes: Tensor["float32", 4]) -> Tensor["uint8", 8]: ...
"""

TEXT = """# how a display is fed
name: small
time: {quantum: 1ms, duration: 1s}
host: {cores: 1, scheduler: {policy: arinc653, major_frame: 20ms, windows: [
  {partition: front, offset: 0ms, length: 10ms}, {partition: back, offset: 10ms, length: 10ms}]}}
partitions:
  front:
    machine: linux-x86_64
    memory: 256M
    speed: 1000 MIPS
    services: {detect: {run: "services.py:detect", time: DETECT}}
  back:
    machine: linux-x86_64
    memory: 256M
    speed: 1000 MIPS
    services: {draw: {run: "services.py:draw", time: 1ms}}
devices:
  rows: {kind: recording, source: rows.npy, rate: 200Hz}
  out: {kind: sink}
channels:
  frames: {from: rows, to: front.detect, tensor: "uint8[8]", depth: 16, overflow: drop_oldest}  # new ones count
  boxes: {from: front.detect, to: back.draw, tensor: "float32[4]"}
  picture:
    from: back.draw
    to: out
    tensor: "uint8[8]"
"""


def write(folder: Path, detect: str = "2ms", cells: int = 8) -> Path:
    """Write the scenario and its files, and return its path.

    Parameters:
        folder: for the files.
        detect: execution time of the first service.
        cells: bytes of a sample and of a picture.
    """
    (folder / "services.py").write_text(SERVICES.replace('"uint8", 8', f'"uint8", {cells}'))
    np.save(folder / "rows.npy", np.zeros((4000, cells), np.uint8))
    file = folder / "small.yaml"
    file.write_text(TEXT.replace("DETECT", detect).replace("uint8[8]", f"uint8[{cells}]"))
    return file
