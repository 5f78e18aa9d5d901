"""Kinds of metrics: figures that a run computes from channels and what is known to be true.

A new kind is one class here and one line in `Metric`; sim/host/watch.py connects it to its channels.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from sim.scenario.devices.recording import LABELS
from sim.scenario.types import Name, Section

CLASSES = "classes"
"""Name of the array of text in a recording's file that has the names of its classes."""


class DetectionMetric(Section):
    """Compares boxes on a channel with the boxes that a camera's source is known to show."""

    figures: ClassVar[tuple[str, ...]] = (
        "pictures", "truths", "matched", "missed", "false_positives",
        "mean_iou", "matched_iou", "recall", "precision", "class_accuracy",
    )  # fmt: skip
    """Single figures of its result (sim/metrics.py), which expectations can name."""

    kind: Literal["detection"]
    channel: Name = Field(description="Channel that carries float32[n,6] rows of x0, y0, x1, y1, class, score.")
    truth: Name = Field(description="Camera whose `plates` are the truth.")


class ClassificationMetric(Section):
    """Compares the greatest of the scores on a channel with the class of the recorded row that they were made from."""

    figures: ClassVar[tuple[str, ...]] = ("count", "correct", "accuracy", "mean_recall")
    """Single figures of its result (sim/metrics.py), which expectations can name."""

    kind: Literal["classification"]
    channel: Name = Field(description="Channel that carries one score for each class: `[classes]` or `[1,classes]`.")
    truth: Name = Field(description="Recording whose .npz file has the class of each row.")
    labels: str = Field(default=LABELS, description="Name of the array of classes, whole numbers from 0, in that file.")
    names: tuple[str, ...] | None = Field(
        default=None,
        strict=False,
        description="Names of the classes; if left out, `classes` of that file, else numbers.",
    )


class EqualMetric(Section):
    """Compares the bytes of the tensors on several channels: the first of each, the second of each, and so on."""

    figures: ClassVar[tuple[str, ...]] = ("equal", "tensors", "differing", "missing", "first_difference")
    """Single figures of its result (sim/metrics.py), which expectations can name."""

    kind: Literal["equal"]
    channels: tuple[Name, ...] = Field(
        min_length=2, strict=False, description="The channels; differences are told against the first."
    )


Metric = Annotated[
    DetectionMetric  # a line
    | ClassificationMetric  # for each kind
    | EqualMetric,
    Field(discriminator="kind"),
]
"""Any metric; `kind` tells which."""
