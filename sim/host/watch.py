"""Watches channels for metrics: compares what goes through them with what is known to be true, or with each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from machines.errors import ParticipantFailed
from machines.native.participant import CameraDevice
from machines.native.recording import RecordingDevice
from machines.native.recording_file import load_array
from sim import metrics
from sim.host.channel import Channel, Published
from sim.report.record import BoxRecord, PictureRecord, WorstRecord
from sim.scenario import devices
from sim.scenario.metrics import CLASSES, ClassificationMetric, DetectionMetric, EqualMetric
from sim.scenario.model import Scenario

if TYPE_CHECKING:
    from sim.host.system import System

GALLERY = 6
"""Camera frames that a report shows with their boxes."""


class Watch(Protocol):
    """Feeds a metric during a run."""

    def pictures(self) -> list[PictureRecord]:
        """Return pictures for the report."""

    def result(self) -> dict[str, Any]:
        """Return the figures of the metric."""

    def worst(self) -> WorstRecord | None:
        """Return the answer that was worst; None where all were right, or where the figures tell it."""


class Worst:
    """Keeps the first of the worst answers on a channel.

    Parameters:
        channel: carries them.
        source: the device whose samples they are about.
    """

    def __init__(self, channel: Channel, source: str) -> None:
        self._channel = channel
        self._source = source
        self._value = 1.0
        self._heard = False
        self._record: WorstRecord | None = None

    def note(self, published: Published, quality: metrics.Quality) -> None:
        """Take in one answer."""
        self._heard = True
        if quality.value < self._value:
            self._value = quality.value
            said = f"worst: sample {published.origin_sequence} of {self._source}: {quality.text}"
            self._record = WorstRecord(said, self._channel.name, published.sequence, published.produced_ns)

    def record(self) -> WorstRecord | None:
        """Return what was worst; that there was nothing at all is worst of all."""
        name = self._channel.name
        return self._record if self._heard else WorstRecord(f"nothing ever came through channel {name}", name)


class DetectionWatch:
    """Feeds a metric from a channel of detections, and keeps a few for pictures.

    Parameters:
        metric: takes truth and detections.
        camera: knows the truth of each frame.
        channel: carries float32[n, 6] rows of x0, y0, x1, y1, class, score.
        expected_frames: how many frames the camera takes in the run.
    """

    def __init__(
        self, metric: metrics.DetectionMetric, camera: CameraDevice, channel: Channel, expected_frames: int
    ) -> None:
        self.metric = metric
        self._camera = camera
        self._channel = channel
        self._wanted = {expected_frames * (2 * i + 1) // (2 * GALLERY) for i in range(GALLERY)}
        self._kept: dict[int, NDArray[np.float32]] = {}
        self._worst = Worst(channel, camera.camera.name)
        channel.observers.append(self._observe)

    def _observe(self, published: Published) -> None:
        """Take in one tensor; the guest says which frame it is about, so that is checked first."""
        frame = published.origin_sequence
        if frame >= self._camera.frames:
            raise _blame(self._channel, f"detections of frame {frame}, which the camera has not taken yet")
        detections = published.array.astype(np.float32)
        try:
            self._worst.note(published, self.metric.update(self._camera.camera.truth(frame), detections))
        except ValueError as error:
            raise _blame(self._channel, str(error)) from error
        if frame in self._wanted:
            self._kept[frame] = detections

    def pictures(self) -> list[PictureRecord]:
        """Return the kept frames, drawn again, with the boxes that are true and those that were found."""
        return [self._picture(frame, found) for frame, found in sorted(self._kept.items())]

    def _picture(self, frame: int, found: NDArray[np.float32]) -> PictureRecord:
        camera = self._camera.camera
        pixels = np.empty(camera.shape, np.uint8)
        camera.render(frame, pixels)
        if pixels.ndim == 2:
            luma = pixels[: camera.size[1]]  # below it, nv12 has chroma
            pixels = np.repeat(luma[..., None], 3, axis=2)
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

    def worst(self) -> WorstRecord | None:
        """Return the picture that was understood worst."""
        return self._worst.record()


class ClassificationWatch:
    """Feeds a metric from a channel of scores.

    Parameters:
        metric: takes the true class and the scores.
        recording: what the scores are made from: they carry the number of one of its samples.
        labels: the class of each row of the recording.
        channel: carries the scores.
    """

    def __init__(
        self,
        metric: metrics.ClassificationMetric,
        recording: RecordingDevice,
        labels: Sequence[int],
        channel: Channel,
    ) -> None:
        self.metric = metric
        self._recording = recording
        self._labels = labels
        self._channel = channel
        self._worst = Worst(channel, recording.name)
        channel.observers.append(self._observe)

    def _observe(self, published: Published) -> None:
        """Take in one tensor; the guest says which sample it is about, so that is checked first."""
        sample = published.origin_sequence
        if sample >= self._recording.samples:
            raise _blame(self._channel, f"scores of sample {sample}, which was not sent yet")
        try:
            self._worst.note(published, self.metric.update(self._labels[self._recording.row(sample)], published.array))
        except ValueError as error:
            raise _blame(self._channel, str(error)) from error

    def pictures(self) -> list[PictureRecord]:
        """Return none."""
        return []

    def result(self) -> dict[str, Any]:
        """Return the figures."""
        return self.metric.result()

    def worst(self) -> WorstRecord | None:
        """Return the first sample of which another class was found."""
        return self._worst.record()


class EqualWatch:
    """Feeds a metric from the channels that it compares.

    Parameters:
        metric: takes their tensors.
        channels: by name.
    """

    def __init__(self, metric: metrics.EqualMetric, channels: Mapping[str, Channel]) -> None:
        self.metric = metric
        for name, channel in channels.items():
            channel.observers.append(partial(self._observe, name))

    def _observe(self, name: str, published: Published) -> None:
        self.metric.update(name, published.array)

    def pictures(self) -> list[PictureRecord]:
        """Return none."""
        return []

    def result(self) -> dict[str, Any]:
        """Return the figures."""
        return self.metric.result()

    def worst(self) -> WorstRecord | None:
        """Return None: the figures name the first difference."""
        return None


def _blame(channel: Channel, what: str) -> ParticipantFailed:
    return ParticipantFailed(channel.source.participant, f"sent on channel {channel.name}: {what}")


def _detection(scenario: Scenario, system: System, described: DetectionMetric) -> Watch:
    camera = system.devices[described.truth]
    assert isinstance(camera, CameraDevice), "the scenario was checked"
    period_ns = Fraction(10**9) / camera.camera.rate
    expected = int(scenario.time.duration_ns / period_ns)
    return DetectionWatch(metrics.DetectionMetric(), camera, system.channels[described.channel], expected)


def _classification(scenario: Scenario, system: System, described: ClassificationMetric) -> Watch:
    recording, source = system.devices[described.truth], scenario.devices[described.truth]
    assert isinstance(recording, RecordingDevice) and isinstance(source, devices.Recording), "the scenario was checked"
    classes = scenario.channels[described.channel].tensor.shape[-1]
    try:
        labels = load_array(source.source.path, described.labels).tolist()
        names = described.names or _class_names(source, classes)
    except (OSError, KeyError, ValueError) as error:
        raise ParticipantFailed(described.truth, " ".join(str(error).split())) from error
    for row, label in enumerate(labels):
        if not 0 <= label < classes:
            message = f"'{described.labels}' of row {row} is {label}, not one of the classes 0..{classes - 1}"
            raise ParticipantFailed(described.truth, f"{message} of channel {described.channel}")
    metric = metrics.ClassificationMetric(names)
    return ClassificationWatch(metric, recording, labels, system.channels[described.channel])


def _class_names(source: devices.Recording, classes: int) -> Sequence[str]:
    """Return the names of classes that a recording's file has, else their numbers."""
    header = source.headers.get(CLASSES)
    if header is None or not header.dtype.startswith("<U") or header.shape != (classes,):
        return [str(number) for number in range(classes)]
    names: Sequence[str] = load_array(source.source.path, CLASSES).tolist()
    return names


def _equal(scenario: Scenario, system: System, described: EqualMetric) -> Watch:
    channels = {name: system.channels[name] for name in described.channels}
    return EqualWatch(metrics.EqualMetric(described.channels), channels)


_WATCHES: dict[str, Callable[[Scenario, System, Any], Watch]] = {
    "detection": _detection,
    "classification": _classification,
    "equal": _equal,
}


def attach(scenario: Scenario, system: System) -> dict[str, Watch]:
    """Connect every metric of a scenario to its channels.

    Returns:
        The watches by name of the metric.

    Raises:
        ParticipantFailed: what is known to be true cannot be read, or makes no sense.
    """
    return {name: _WATCHES[each.kind](scenario, system, each) for name, each in scenario.metrics.items()}
