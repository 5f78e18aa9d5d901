"""A seeded record of an IVI camera run, as the executive would have filled it, without running anything.

A camera feeds a detector in one partition; its detections and a thumbnail go to a head unit in a second partition,
which draws a picture for a display. Busy scenes take longer, so queues build up, and now and then a frame is revoked.
"""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from machines.native.camera import Camera
from machines.native.source import Truth
from sim.report.record import (
    BoxRecord,
    ChannelRecord,
    DeviceRecord,
    DoorbellRecord,
    EndCounters,
    ExpectationRecord,
    LogLine,
    MessageRecord,
    PartitionRecord,
    PictureRecord,
    RunRecord,
    Span,
    occupancy_steps,
)

MS = 1_000_000
HOSTILE = "</script><script>alert('x')</script><img src=http://evil.test/x onerror=alert(1)>\x00\x1b[31m\u202e]]>"


class Pipeline:
    """The flow of frames through both partitions, one frame after the other, on a grid of boundaries."""

    def __init__(self, seed: int, frames: int, quantum_ns: int) -> None:
        self.random = Random(seed)
        self.quantum_ns = quantum_ns
        self.frames = frames
        self.channels = channels()
        self.perception: list[Span] = []
        self.cockpit: list[Span] = []
        self.doorbells: list[DoorbellRecord] = []

    def boundary(self, t_ns: int) -> int:
        """Return the first boundary not before `t_ns`."""
        return -(-t_ns // self.quantum_ns) * self.quantum_ns

    def run(self) -> None:
        """Send every frame through the pipeline."""
        origins = [self.boundary(sequence * 1_000_000_000 // 30) for sequence in range(self.frames)]
        free_ns = head_free_ns = 0
        for sequence, origin_ns in enumerate(origins):
            frame = self.publish("frames", sequence, origin_ns, origin_ns, sequence, 640 * 480 * 3)
            if sequence + 3 < self.frames and free_ns > origins[sequence + 3]:
                frame.dropped, frame.returned_ns = True, origins[sequence + 3]
                continue
            start_ns = max(self.boundary(origin_ns) + 61_408, free_ns)
            free_ns = start_ns + self.detector_ns(sequence)
            frame.taken_ns, frame.returned_ns = start_ns, free_ns
            self.perception.append(Span("detector", start_ns, free_ns, sequence))
            preview = self.publish("preview", len(self.perception) - 1, free_ns - 310_000, origin_ns, sequence, 57_600)
            found = self.publish("detections", len(self.perception) - 1, free_ns - 40_000, origin_ns, sequence, 384)
            begin_ns = max(self.boundary(free_ns) + 48_112, head_free_ns)
            head_free_ns = begin_ns + 3_900_000 + self.random.randrange(900_000)
            for message in (preview, found):
                message.taken_ns, message.returned_ns = begin_ns, head_free_ns
            self.cockpit.append(Span("head_unit", begin_ns, head_free_ns, sequence))
            picture = self.publish("picture", len(self.cockpit) - 1, head_free_ns, origin_ns, sequence, 288_000)
            picture.taken_ns = picture.returned_ns = self.boundary(head_free_ns)

    def detector_ns(self, sequence: int) -> int:
        """Return how long the detector works on a frame: longer in two busy scenes."""
        busy = 34 * MS if 110 <= sequence < 125 or 210 <= sequence < 216 else 0
        return 9_200_000 + self.random.randrange(2_600_000) + (self.random.randrange(busy) + busy // 2 if busy else 0)

    def publish(
        self, channel: str, sequence: int, t_ns: int, origin_ns: int, origin_sequence: int, size: int
    ) -> MessageRecord:
        """Put one tensor into a channel and ring its consumer."""
        message = MessageRecord(
            sequence=sequence,
            produced_ns=t_ns,
            origin_ns=origin_ns,
            origin_sequence=origin_sequence,
            bytes=size,
            hash=f"{self.random.getrandbits(128):032x}",
        )
        record = self.channels[channel]
        record.messages.append(message)
        source, target = record.source.split(".")[0], record.target.split(".")[0]
        self.doorbells.append(DoorbellRecord(self.boundary(t_ns), source, target, 1, channel))
        return message


def channels() -> dict[str, ChannelRecord]:
    """Return the four channels of the scenario, empty."""
    rows: list[tuple[str, str, str, tuple[int, ...], int, str, int]] = [
        ("front_camera.frame", "perception.detector.frame", "uint8", (480, 640, 3), 4, "drop_oldest", 3_702_784),
        ("perception.detector.detections", "cockpit.head_unit.detections", "float32", (16, 6), 8, "block", 20_480),
        ("perception.detector.preview", "cockpit.head_unit.preview", "uint8", (120, 160, 3), 4, "block", 245_760),
        ("cockpit.head_unit.picture", "head_unit_display.picture", "uint8", (240, 400, 3), 2, "block", 589_824),
    ]
    return dict(zip(("frames", "detections", "preview", "picture"), (ChannelRecord(*row) for row in rows), strict=True))


def sample(seed: int = 7, frames: int = 300, *, pictures: int = 6, hostile: bool = False) -> RunRecord:
    """Return the record of a run of `frames` frames at 30 fps.

    Parameters:
        seed: of everything in it.
        frames: how many the camera sent.
        pictures: camera frames kept; ten times as many pictures of the display; 0 keeps none.
        hostile: guests' names, logs and errors attack the reader.
    """
    quantum_ns = MS
    pipeline = Pipeline(seed, frames, quantum_ns)
    pipeline.run()
    end_ns = -(-frames * 1_000_000_000 // 30 // quantum_ns) * quantum_ns
    cut(pipeline, end_ns)
    record = RunRecord(
        scenario="ivi_camera", scenario_file="scenarios/ivi_camera.yaml", seed=seed, quantum_ns=quantum_ns,
        duration_ns=end_ns, virtual_time_ns=end_ns, wall_s=9.412345,
        wall_phases={"check": 0.081, "start": 0.342, "run": 8.61, "report": 0.379},
        digest="9f2c4a6e1b7d3058c4e2a1906fdb7782e5c3a94411d08b6f7a2e9930cc51b7de", channels=pipeline.channels,
        partitions=partitions(pipeline, hostile), doorbells=pipeline.doorbells, metrics=metrics(seed),
        devices={
            "front_camera": DeviceRecord("camera", "plates, 640x480 rgb8 at 30 fps", frames),
            "head_unit_display": DeviceRecord("display", "400x240 rgb8", len(pipeline.cockpit)),
        },
        environment={
            "simulator": "0.1.0", "python": "3.11.7", "numpy": "2.4.6", "qemu": "7.2.22 (Debian 1:7.2+dfsg-7)",
            "kernel": "6.1.0-32-cloud-amd64", "image_digest": "sha256:7be0c4…d2f1", "options": {"icount_shift": 0},
        },
        notes=["cockpit: 800 MIPS is not a power of two below 1000; it ran at 500 MIPS (icount shift 1)"],
    )  # fmt: skip
    record.expectations = expectations(record)
    if pictures:
        record.pictures = list(camera_pictures(record, pictures)) + list(display_pictures(record, pictures * 10))
    return record


def cut(pipeline: Pipeline, end_ns: int) -> None:
    """Forget what would have happened after the end, as a run does, and fill the counters of both ends."""
    for channel in pipeline.channels.values():
        channel.messages = [message for message in channel.messages if message.produced_ns < end_ns]
        for message in channel.messages:
            message.taken_ns = message.taken_ns if (message.taken_ns or 0) < end_ns else None
            message.returned_ns = message.returned_ns if (message.returned_ns or 0) < end_ns else None
        channel.occupancy = occupancy_steps(channel.messages)
        taken, dropped = len(channel.latencies_ns), channel.dropped
        most = channel.occupancy_max
        channel.producer = EndCounters(pushed=channel.published, dropped=dropped, kicks=taken, high_water=most)
        channel.consumer = EndCounters(popped=taken, kicks=taken)
    for spans in (pipeline.perception, pipeline.cockpit):
        spans[:] = [span for span in spans if span.end_ns < end_ns]


def partitions(pipeline: Pipeline, hostile: bool) -> dict[str, PartitionRecord]:
    """Return both guests; a hostile one answers with markup, control characters and a name to match."""
    log = [
        LogLine(0, "info", "agent", "2 channels mapped, 1 service armed"),
        LogLine(4_102_000, "info", "detector", "model plates_int8.tflite: 312 KB, input int8[1,120,160,3]"),
        LogLine(3_903_114_000, "warning", "detector", "busy scene: 14 plates in view, 46.2 ms for one frame"),
    ]
    if hostile:
        log.append(LogLine(5 * MS, HOSTILE, HOSTILE, HOSTILE))
    spans = pipeline.perception, pipeline.cockpit
    perception, cockpit = (
        PartitionRecord(
            "linux-x86_64", "qemu", 256 << 20, mips, services, "warm", 3.61, restore, grants, instructions, sum(
                span.end_ns - span.start_ns for span in spans[index]), len(spans[index]), len(spans[index]), log=log)
        for index, (mips, services, restore, grants, instructions) in enumerate(
            [(1000.0, ["detector"], 0.171, 6204, 4_310_221_870), (500.0, ["head_unit"], 0.164, 5120, 702_118_400)])
    )  # fmt: skip
    perception.spans, cockpit.spans = spans
    cockpit.log = [LogLine(0, "info", "agent", "3 channels mapped, 1 service armed")]
    if hostile:
        cockpit.failed = HOSTILE
        return {HOSTILE: perception, "cockpit": cockpit}
    return {"perception": perception, "cockpit": cockpit}


def metrics(seed: int) -> dict[str, Any]:
    """Return a detection metric with a confusion matrix whose diagonal dominates."""
    random = Random(seed)
    confusion = [[random.choice([0, 0, 0, 0, 1, 2]) for _ in range(10)] for _ in range(10)]
    for digit in range(10):
        confusion[digit][digit] = random.randrange(58, 96)
    right, total = sum(confusion[digit][digit] for digit in range(10)), sum(map(sum, confusion))
    return {
        "detection": {
            "mean_iou": 0.7813, "accuracy": right / total, "recall": 0.968, "precision": 0.981, "truths": total + 21,
            "matched": total, "missed": 21, "spurious": 15, "labels": [str(digit) for digit in range(10)],
            "confusion": confusion,
            "per_class": [{"truths": sum(row), "correct": row[digit]} for digit, row in enumerate(confusion)],
        }
    }  # fmt: skip


def expectations(record: RunRecord) -> list[ExpectationRecord]:
    """Return some that hold and one that does not."""
    dropped = record.channels["frames"].dropped
    age_ms = max(record.channels["picture"].ages_ns, default=0) / MS
    return [
        ExpectationRecord("metrics.detection.mean_iou >= 0.6", True, 0.7813, why="plates must be usable downstream"),
        ExpectationRecord("metrics.detection.accuracy >= 0.9", True, record.metrics["detection"]["accuracy"]),
        ExpectationRecord("channels.detections.dropped == 0", True, 0),
        ExpectationRecord(
            "channels.frames.dropped == 0", dropped == 0, dropped,
            reason=f"{dropped} frames were revoked, the first at 4.033 s" if dropped else "",
            why="no frame may be lost"),
        ExpectationRecord("channels.picture.age_us.max <= 250ms", age_ms <= 250, age_ms * 1000),
    ]  # fmt: skip


def detections(random: Random, truth: list[Truth]) -> list[BoxRecord]:
    """Return each known box, a detection a few pixels off it, and now and then a wrong class or a box on nothing."""
    boxes = []
    for x0, y0, x1, y1, number in truth:
        boxes.append(BoxRecord(x0, y0, x1, y1, str(number), "truth"))
        dx, dy = random.randrange(-4, 5), random.randrange(-4, 5)
        overlap = (x1 - x0 - abs(dx)) * (y1 - y0 - abs(dy))
        iou = overlap / (2 * (x1 - x0) * (y1 - y0) - overlap)
        guess = number if random.random() < 0.9 else (number + 1) % 10
        score = 0.7 + random.random() * 0.3
        moved = x0 + dx, y0 + dy, x1 + dx, y1 + dy
        boxes.append(BoxRecord(*moved, str(guess), "detection", score, iou, guess == number))
    if random.random() < 0.3:
        boxes.append(BoxRecord(20, 300, 70, 352, "4", "detection", 0.53))
    return boxes


def camera_pictures(record: RunRecord, count: int) -> list[PictureRecord]:
    """Return camera frames spread over the run, taken by the real camera, with their boxes."""
    random = Random(record.seed)
    camera = Camera("front_camera", "plates", (640, 480), 30, seed=record.seed)
    messages = record.channels["frames"].messages
    pictures = []
    for index in range(min(count, len(messages))):
        message = messages[(2 * index + 1) * len(messages) // (2 * count)]
        pixels = np.empty(camera.shape, np.uint8)
        camera.render(message.sequence, pixels)
        boxes = detections(random, camera.truth(message.sequence))
        pictures.append(PictureRecord(message.produced_ns, "front_camera", message.sequence, pixels, boxes=boxes))
    return pictures


def display_pictures(record: RunRecord, count: int) -> list[PictureRecord]:
    """Return pictures that the head unit showed, spread over the run."""
    messages = record.channels["picture"].messages
    pictures = []
    for index in range(min(count, len(messages))):
        message = messages[index * len(messages) // count]
        image = Image.new("RGB", (400, 240), (18, 22, 30))
        draw = ImageDraw.Draw(image)
        draw.rounded_rectangle((12, 12, 252, 192), 10, fill=(52, 74, 96))
        draw.text((20, 204), f"frame {message.origin_sequence}", fill=(220, 228, 236), font_size=20)
        for track in range(3):
            x0 = 24 + (index * 5 + track * 76) % 180
            draw.rectangle((x0, 40 + 40 * track, x0 + 34, 74 + 40 * track), outline=(88, 214, 141), width=3)
            draw.text((272, 24 + 40 * track), f"sign {(index // 8 + track) % 10}", fill=(240, 240, 240), font_size=22)
        pictures.append(PictureRecord(message.produced_ns, "head_unit_display", message.sequence, np.asarray(image)))
    return pictures
