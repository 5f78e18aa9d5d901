"""The sample run with two microcontrollers in it: one on the chip, one on a board of its own behind a link.

The safety monitor (Cortex-M4) looks at the detector's boxes; its verdicts go to a sink. The cabin node (ESP32-S3, its
clock scaled down) classifies what a recording plays, and its scores cross a link to the head unit: the channel
``motion`` has two legs, ``motion@cabin`` to the link and ``motion`` from it.
"""

from __future__ import annotations

from dataclasses import replace

from sim.report.record import (
    ChannelRecord,
    DeviceRecord,
    DoorbellRecord,
    InferenceRecord,
    LinkRecord,
    McuRecord,
    MessageRecord,
    PartitionRecord,
    RunRecord,
    Span,
    TrafficRecord,
)

from .sample import HOSTILE, MS, sample

INSTRUCTIONS = 91_750
"""Of the first inference; each further one takes 125 more."""


def sample_with_microcontrollers(seed: int = 7, frames: int = 300, *, hostile: bool = False) -> RunRecord:
    """Return the record of a run with microcontrollers, without pictures.

    Parameters:
        seed: of everything in it.
        frames: how many the camera sent.
        hostile: guests' names, logs and errors attack the reader.
    """
    record = sample(seed, frames, pictures=0, hostile=hostile)
    record.channels |= {name: ChannelRecord(*row) for name, row in _CHANNELS.items()}
    record.devices["wrist"] = DeviceRecord("recording", "motion.npz (q), 10 Hz")
    record.devices["verdicts"] = DeviceRecord("sink", "takes what comes", digest="0f1e2d3c4b5a69788796a5b4c3d2e1f0")
    record.devices["cabin@link"] = DeviceRecord("link", "spi at 40 MHz, 20 us, packets of 4096 bytes")
    record.partitions["safety"] = _safety(record)
    record.partitions["cabin"] = _cabin(record, frames // 3)
    if hostile:
        cabin = record.partitions["cabin"].mcu
        assert cabin is not None
        cabin.core = cabin.backend_note = HOSTILE
        cabin.stack_high_water = cabin.arena_bytes = 0xFFFFFFFF
    return record


_CHANNELS: dict[str, tuple[str, str, str, tuple[int, ...], int, str, int]] = {
    "watched": ("perception.detector.detections", "safety.monitor.detections", "float32", (16, 6), 8, "block", 20_480),
    "verdict": ("safety.monitor.status", "verdicts.tensor", "uint8", (8,), 4, "block", 8192),
    "movement": ("wrist.sample", "cabin.motion.input", "int8", (1, 1, 32, 6), 2, "drop_oldest", 8192),
    "motion@cabin": ("cabin.motion.scores", "cabin@link", "int8", (1, 4), 4, "block", 8192),
    "motion": ("cabin@link", "cockpit.head_unit.motion", "int8", (1, 4), 4, "block", 8192),
}


def _mcu(core: str, board_mips: float, note: str, flash: tuple[int, int], ram: tuple[int, int]) -> McuRecord:
    return McuRecord(core, board_mips, note, "5f" * 32, flash[0], ram[0], flash[1], ram[1], window_bytes=20_480)


def _safety(record: RunRecord) -> PartitionRecord:
    mcu = _mcu("Cortex-M4F", 31.25, "renode is not installed", (7_312, 1 << 22), (12_416, 1 << 22))
    mcu.stack_bytes, mcu.stack_high_water = 8192, 456
    spans = []
    for sequence, seen in enumerate(record.channels["detections"].messages):
        start_ns = -(-seen.produced_ns // MS) * MS
        end_ns = start_ns + 84_320
        if end_ns < record.virtual_time_ns:
            _pass(record, "watched", replace(seen, hash="d1"), start_ns, end_ns)
            spans.append(Span("monitor", start_ns, end_ns, seen.origin_sequence or 0))
            verdict = _message(sequence, end_ns - 320, 8, seen.origin_ns or 0, seen.origin_sequence or 0)
            _pass(record, "verdict", verdict, -(-end_ns // MS) * MS, -(-end_ns // MS) * MS)
    count = len(spans)
    return PartitionRecord(
        "mps2-an386", "qemu", 1 << 22, 31.25, ["monitor"], "power-on", restore_s=0.071, grants=9_871,
        instructions=count * 2_635, busy_ns=count * 84_320, doorbells_sent=count, doorbells_received=count,
        spans=spans, mcu=mcu)  # fmt: skip


def _cabin(record: RunRecord, samples: int) -> PartitionRecord:
    """Classify at 10 Hz; a sample goes from the recording to the core, over the link and to the head unit."""
    mcu = _mcu("Xtensa LX7", 250.0, "", (20_048, 4 << 20), (13_112, 512 << 10))
    mcu.stack_bytes, mcu.stack_high_water, mcu.arena_bytes, mcu.arena_high_water = 8192, 1_284, 3_072, 2_048
    mcu.lost_inferences = 2
    link = record.links["cabin"] = LinkRecord("spi", 40e6, 20_000, 4096)
    spans = []
    for sequence in range(samples):
        born_ns = sequence * 100 * MS
        instructions = INSTRUCTIONS + 125 * sequence
        done_ns = born_ns + 16_000 + instructions * 16
        arrived_ns = done_ns + 28_450
        last_ns = -(-arrived_ns // MS) * MS
        if last_ns >= record.partitions["cockpit"].spans[-1].start_ns:
            break
        _pass(record, "movement", _message(sequence, born_ns, 192, born_ns, sequence), born_ns + 8_000, done_ns + 8_000)
        spans.append(Span("motion", born_ns + 8_000, done_ns + 8_000, sequence))
        mcu.inferences.append(InferenceRecord(born_ns + 16_000, done_ns, instructions, sequence))
        sent = _message(sequence, done_ns, 4, born_ns, sequence)
        _pass(record, "motion@cabin", sent, done_ns, done_ns + 8_450)
        call = next(call for call in record.partitions["cockpit"].spans if call.start_ns >= last_ns)
        _pass(record, "motion", replace(sent, produced_ns=last_ns), call.start_ns, call.end_ns)
        record.doorbells.append(DoorbellRecord(last_ns, "cabin", "cabin@link", 1, "motion@cabin"))
        record.doorbells.append(DoorbellRecord(last_ns, "cabin@link", "cockpit", 4, "motion"))
    count = len(spans)
    link.sent = TrafficRecord(count, 4 * count, count, 8_450 * count, 28_450)
    record.devices["cabin@link"].tensors = record.devices["wrist"].tensors = count
    return PartitionRecord(
        "esp32s3", "labwired", 512 << 10, 62.5, ["motion"], "power-on", restore_s=0.142, grants=412,
        instructions=count * 95_000, busy_ns=count * 1_520_000, doorbells_sent=count, spans=spans, mcu=mcu)  # fmt: skip


def _message(sequence: int, produced_ns: int, size: int, origin_ns: int, origin_sequence: int) -> MessageRecord:
    return MessageRecord(
        sequence, produced_ns, None, None, origin_ns, origin_sequence, bytes=size, hash=f"{sequence:032x}"
    )


def _pass(record: RunRecord, channel: str, message: MessageRecord, taken_ns: int, returned_ns: int) -> None:
    """Put a tensor into a channel and let it be taken and given back, as far as the run comes."""
    end_ns = record.virtual_time_ns
    if message.produced_ns < end_ns:
        message.taken_ns = taken_ns if taken_ns < end_ns else None
        message.returned_ns = returned_ns if returned_ns < end_ns else None
        record.channels[channel].messages.append(message)
