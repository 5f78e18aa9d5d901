"""The kernels on every core equal LiteRT's reference kernels byte for byte: plain C, the Arm DSP path, Helium."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from guests.mcu.nn import convert
from machines.mcu.cores import CORES
from tests.nn import reference, zoo
from tests.nn.bare import BENCHES

pytest.importorskip("ai_edge_litert")

ROUNDS, SETS = 6, 2


@pytest.mark.parametrize("name", BENCHES)
def test_random_nodes_of_all_families_equal_the_reference(name: str, tmp_path: Path) -> None:
    bench = BENCHES[name]
    if not shutil.which(f"{CORES[bench.core].toolchain}gcc"):
        pytest.skip(f"no compiler for {bench.core}: install {CORES[bench.core].package}")
    if not shutil.which(bench.qemu[0]):
        pytest.skip(f"{bench.qemu[0]} is not installed")
    model = zoo.mixture(7, ROUNDS).save(tmp_path / "model.tflite")
    inputs, outputs = reference.run(model, 7, SETS)
    elf = bench.program(convert(model), inputs, outputs, SETS, tmp_path)
    assert bench.run(elf) == 0


def test_a_single_wrong_byte_is_noticed(tmp_path: Path) -> None:
    bench = BENCHES["M4"]
    if not shutil.which(f"{CORES[bench.core].toolchain}gcc") or not shutil.which(bench.qemu[0]):
        pytest.skip("needs gcc-arm-none-eabi and qemu-system-arm")
    model = zoo.model("relu", 1, 1).save(tmp_path / "model.tflite")
    inputs, outputs = reference.run(model, 1, 1)
    wrong = outputs[:-1] + bytes([outputs[-1] ^ 1])
    assert bench.run(bench.program(convert(model), inputs, wrong, 1, tmp_path)) == 3
