"""Kinds of metrics: figures that a run computes from a channel and what is known to be true."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from sim.scenario.types import Name, Section


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


Metric = DetectionMetric
"""Any metric; `kind` tells which."""
