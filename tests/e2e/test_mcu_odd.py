"""Scenarios at the edges of what can be said: most channels, odd tensors, extreme quanta and speeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .microcontrollers import M4, channel, echoing, failures, node, sinks, write
from .simulator import run

LABWIRED = {"machine": "esp32c3", "backend": "labwired"}
SENSOR = {"kind": "recording", "source": "samples.npy", "rate": "200Hz"}
ECHO = """
#include "service.h"

INPUT(tensor, {tensor})
OUTPUT(result, {tensor})

void on_tensors(void) {{ output_send(&result, input_newest(&tensor)->data); }}
"""


@pytest.mark.parametrize("board", [M4, LABWIRED], ids=["qemu", "labwired"])
def test_as_many_channels_as_there_can_be(tmp_path: Path, board: dict[str, str]) -> None:
    names = [f"out_{number}" for number in range(31)]
    channels = {"start": channel("samples", "a.service.tensor")}
    channels |= {name: channel("a.service.result", f"{name}_sink", depth=2) for name in names}
    devices: dict[str, Any] = {"samples": SENSOR, **{f"{name}_sink": {"kind": "sink"} for name in names}}
    done = run(tmp_path / "out", write(tmp_path, {"a": node(board=board)}, channels, devices), "50ms")
    assert (done.code, failures(done)) == (0, {}), done.out + done.err
    assert {done.figures["channels"][name]["delivered"] for name in names} == {10}
    assert len(set(sinks(done).values())) == 1


def test_tensors_of_every_kind(tmp_path: Path) -> None:
    kinds = {"bool": [7], "uint8": [1], "int16": [1, 2, 1, 3, 1, 2], "float16": [3], "uint64": [2], "float64": [3, 5]}
    nodes, channels, devices = {}, {}, {}
    for number, (dtype, dims) in enumerate(kinds.items()):
        source = tmp_path / f"{dtype}.c"
        source.write_text(ECHO.format(tensor=", ".join([dtype, *map(str, dims)])))
        nodes[dtype] = node(source, LABWIRED if number % 2 else M4)
        values = np.arange(1, 20 * np.prod(dims) + 1).reshape(20, *dims)
        np.save(tmp_path / f"{dtype}.npy", (values % 3).astype(dtype))
        tensor = f"{dtype}[{','.join(map(str, dims))}]"
        devices[f"{dtype}_samples"] = {"kind": "recording", "source": f"{dtype}.npy", "rate": "200Hz", "count": 5}
        devices |= {f"{dtype}_sink": {"kind": "sink"}, f"{dtype}_again": {"kind": "sink"}}
        channels[f"{dtype}_in"] = {**channel(f"{dtype}_samples", f"{dtype}.service.tensor"), "tensor": tensor}
        channels[f"{dtype}_direct"] = {**channel(f"{dtype}_samples", f"{dtype}_again"), "tensor": tensor}
        channels[f"{dtype}_out"] = {**channel(f"{dtype}.service.result", f"{dtype}_sink"), "tensor": tensor}
    done = run(tmp_path / "out", write(tmp_path, nodes, channels, devices), "50ms")
    assert (done.code, failures(done)) == (0, {}), done.out + done.err
    taken = sinks(done)
    for dtype in kinds:
        assert done.figures["channels"][f"{dtype}_out"]["delivered"] == 5
        assert taken[f"{dtype}_sink"] == taken[f"{dtype}_again"], f"{dtype} went through unchanged"


@pytest.mark.parametrize(("quantum", "duration"), [("10us", "15ms"), ("100ms", "1s"), ("1ms", "1ms")])
def test_extreme_quanta(tmp_path: Path, quantum: str, duration: str) -> None:
    nodes = {"a": node(), "b": node(board=LABWIRED)}
    done = run(tmp_path / "out", echoing(tmp_path, nodes, quantum=quantum), duration)
    assert (done.code, failures(done)) == (0, {}), done.out + done.err
    for name in nodes:
        figures = done.figures["channels"][name]
        assert figures["delivered"] >= (0 if quantum == duration else 2)
        assert 0 <= done.figures["partitions"][name]["cpu_share"] <= 1


@pytest.mark.parametrize("speed", ["0.9765625 MIPS", "1000 MIPS"])
def test_extreme_speeds(tmp_path: Path, speed: str) -> None:
    nodes = {"a": node(speed=speed), "b": node(board=LABWIRED, speed=speed)}
    done = run(tmp_path / "out", echoing(tmp_path, nodes), "150ms")
    assert (done.code, failures(done)) == (0, {}), done.out + done.err
    for name in nodes:
        assert done.figures["channels"][name]["delivered"] >= 20
        mips, told = done.figures["microcontrollers"][name]["mips"], done.figures["partitions"][name]
        assert told["cpu_share"] == pytest.approx(told["instructions"] / (mips * 150_000), rel=1e-6)
