"""Watches a channel for a metric: compares what goes through it with what the camera is known to have shown."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from machines.errors import ParticipantFailed
from machines.native.participant import CameraDevice
from sim import metrics
from sim.host.channel import Channel, Published
from sim.host.system import System
from sim.report.record import BoxRecord, PictureRecord
from sim.scenario.model import Scenario

GALLERY = 6
"""Camera frames that a report shows with their boxes."""


class DetectionWatch:
    """Feeds a metric from a channel of detections, and keeps a few for pictures.

    Parameters:
        metric: takes truth and detections.
        camera: knows the truth of each frame.
        channel: carries float32[n, 6] rows of x0, y0, x1, y1, class, score.
        expected_frames: how many frames the camera takes in the run.
    """

    def __init__(self, metric: metrics.Metric, camera: CameraDevice, channel: Channel, expected_frames: int) -> None:
        self.metric = metric
        self._camera = camera
        self._channel = channel
        self._wanted = {expected_frames * (2 * i + 1) // (2 * GALLERY) for i in range(GALLERY)}
        self._kept: dict[int, NDArray[np.float32]] = {}
        channel.observers.append(self._observe)

    def _observe(self, published: Published) -> None:
        """Take in one tensor; the guest says which frame it is about, so that is checked first."""
        frame = published.origin_sequence
        if frame >= self._camera.frames:
            raise self._blame(f"detections of frame {frame}, which the camera has not taken yet")
        detections = published.array.astype(np.float32)
        try:
            self.metric.update(self._camera.camera.truth(frame), detections)
        except ValueError as error:
            raise self._blame(str(error)) from error
        if frame in self._wanted:
            self._kept[frame] = detections

    def _blame(self, what: str) -> ParticipantFailed:
        return ParticipantFailed(self._channel.source.participant, f"sent on channel {self._channel.name}: {what}")

    def pictures(self) -> list[PictureRecord]:
        """Return the kept frames, drawn again, with the boxes that are true and those that were found."""
        return [self._picture(frame, found) for frame, found in sorted(self._kept.items())]

    def _picture(self, frame: int, found: NDArray[np.float32]) -> PictureRecord:
        camera = self._camera.camera
        pixels = np.empty(camera.shape, np.uint8)
        camera.render(frame, pixels)
        if pixels.ndim == 2:
            pixels = np.repeat(pixels[..., None], 3, axis=2)
        truth = camera.truth(frame)
        rows = [row for row in found.tolist() if row[5] > 0]
        matched = {j: (i, overlap) for i, j, overlap in metrics.match(truth, rows, metrics.LEAST_IOU)}
        boxes = [BoxRecord(box.x0, box.y0, box.x1, box.y1, str(box.label), "truth") for box in truth]
        for j, (x0, y0, x1, y1, label, score) in enumerate(rows):
            pair = matched.get(j)
            boxes.append(
                BoxRecord(
                    *(x0, y0, x1, y1, str(int(label)), "detection"),
                    score=score,
                    iou=pair[1] if pair else None,
                    correct=truth[pair[0]].label == int(label) if pair else False,
                )
            )
        return PictureRecord(camera.next_ns(frame), camera.name, frame, pixels, boxes=boxes)

    def result(self) -> dict[str, Any]:
        """Return the figures."""
        return self.metric.result()


def attach(scenario: Scenario, system: System) -> dict[str, DetectionWatch]:
    """Connect every metric of a scenario to its channel.

    Returns:
        The watches by name of the metric.
    """
    watches = {}
    for name, described in scenario.metrics.items():
        camera = system.devices[described.truth]
        assert isinstance(camera, CameraDevice), "the scenario was checked"
        period_ns = Fraction(10**9) / camera.camera.rate
        expected = int(scenario.time.duration_ns / period_ns)
        channel = system.channels[described.channel]
        watches[name] = DetectionWatch(metrics.make(described.kind), camera, channel, expected)
    return watches
