"""The arena's plan: nothing that is needed at the same time shares memory, and nothing is wasted needlessly."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from guests.mcu.nn import convert
from guests.mcu.nn.arena import ALIGNMENT
from tests.nn import zoo

MODELS = sorted(Path(__file__).parents[2].glob("guests/models/*.tflite"))


@pytest.mark.parametrize("seed", range(5))
def test_blocks_that_live_together_lie_apart(seed: int, tmp_path: Path) -> None:
    report = convert(zoo.mixture(seed, 3).save(tmp_path / "model.tflite")).report
    assert len(report.blocks) > 40
    for one, other in combinations(report.blocks, 2):
        assert not one.overlaps(other) or one.end <= other.offset or other.end <= one.offset
    assert all(block.offset % ALIGNMENT == 0 and block.end <= report.arena_bytes for block in report.blocks)


@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.stem)
def test_shipped_models_need_hardly_more_than_their_widest_layer(model: Path) -> None:
    report = convert(model).report
    widest = max(layer.live_bytes for layer in report.layers)
    assert widest <= report.arena_bytes <= 1.05 * widest + 2 * ALIGNMENT


def test_conversion_is_repeatable() -> None:
    first, second = (convert(MODELS[0]) for _ in range(2))
    assert first.c_source == second.c_source
    assert first.header == second.header
