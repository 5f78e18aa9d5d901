"""The detection metric: intersection over union, pairing, and what the figures count."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from machines.native.source import Truth
from sim import metrics
from sim.metrics import ClassificationMetric, DetectionMetric, EqualMetric, iou, match
from sim.scenario import metrics as described

corner = st.integers(-50, 50)
box = st.tuples(corner, corner, corner, corner)
real_box = st.tuples(corner, corner, st.integers(1, 60), st.integers(1, 60)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)


def detections(*rows: tuple[float, ...]) -> np.ndarray:
    tensor = np.zeros((16, 6), np.float32)
    for index, row in enumerate(rows):
        tensor[index] = row
    return tensor


@given(one=box, other=box)
def test_iou_is_symmetric_and_between_zero_and_one(one: tuple, other: tuple) -> None:
    assert iou(one, other) == iou(other, one)
    assert 0.0 <= iou(one, other) <= 1.0


@given(one=real_box, dx=st.integers(-30, 30), dy=st.integers(-30, 30), other=real_box)
def test_iou_does_not_depend_on_where_the_picture_begins(one: tuple, dx: int, dy: int, other: tuple) -> None:
    moved = [(b[0] + dx, b[1] + dy, b[2] + dx, b[3] + dy) for b in (one, other)]
    assert iou(*moved) == iou(one, other)


@given(one=real_box, other=real_box)
def test_iou_counts_pixels(one: tuple, other: tuple) -> None:
    def pixels(b: tuple) -> set[tuple[int, int]]:
        return {(x, y) for x in range(b[0], b[2]) for y in range(b[1], b[3])}

    shared, union = pixels(one) & pixels(other), pixels(one) | pixels(other)
    assert iou(one, other) == pytest.approx(len(shared) / len(union))


@given(one=real_box)
def test_iou_with_itself_is_one(one: tuple) -> None:
    assert iou(one, one) == 1.0


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0, 0, 10, 10), (5, 0, 15, 10), 50 / 150),
        ((0, 0, 10, 10), (0, 0, 5, 5), 25 / 100),
        ((0, 0, 10, 10), (10, 0, 20, 10), 0.0),  # they touch
        ((0, 0, 10, 10), (20, 20, 30, 30), 0.0),
        ((0, 0, 4, 2), (2, 1, 6, 3), 2 / 14),
        ((5, 5, 5, 9), (0, 0, 10, 10), 0.0),  # empty
        ((10, 10, 0, 0), (0, 0, 10, 10), 0.0),  # inside out
    ],
)
def test_iou_by_hand(one: tuple, other: tuple, expected: float) -> None:
    assert iou(one, other) == pytest.approx(expected)


def test_the_greatest_overlap_is_paired_first_and_everything_once() -> None:
    truth = [Truth(0, 0, 10, 10, 1), Truth(4, 0, 14, 10, 2)]
    found = [(3, 0, 13, 10), (0, 0, 9, 10)]
    assert [(i, j) for i, j, _ in match(truth, found, 0.3)] == [(0, 1), (1, 0)]
    assert match(truth, found, 0.95) == []
    assert match([], found, 0.1) == match(truth, [], 0.1) == []


def test_a_missed_truth_counts_as_no_overlap() -> None:
    metric = DetectionMetric()
    truth = [Truth(0, 0, 10, 10, 3), Truth(100, 100, 120, 120, 4)]
    metric.update(truth, detections((0, 0, 10, 8, 3, 0.9), (300, 300, 310, 310, 7, 0.6)))
    result = metric.result()
    assert result["truths"] == 2
    assert result["matched"] == result["missed"] == result["false_positives"] == 1
    assert result["mean_iou"] == pytest.approx(0.4)
    assert result["matched_iou"] == pytest.approx(0.8)
    assert result["recall"] == result["precision"] == 0.5
    assert result["class_accuracy"] == 1.0
    confusion = np.array(result["confusion"])
    assert confusion.shape == (11, 11)
    assert (confusion[3, 3], confusion[4, 10], confusion[10, 7], confusion.sum()) == (1, 1, 1, 3)
    assert result["per_class"][4] == {"truths": 1, "matched": 0, "correct": 0}


def test_a_wrong_digit_is_matched_but_not_accurate() -> None:
    metric = DetectionMetric()
    metric.update([Truth(0, 0, 10, 10, 3)], detections((0, 0, 10, 10, 8, 0.9)))
    metric.update([Truth(0, 0, 10, 10, 3)], detections((0, 0, 10, 10, 3, 0.9)))
    result = metric.result()
    assert result["pictures"] == 2
    assert result["mean_iou"] == 1.0
    assert result["class_accuracy"] == 0.5
    assert result["confusion"][3][8] == 1
    assert result["per_class"][3] == {"truths": 2, "matched": 2, "correct": 1}


def test_a_box_too_far_off_is_both_missed_and_false() -> None:
    metric = DetectionMetric()
    metric.update([Truth(0, 0, 10, 10, 3)], detections((6, 0, 16, 10, 3, 0.9)))
    assert metric.result()["mean_iou"] == 0.0
    assert metric.result()["missed"] == metric.result()["false_positives"] == 1


def test_unused_rows_and_low_scores_are_left_out() -> None:
    metric = DetectionMetric(least_score=0.5)
    metric.update([], detections((0, 0, 10, 10, 3, 0.4), (0, 0, 10, 10, 3, 0.0)))
    assert metric.result()["false_positives"] == 0


def test_nothing_seen_gives_no_ratio_and_is_json() -> None:
    result = json.loads(json.dumps(DetectionMetric().result()))
    assert result["mean_iou"] is None
    assert result["class_accuracy"] is None


@given(
    st.lists(st.tuples(real_box, st.integers(0, 9)), max_size=5),
    st.lists(st.tuples(real_box, st.integers(0, 9)), max_size=5),
)
def test_counts_always_add_up(truths: list, found: list) -> None:
    metric = DetectionMetric()
    metric.update([Truth(*b, label) for b, label in truths], detections(*((*b, label, 0.7) for b, label in found)))
    result = metric.result()
    assert result["truths"] == len(truths) == sum(entry["truths"] for entry in result["per_class"])
    assert result["matched"] + result["false_positives"] == len(found)
    assert result["matched"] + result["missed"] == len(truths)
    if truths and result["matched"]:
        assert result["mean_iou"] <= result["matched_iou"]


def test_hostile_tensors_are_refused() -> None:
    with pytest.raises(ValueError, match=r"must be \[n, 6\]"):
        DetectionMetric().update([], np.zeros((16, 5), np.float32))
    for value in (10, -1, 2.5, np.nan):
        with pytest.raises(ValueError, match=r"is not one of 0\.\.9"):
            DetectionMetric().update([], detections((0, 0, 1, 1, value, 0.5)))


def test_limits_must_be_shares() -> None:
    for limits in ({"least_iou": 0.0}, {"least_iou": 1.1}, {"least_score": -0.1}):
        with pytest.raises(ValueError, match="between 0 and 1"):
            DetectionMetric(**limits)


@pytest.mark.parametrize(
    ("kind", "metric"),
    [
        (described.DetectionMetric, DetectionMetric()),
        (described.ClassificationMetric, ClassificationMetric(["a", "b"])),
        (described.EqualMetric, EqualMetric(["a", "b"])),
    ],
)
def test_expectations_can_name_every_single_figure(kind: type, metric: metrics.Metric) -> None:
    single = {name for name, value in metric.result().items() if not isinstance(value, (list, dict))}
    assert single == set(kind.figures)
