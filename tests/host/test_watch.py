"""Metrics that are fed by guests: what a guest claims is checked before anything is drawn or counted."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from machines.errors import ParticipantFailed
from machines.memory import SharedRegion
from machines.native.camera import Camera
from machines.native.participant import CameraDevice
from sim import metrics
from sim.host.channel import Channel, End, Published
from sim.host.watch import GALLERY, DetectionWatch
from sim.report.pictures import png
from virtio_shm import Layout, TensorSpec

from .participants import MS, record

WIDTH, HEIGHT, FRAMES = 160, 120, 30


class Watched:
    """A watch between a camera that has taken some frames and a channel of detections."""

    def __init__(self) -> None:
        layout = Layout.for_tensor(TensorSpec("float32", (16, 6)), 4)
        camera = Camera("camera", "plates", (WIDTH, HEIGHT), 30)
        self.camera = CameraDevice(camera, TensorSpec("uint8", camera.shape))
        region = SharedRegion("watched", layout.mapping_bytes)
        region.close()
        self.channel = Channel("detections", region, layout, End("detector", 1), End("cockpit", 1), record())
        self.watch = DetectionWatch(metrics.DetectionMetric(), self.camera, self.channel, FRAMES)

    def publish(self, frame: int, rows: NDArray[np.generic]) -> None:
        """Hand the watch a tensor as the channel does."""
        for observer in self.channel.observers:
            observer(Published(0, 1 * MS, frame, 1 * MS, rows))


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    monkeypatch.setattr(CameraDevice, "frames", property(lambda self: FRAMES))
    return Watched()


def rows(*used: tuple[float, ...]) -> NDArray[np.float32]:
    out = np.zeros((16, 6), np.float32)
    for number, row in enumerate(used):
        out[number] = row
    return out


def truths(watched: Watched, frame: int) -> list[tuple[float, ...]]:
    return [(box.x0, box.y0, box.x1, box.y1, box.label, 0.9) for box in watched.camera.camera.truth(frame)]


def test_what_was_shown_and_found_is_counted(watched: Watched) -> None:
    expected = 0
    for frame in range(FRAMES):
        found = truths(watched, frame)
        expected += len(found)
        watched.publish(frame, rows(*found))
    result = watched.watch.result()
    assert expected > 0
    assert (result["pictures"], result["truths"], result["matched"]) == (FRAMES, expected, expected)
    assert result["mean_iou"] == result["class_accuracy"] == 1.0


def test_the_picture_that_was_understood_worst_is_named(watched: Watched) -> None:
    nothing = watched.watch.worst()
    assert nothing is not None and nothing.text == "nothing ever came through channel detections"
    shown = [frame for frame in range(FRAMES) if truths(watched, frame)]
    for frame in shown[:3]:
        watched.publish(frame, rows(*truths(watched, frame)))
    assert watched.watch.worst() is None, "all was right"
    x0, y0, x1, y1, label, score = truths(watched, shown[3])[0]
    watched.publish(shown[3], rows((x0, y0, x1, y1, (label + 1) % 10, score), (0, 0, 1, 1, 3, 0.5)))
    watched.publish(shown[4], rows(*truths(watched, shown[4])))
    worst = watched.watch.worst()
    assert worst is not None and (worst.channel, worst.sequence, worst.produced_ns) == ("detections", 0, 1 * MS)
    count = len(truths(watched, shown[3]))
    assert worst.text == (
        f"worst: sample {shown[3]} of camera: of {count} objects 1 found, 0 as what they are, 1 false, "
        "overlapping by 1.00"
    )


def test_a_few_frames_are_kept_for_the_report(watched: Watched) -> None:
    for frame in range(FRAMES):
        watched.publish(frame, rows(*truths(watched, frame)))
    pictures = watched.watch.pictures()
    assert len(pictures) == GALLERY
    picture = max(pictures, key=lambda each: len(each.boxes))
    assert picture.pixels is not None and picture.pixels.shape == (HEIGHT, WIDTH, 3)
    assert {box.kind for box in picture.boxes} == {"truth", "detection"}
    assert all(box.correct and box.iou == 1.0 for box in picture.boxes if box.kind == "detection")


@pytest.mark.parametrize("frame", [FRAMES, FRAMES + 1, 2**31, 2**63, 2**64 - 1])
def test_a_frame_that_was_not_taken_is_the_guests_claim(watched: Watched, frame: int) -> None:
    with pytest.raises(ParticipantFailed, match=f"frame {frame}, which the camera has not taken yet") as caught:
        watched.publish(frame, rows())
    assert caught.value.participant == "detector"
    assert watched.watch.result()["pictures"] == 0


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(96, np.float32),
        np.zeros((16, 5), np.float32),
        np.zeros((2, 2, 2), np.uint8),
        np.zeros((), np.float64),
        np.full((16, 6), 11, np.float32),
        np.full((16, 6), -1, np.float32) + np.eye(16, 6, 5, dtype=np.float32) * 2,
    ],
    ids=["flat", "narrow", "cube", "scalar", "class 11", "class -1"],
)
def test_what_are_no_detections_is_the_guests_fault(watched: Watched, array: NDArray[np.generic]) -> None:
    with pytest.raises(ParticipantFailed, match="detector: sent on channel detections"):
        watched.publish(0, array)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e38, -1e38])
def test_boxes_from_nowhere_harm_neither_figures_nor_pictures(watched: Watched, value: float) -> None:
    frame = FRAMES // (2 * GALLERY)
    corners = [(value, value, value, value), (0, 0, value, 5), (-5, 5, 9, value)]
    watched.publish(frame, rows(*((*box, 3, 0.9) for box in corners)))
    result = watched.watch.result()
    assert result["false_positives"] <= 3
    assert result["mean_iou"] is None or 0 <= result["mean_iou"] <= 1
    for picture in watched.watch.pictures():
        assert png(picture)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 9.5, 1e30])
def test_a_class_from_nowhere_is_the_guests_fault(watched: Watched, value: float) -> None:
    with pytest.raises(ParticipantFailed, match="class"):
        watched.publish(0, rows((0, 0, 5, 5, value, 0.9)))
