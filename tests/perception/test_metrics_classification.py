"""The classification metric: what counts as found, and figures that add up."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.metrics import ClassificationMetric

NAMES = ["standing", "running", "walking", "badminton"]


def test_by_hand() -> None:
    metric = ClassificationMetric(NAMES)
    for label, scores in (
        (0, np.array([9, 1, 2, 3], np.int8)),
        (0, np.array([[-9, -1, -2, -3]], np.int8)),
        (1, np.array([0.1, 0.7, 0.1, 0.1], np.float32)),
        (3, np.array([[5, 0, 0, 5]], np.uint8)),  # of equal scores the first is taken
    ):
        metric.update(label, scores)
    result = json.loads(json.dumps(metric.result()))
    assert (result["count"], result["correct"], result["accuracy"]) == (4, 2, 0.5)
    assert result["mean_recall"] == pytest.approx((0.5 + 1.0 + 0.0) / 3)  # nobody walked
    assert result["confusion"] == [[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
    assert result["labels"] == NAMES
    assert result["per_class"][0] == {"class": "standing", "truths": 2, "found": 1, "recall": 0.5}
    assert result["per_class"][2] == {"class": "walking", "truths": 0, "found": 0, "recall": None}


def test_nothing_seen_gives_no_ratio() -> None:
    result = ClassificationMetric(NAMES).result()
    assert (result["count"], result["accuracy"], result["mean_recall"]) == (0, None, None)


@given(st.lists(st.tuples(st.integers(0, 3), st.lists(st.integers(-128, 127), min_size=4, max_size=4)), max_size=30))
def test_figures_add_up(samples: list[tuple[int, list[int]]]) -> None:
    metric = ClassificationMetric(NAMES)
    for label, scores in samples:
        metric.update(label, np.array(scores, np.int8))
    result = metric.result()
    assert result["count"] == len(samples) == sum(map(sum, result["confusion"]))
    assert result["correct"] == sum(scores.index(max(scores)) == label for label, scores in samples)
    assert sum(each["truths"] for each in result["per_class"]) == len(samples)
    assert sum(each["found"] for each in result["per_class"]) == result["correct"]


@pytest.mark.parametrize(
    "scores",
    [
        np.zeros(3, np.float32),
        np.zeros((2, 4), np.int8),
        np.zeros((4, 1), np.int8),
        np.zeros((), np.int8),
        np.zeros(4, bool),
        np.array([0, np.nan, 0, 1], np.float32),
    ],
    ids=["few", "two rows", "column", "scalar", "bool", "nan"],
)
def test_what_are_no_scores_is_refused(scores: np.ndarray) -> None:
    metric = ClassificationMetric(NAMES)
    with pytest.raises(ValueError, match="score"):
        metric.update(0, scores)
    assert metric.result()["count"] == 0


def test_infinite_scores_are_scores() -> None:
    metric = ClassificationMetric(NAMES)
    metric.update(2, np.array([-np.inf, 0, np.inf, 1], np.float32))
    assert metric.result()["correct"] == 1


def test_labels_are_classes() -> None:
    for label in (-1, 4):
        with pytest.raises(ValueError, match=f"label {label} is not one of 0..3"):
            ClassificationMetric(NAMES).update(label, np.zeros(4))
    with pytest.raises(ValueError, match="at least one class"):
        ClassificationMetric([])
