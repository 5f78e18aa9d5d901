"""The metric of equal channels: every byte, dtype and shape counts, and who comes first does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.metrics import EqualMetric

tensors = st.lists(st.integers(0, 2).map(lambda value: np.full(3, value, np.int8)), max_size=6)


def figures(metric: EqualMetric) -> tuple[int, int, int, int]:
    result = metric.result()
    return result["equal"], result["tensors"], result["differing"], result["missing"]


@given(channels=st.lists(tensors, min_size=2, max_size=4), order=st.randoms(use_true_random=False))
def test_it_is_a_comparison_by_number_whatever_comes_first(channels: list[list[np.ndarray]], order: object) -> None:
    metric = EqualMetric([f"c{index}" for index in range(len(channels))])
    arrivals = [index for index, sent in enumerate(channels) for _ in sent]
    order.shuffle(arrivals)  # type: ignore[attr-defined]
    left = [iter(sent) for sent in channels]
    for index in arrivals:
        metric.update(f"c{index}", next(left[index]))
    columns = list(zip(*channels, strict=False))
    differing = [number for number, column in enumerate(columns) if len({each.tobytes() for each in column}) > 1]
    most = max(map(len, channels))
    missing = sum(most - len(sent) for sent in channels)
    assert figures(metric) == (int(bool(columns) and not differing), len(columns), len(differing), missing)
    told = metric.result()["first_difference"]
    assert (told is None) == (not differing)
    if differing:
        assert told.startswith(f"tensor {differing[0]} of c") and told.endswith(" is not that of c0")


def test_the_first_difference_names_who_differs() -> None:
    metric = EqualMetric(["m4", "m7", "rv32", "esp32"])
    for value in (1, 2):
        for name in ("m4", "m7", "rv32", "esp32"):
            metric.update(name, np.array([value * (name in ("m4", "rv32") or value == 1)], np.int8))
    assert metric.result()["first_difference"] == "tensor 1 of m7, esp32 is not that of m4"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.zeros(4, np.int8), np.zeros(4, np.uint8)),
        (np.zeros(4, np.int8), np.zeros((2, 2), np.int8)),
        (np.zeros(4, np.int8), np.zeros(2, np.int16)),
        (np.array([0.0]), np.array([-0.0])),
    ],
    ids=["dtype", "shape", "width", "sign of zero"],
)
def test_equal_values_are_not_equal_tensors(one: np.ndarray, other: np.ndarray) -> None:
    metric = EqualMetric(["a", "b"])
    metric.update("a", one)
    metric.update("b", other)
    assert figures(metric) == (0, 1, 1, 0)


def test_the_same_not_a_number_is_equal() -> None:
    metric = EqualMetric(["a", "b"])
    for name in ("a", "b"):
        metric.update(name, np.array([np.nan], np.float32))
    assert figures(metric) == (1, 1, 0, 0)


def test_a_tensor_is_remembered_as_it_was() -> None:
    """The memory of a tensor belongs to a ring, which uses it again."""
    metric, slot = EqualMetric(["a", "b"]), np.zeros(4, np.int8)
    metric.update("a", slot)
    slot[:] = 1
    metric.update("b", np.zeros(4, np.int8))
    assert figures(metric) == (1, 1, 0, 0)


@pytest.mark.parametrize("channels", [[], ["a"], ["a", "a"]])
def test_one_channel_is_no_comparison(channels: list[str]) -> None:
    with pytest.raises(ValueError, match="at least two different channels"):
        EqualMetric(channels)
