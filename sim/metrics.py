"""Measures of what a run achieved, by kind: what a scenario names under ``metrics`` is made here."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

#: Digits 0..9; index 10 of the confusion matrix stands for "none".
CLASSES = 10

#: Pairs that overlap less are not the same object (the threshold of PASCAL VOC, Everingham et al. 2010, section 4.2).
LEAST_IOU = 0.5

_HASH_BYTES = 16


class Box(Protocol):
    """A known object: corners in pixels (x1, y1 one past the box) and class."""

    @property
    def x0(self) -> float: ...
    @property
    def y0(self) -> float: ...
    @property
    def x1(self) -> float: ...
    @property
    def y1(self) -> float: ...
    @property
    def label(self) -> int: ...


class Metric(Protocol):
    """Collects over a run and says in the end what came out; how it is fed differs from kind to kind."""

    def result(self) -> dict[str, Any]:
        """Return the figures so far, ready for JSON."""


def iou(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the intersection over union of two boxes, 0..1 (Jaccard index; Everingham et al. 2010, equation 3).

    Parameters:
        one: x0, y0, x1, y1; a box with x1 <= x0 or y1 <= y0 is empty and overlaps nothing
        other: likewise
    """
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    union = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1]) - shared
    return min(1.0, float(shared / union))


def match(truth: Sequence[Box], found: Sequence[Sequence[float]], least: float) -> list[tuple[int, int, float]]:
    """Pair truths and detections one to one, greatest overlap first.

    Parameters:
        truth: known objects
        found: detections, (x0, y0, x1, y1, ...)
        least: least intersection over union of a pair

    Returns:
        (index of the truth, index of the detection, intersection over union) of every pair; equal overlaps go to the
        earlier truth, then the earlier detection.
    """
    overlaps = [
        (iou((box.x0, box.y0, box.x1, box.y1), detection), i, j)
        for i, box in enumerate(truth)
        for j, detection in enumerate(found)
    ]
    pairs: list[tuple[int, int, float]] = []
    free_truth, free_found = set(range(len(truth))), set(range(len(found)))
    for overlap, i, j in sorted(overlaps, key=lambda entry: (-entry[0], entry[1], entry[2])):
        if overlap >= least and i in free_truth and j in free_found:
            free_truth.remove(i)
            free_found.remove(j)
            pairs.append((i, j, overlap))
    return pairs


class Quality(NamedTuple):
    """How good one answer is.

    Attributes:
        value: 0..1; of detections the sum of the overlaps of those with the right class, over the number of objects
            and of false detections.
        text: what was right and what was not, without a verb.
    """

    value: float
    text: str


class DetectionMetric:
    """How well detections agree with the known objects of the pictures they were made from.

    Parameters:
        least_iou: least overlap at which a detection counts as having found an object
        least_score: detections with a lower score, and unused rows (score 0), are left out

    Raises:
        ValueError: a limit is not between 0 and 1.
    """

    def __init__(self, least_iou: float = LEAST_IOU, least_score: float = 0.0) -> None:
        if not (0.0 < least_iou <= 1.0 and 0.0 <= least_score <= 1.0):
            raise ValueError(f"least_iou {least_iou} and least_score {least_score} must lie between 0 and 1")
        self._least_iou, self._least_score = least_iou, least_score
        self._confusion = np.zeros((CLASSES + 1, CLASSES + 1), np.int64)
        self._overlap = 0.0
        self._pictures = 0

    def update(self, truth: Sequence[Box], detections: NDArray[np.float32]) -> Quality:
        """Take in the detections of one picture, and return how good they are.

        Parameters:
            truth: known objects of the picture, labels 0..9
            detections: float32[n, 6], rows (x0, y0, x1, y1, class, score); unused rows have score 0

        Raises:
            ValueError: the detections have another shape, or a class is not 0..9.
        """
        if detections.ndim != 2 or detections.shape[1] != 6:
            raise ValueError(f"detections must be [n, 6], not {list(detections.shape)}")
        used = detections[(detections[:, 5] > 0) & (detections[:, 5] >= self._least_score)].tolist()
        named = [self._class(row[4]) for row in used]
        pairs = match(truth, used, self._least_iou)
        for i, j, overlap in pairs:
            self._confusion[truth[i].label, named[j]] += 1
            self._overlap += overlap
        for i in set(range(len(truth))) - {pair[0] for pair in pairs}:
            self._confusion[truth[i].label, CLASSES] += 1
        for j in set(range(len(used))) - {pair[1] for pair in pairs}:
            self._confusion[CLASSES, named[j]] += 1
        self._pictures += 1
        right = [overlap for i, j, overlap in pairs if truth[i].label == named[j]]
        false = len(used) - len(pairs)
        said = f"of {len(truth)} objects {len(pairs)} found, {len(right)} as what they are, {false} false"
        said += f", overlapping by {sum(overlap for _, _, overlap in pairs) / len(pairs):.2f}" if pairs else ""
        return Quality(sum(right) / max(1, len(truth) + false) if truth or false else 1.0, said)

    def result(self) -> dict[str, Any]:
        """Return the figures so far.

        Returns:
            pictures, truths, matched, missed (truths without a detection), false_positives (detections without a
            truth): counts; mean_iou: mean overlap over all truths, a missed one counting 0; matched_iou: mean over
            matched pairs; recall: matched / truths; precision: matched / detections; class_accuracy: share of matched
            pairs with the right digit; confusion: 11 x 11 counts, row the true digit, column the reported one, named
            by labels; per_class: for each digit its truths, matched and correct. A ratio of nothing is None.
        """
        confusion = self._confusion
        pairs = confusion[:CLASSES, :CLASSES]
        matched, truths = int(pairs.sum()), int(confusion[:CLASSES].sum())
        false_positives = int(confusion[CLASSES].sum())
        return {
            "pictures": self._pictures,
            "truths": truths,
            "matched": matched,
            "missed": truths - matched,
            "false_positives": false_positives,
            "mean_iou": _ratio(self._overlap, truths),
            "matched_iou": _ratio(self._overlap, matched),
            "recall": _ratio(matched, truths),
            "precision": _ratio(matched, matched + false_positives),
            "class_accuracy": _ratio(int(np.trace(pairs)), matched),
            "confusion": confusion.tolist(),
            "labels": [*map(str, range(CLASSES)), "none"],
            "per_class": [
                {"truths": int(confusion[k].sum()), "matched": int(pairs[k].sum()), "correct": int(pairs[k, k])}
                for k in range(CLASSES)
            ],
        }

    @staticmethod
    def _class(value: float) -> int:
        if not (0 <= value < CLASSES and value == int(value)):
            raise ValueError(f"class {value} is not one of 0..{CLASSES - 1}")
        return int(value)


class ClassificationMetric:
    """How often the greatest of a row of scores is that of the true class.

    Parameters:
        names: of the classes, in the order of the scores.

    Raises:
        ValueError: there are no classes.
    """

    def __init__(self, names: Sequence[str]) -> None:
        if not names:
            raise ValueError("a classification has at least one class")
        self._names = list(names)
        self._confusion = np.zeros((len(names), len(names)), np.int64)

    def update(self, label: int, scores: NDArray[np.generic]) -> Quality:
        """Take in the scores of one sample, and return how good they are: 1 where the class was found, else 0.

        Parameters:
            label: its true class, counted from 0
            scores: [classes] or [1, classes] of integers or floats; of equal scores the first is taken

        Raises:
            ValueError: the label is not one of the classes, or the scores have another shape or are no numbers.
        """
        classes = len(self._names)
        if not 0 <= label < classes:
            raise ValueError(f"label {label} is not one of 0..{classes - 1}")
        if scores.shape not in ((classes,), (1, classes)) or scores.dtype.kind not in "iuf":
            raise ValueError(f"scores must be [{classes}] or [1, {classes}], not {scores.dtype}{list(scores.shape)}")
        if scores.dtype.kind == "f" and bool(np.isnan(scores).any()):
            raise ValueError("a score is not a number")
        found = int(np.argmax(scores))
        self._confusion[label, found] += 1
        return Quality(float(found == label), f"{self._names[label]} taken for {self._names[found]}")

    def result(self) -> dict[str, Any]:
        """Return the figures so far.

        Returns:
            count: samples; correct: those whose class was found; accuracy: correct / count; mean_recall: mean over
            the classes that came up of the share that was found; confusion: classes x classes counts, row the true
            class, column the one found, named by labels; per_class: for each class its truths, those found, and recall,
            found / truths. A ratio of nothing is None.
        """
        confusion = self._confusion
        truths, found = confusion.sum(axis=1).tolist(), np.diag(confusion).tolist()
        recalls = [_ratio(part, whole) for part, whole in zip(found, truths, strict=True)]
        seen = [recall for recall in recalls if recall is not None]
        return {
            "count": sum(truths),
            "correct": sum(found),
            "accuracy": _ratio(sum(found), sum(truths)),
            "mean_recall": _ratio(sum(seen), len(seen)),
            "confusion": confusion.tolist(),
            "labels": self._names,
            "per_class": [
                {"class": name, "truths": truth, "found": part, "recall": recall}
                for name, truth, part, recall in zip(self._names, truths, found, recalls, strict=True)
            ],
        }


class EqualMetric:
    """Whether several channels carry the same tensors, byte for byte: the first of each, the second of each, and so on.

    Parameters:
        channels: their names; differences are told against the first.

    Raises:
        ValueError: there are not at least two different ones.
    """

    def __init__(self, channels: Sequence[str]) -> None:
        if len(channels) < 2 or len(set(channels)) < len(channels):
            raise ValueError(f"at least two different channels are compared, not {', '.join(channels) or 'none'}")
        self._waiting: dict[str, deque[bytes]] = {name: deque() for name in channels}
        self._compared = 0
        self._differing = 0
        self._first_difference: str | None = None

    def update(self, channel: str, tensor: NDArray[np.generic]) -> None:
        """Take in the next tensor of a channel.

        Parameters:
            channel: one of those that are compared
            tensor: of any dtype and shape
        """
        described = hashlib.blake2b(f"{tensor.dtype}{list(tensor.shape)}".encode(), digest_size=_HASH_BYTES)
        described.update(tensor.tobytes())
        self._waiting[channel].append(described.digest())
        if all(self._waiting.values()):
            self._compare()

    def _compare(self) -> None:
        first, *others = self._waiting
        expected = self._waiting[first].popleft()
        different = [name for name in others if self._waiting[name].popleft() != expected]
        if different and self._first_difference is None:
            self._first_difference = f"tensor {self._compared} of {', '.join(different)} is not that of {first}"
        self._differing += bool(different)
        self._compared += 1

    def result(self) -> dict[str, Any]:
        """Return the figures so far.

        Returns:
            equal: 1 if tensors were compared and none differed, else 0; tensors: how many of each channel were
            compared; differing: how many of these were not the same on all channels; missing: how many tensors the
            channels lack, taken together, to have as many as the one with most; first_difference: the number of the
            first tensor that differs, counted from 0, and whose it is; None if none does.
        """
        ahead = [len(waiting) for waiting in self._waiting.values()]
        return {
            "equal": int(self._compared > 0 and self._differing == 0),
            "tensors": self._compared,
            "differing": self._differing,
            "missing": sum(max(ahead) - each for each in ahead),
            "first_difference": self._first_difference,
        }


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
