"""The kernels on the host equal LiteRT's reference kernels byte for byte, and touch nothing that they should not."""

from __future__ import annotations

from pathlib import Path

import pytest

from guests.mcu.nn import convert
from tests.nn import host, reference, zoo

pytest.importorskip("ai_edge_litert")

MODELS = sorted(Path(__file__).parents[2].glob("guests/models/*.tflite"))
NODES, SETS = 40, 3


@pytest.mark.parametrize("family", zoo.FAMILIES)
def test_random_nodes_of_each_family_equal_the_reference(family: str, tmp_path: Path) -> None:
    model = zoo.model(family, 1, NODES).save(tmp_path / "model.tflite")
    inputs, outputs = reference.run(model, 1, SETS)
    found = host.run(host.build(convert(model), tmp_path, host.SANITIZED), inputs)
    assert found == outputs


@pytest.mark.slow
@pytest.mark.parametrize("family", zoo.FAMILIES)
@pytest.mark.parametrize("seed", range(2, 5))
def test_more_random_nodes_equal_the_reference(family: str, seed: int, tmp_path: Path) -> None:
    model = zoo.model(family, seed, 3 * NODES).save(tmp_path / "model.tflite")
    inputs, outputs = reference.run(model, seed, SETS)
    assert host.run(host.build(convert(model), tmp_path, host.PLAIN), inputs) == outputs


@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.stem)
def test_shipped_models_equal_the_reference(model: Path, tmp_path: Path) -> None:
    inputs, outputs = reference.run(model, 1, 2)
    assert host.run(host.build(convert(model), tmp_path, host.PLAIN), inputs) == outputs
