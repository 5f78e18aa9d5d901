"""The record of one run: plain data that the executive fills and every report file is made from.

Times are virtual nanoseconds since the guests were told to start (``*_ns``) unless the name says ``wall``, ``boot`` or
``restore``: those are seconds of the host's clock and never enter a digest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Outcome = Literal["completed", "interrupted", "failed"]
Health = Literal["ready", "degraded", "hung", "failed", "restarting", "booting"]
FaultOutcome = Literal["pending", "unnoticed", "degraded", "failed", "recovered"]
Boot = Literal["cold", "warm", "power-on"]


@dataclass(slots=True)
class LogLine:
    """One structured line that a guest's agent sent to the host."""

    t_ns: int
    level: str
    service: str
    text: str


@dataclass(slots=True)
class Span:
    """One call of a service, from its inputs being complete to its outputs being published."""

    service: str
    start_ns: int
    end_ns: int
    sequence: int
    """Sequence number of the sensor sample it worked on (`origin_sequence` of its input)."""


@dataclass(slots=True)
class DoorbellRecord:
    """One doorbell, at the boundary that delivered it."""

    t_ns: int
    source: str
    target: str
    vector: int
    channel: str | None = None
    """The channel it announces; None for the control region."""


@dataclass(slots=True)
class InferenceRecord:
    """One inference of a microcontroller's firmware, by its own clock and its core's instruction counter."""

    start_ns: int
    end_ns: int
    instructions: int
    sequence: int
    """Sequence number of the sensor sample it worked on (`origin_sequence` of its input)."""


@dataclass(slots=True)
class McuRecord:
    """What only a microcontroller has."""

    core: str
    board_mips: float
    """Million instructions per second of the real board; the partition's `mips` may be scaled down from it."""
    backend_note: str
    """Why this backend runs it; empty where there was no choice."""
    firmware: str
    """Digest of the ELF file."""
    flash_bytes: int
    """Code, constants and initial values of variables."""
    ram_bytes: int
    """Variables, arena and stack."""
    board_flash_bytes: int
    board_ram_bytes: int
    window_bytes: int
    """Memory shared with the host: control page and channels."""
    stack_bytes: int = 0
    stack_high_water: int = 0
    arena_bytes: int = 0
    arena_high_water: int = 0
    inferences: list[InferenceRecord] = field(default_factory=list)
    lost_inferences: int = 0
    """Inferences that were logged faster than the host looked."""


@dataclass(slots=True)
class SliceRecord:
    """A stretch of time in which a partition had a core."""

    start_ns: int
    stop_ns: int
    core: int


@dataclass(slots=True)
class StateRecord:
    """A partition came to another state of health."""

    t_ns: int
    state: Health
    reason: str = ""
    """One line; empty where there is nothing to say."""


@dataclass(slots=True)
class PartitionRecord:
    """A guest or a microcontroller over a whole run."""

    machine: str
    backend: str
    memory_bytes: int
    mips: float
    services: list[str] = field(default_factory=list)
    boot: Boot = "cold"
    boot_s: float = 0.0
    restore_s: float | None = None
    grants: int = 0
    instructions: int | None = None
    busy_ns: int | None = None
    """Virtual time in which the vCPU executed instructions, None when the backend does not tell."""
    doorbells_sent: int = 0
    doorbells_received: int = 0
    failed: str | None = None
    """One line: why it failed; None when it did not."""
    console: Path | None = None
    """File with the raw console output, copied to ``logs/<partition>.log``."""
    log: list[LogLine] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    mcu: McuRecord | None = None
    """None for a Linux guest."""
    vcpus: int = 1
    cores: tuple[int, ...] = ()
    """Of the host, on which it is scheduled; empty for what has a core of its own."""
    configured_share: float | None = None
    """Of its cores, that the schedule promises it; None where none does."""
    slices: list[SliceRecord] = field(default_factory=list)
    """When it had a core, merged and ascending; empty where it always has one of its own."""
    states: list[StateRecord] = field(default_factory=list)
    restarts: int = 0
    digest: str = ""
    """Of the trace lines that tell this partition's own doing."""

    @property
    def state(self) -> Health:
        """Its state of health at the end."""
        return self.states[-1].state if self.states else "ready"


@dataclass(slots=True)
class DeviceRecord:
    """A native participant (camera, display, link) over a whole run."""

    kind: str
    description: str = ""
    """What the scenario set, as a person says it: ``640x480 rgb8 at 30 fps``."""
    tensors: int = 0
    digest: str | None = None
    """Of a sink: hash of all tensors that it took, in order."""
    spans: list[Span] | None = None
    """Of an accelerator: its jobs; the last one may end after the run."""
    animation: Path | None = None
    """Short animated preview the device wrote, if any."""


@dataclass(slots=True)
class TrafficRecord:
    """What went over a link in one direction."""

    tensors: int = 0
    bytes: int = 0
    """Of payloads."""
    packets: int = 0
    busy_ns: int = 0
    """How long they kept the wire busy; what was begun counts whole, even if the run ended before it."""
    worst_transit_ns: int = 0
    """Longest time from a tensor's publication to its arrival at the other side of the link."""


@dataclass(slots=True)
class LinkRecord:
    """The link of a microcontroller on a board of its own, over a whole run."""

    kind: str
    rate_hz: float
    """Clock of the wire; bits per second where it has none."""
    latency_ns: int
    mtu_bytes: int
    sent: TrafficRecord = field(default_factory=TrafficRecord)
    """By the microcontroller."""
    received: TrafficRecord = field(default_factory=TrafficRecord)


@dataclass(slots=True)
class MessageRecord:
    """One tensor on its way through a channel."""

    sequence: int
    produced_ns: int
    taken_ns: int | None = None
    returned_ns: int | None = None
    """When its slot became free again: given back by the consumer, or revoked by the producer when `dropped`."""
    origin_ns: int | None = None
    origin_sequence: int | None = None
    bytes: int = 0
    hash: str = ""
    dropped: bool = False
    """Never taken: refused by a full ring (then it held no slot: `returned_ns` is `produced_ns`) or revoked."""

    @property
    def refused(self) -> bool:
        """Whether a full ring refused it, so that only its number is known, and about when that was."""
        return self.dropped and self.returned_ns == self.produced_ns and self.origin_ns is None

    @property
    def latency_ns(self) -> int | None:
        """From published to taken; None if never taken."""
        return None if self.taken_ns is None else self.taken_ns - self.produced_ns

    @property
    def age_ns(self) -> int | None:
        """From the sensor sample it descends from to the moment it was taken; None if never taken or no origin."""
        return None if self.taken_ns is None or self.origin_ns is None else self.taken_ns - self.origin_ns


@dataclass(slots=True)
class EndCounters:
    """What one end of a ring counted itself."""

    pushed: int = 0
    popped: int = 0
    dropped: int = 0
    kicks: int = 0
    stalls: int = 0
    high_water: int = 0
    occupancy_ns: int = 0


def occupancy_steps(messages: Sequence[MessageRecord]) -> list[tuple[int, int]]:
    """Return how many slots a channel held over time, from the life of each of its tensors.

    A slot is held from `produced_ns` until `returned_ns` (to the end of the run if it never was returned). What is
    freed at an instant is counted before what is published at it.

    Parameters:
        messages: the channel's tensors, in any order.

    Returns:
        Steps (t_ns, level from then on), times strictly ascending; empty when nothing was published.
    """
    changes: dict[int, int] = {}
    for message in messages:
        if message.returned_ns == message.produced_ns:
            continue
        changes[message.produced_ns] = changes.get(message.produced_ns, 0) + 1
        if message.returned_ns is not None:
            changes[message.returned_ns] = changes.get(message.returned_ns, 0) - 1
    steps: list[tuple[int, int]] = []
    level = 0
    for t_ns in sorted(changes):
        level += changes[t_ns]
        if not steps or steps[-1][1] != level:
            steps.append((t_ns, level))
    return steps


@dataclass(slots=True)
class ChannelRecord:
    """A channel over a whole run."""

    source: str
    """``device.port``, ``partition.service.port``, or the name of a link."""
    target: str
    dtype: str
    shape: tuple[int, ...]
    depth: int
    overflow: str
    region_bytes: int
    messages: list[MessageRecord] = field(default_factory=list)
    producer: EndCounters = field(default_factory=EndCounters)
    consumer: EndCounters = field(default_factory=EndCounters)
    occupancy: list[tuple[int, int]] = field(default_factory=list)
    """Steps (t_ns, slots held from then on); left empty, they are derived from `messages`."""
    sessions: int = 0
    """Sessions in which something was sent: more than one where an end has started again."""
    gaps: int = 0
    """Sequence numbers that the host never saw: of tensors that a full ring refused, or that came and went unseen."""
    lost: int = 0
    """Tensors that were under way when an end of it restarted."""

    def steps(self) -> list[tuple[int, int]]:
        """Return the occupancy over time: as recorded, else derived from the messages and kept."""
        if not self.occupancy:
            self.occupancy = occupancy_steps(self.messages)
        return self.occupancy

    @property
    def published(self) -> int:
        """Tensors the producer offered, those that were dropped included."""
        return len(self.messages)

    @property
    def dropped(self) -> int:
        """Tensors that were never delivered because the ring was full."""
        return sum(message.dropped for message in self.messages)

    @property
    def latencies_ns(self) -> list[int]:
        """Published to taken, in order of sequence, of those that were taken."""
        return [message.taken_ns - message.produced_ns for message in self.messages if message.taken_ns is not None]

    @property
    def ages_ns(self) -> list[int]:
        """Sensor sample to taken, in order of sequence, of those that were taken and have an origin."""
        return [age for message in self.messages if (age := message.age_ns) is not None]

    @property
    def occupancy_max(self) -> int:
        """The most slots held at once."""
        return max((level for _, level in self.steps()), default=0)

    def occupancy_mean(self, end_ns: int) -> float:
        """Return the time-weighted mean of slots held over [0, end_ns].

        Parameters:
            end_ns: virtual time at which the run ended; 0 gives 0.0.
        """
        steps = [step for step in self.steps() if step[0] < end_ns]
        ends = [t_ns for t_ns, _ in steps[1:]] + [end_ns]
        held_ns = sum(level * (until - t_ns) for (t_ns, level), until in zip(steps, ends, strict=False))
        return held_ns / end_ns if end_ns else 0.0


@dataclass(slots=True)
class WindowRecord:
    """A window of the major frame."""

    partition: str
    core: int
    offset_ns: int
    length_ns: int


@dataclass(slots=True)
class ScheduleRecord:
    """How the partitions share the host's cores."""

    policy: str
    cores: int
    major_frame_ns: int | None = None
    context_switch_ns: int = 0
    windows: list[WindowRecord] = field(default_factory=list)


@dataclass(slots=True)
class FaultRecord:
    """A fault of the scenario and what came of it."""

    kind: str
    target: str
    """The partition, device or channel that it strikes."""
    at_ns: int | None = None
    """When it was to strike; None: at an event."""
    injected_ns: int | None = None
    detected_ns: int | None = None
    """When the host noticed that something is wrong."""
    recovered_ns: int | None = None
    """When everything that it had harmed was well again."""
    outcome: FaultOutcome = "pending"
    detail: str = ""
    """One line: what was done, and how it was noticed."""


@dataclass(slots=True)
class PathRecord:
    """Data on its way from a source to a target over any number of channels."""

    source: str
    target: str
    channels: tuple[str, ...] = ()
    """On the way, in order."""
    arrivals: list[tuple[int, int, int]] = field(default_factory=list)
    """Of each arrival: (t_ns, age_ns of the sensor sample that it descends from, number of that sample)."""
    missing: list[tuple[int, int]] = field(default_factory=list)
    """Samples that set out and never arrived though a later one did: (number, t_ns of the sample)."""
    deadline_ns: int | None = None
    """Age from which on an arrival is late."""


@dataclass(slots=True)
class ExpectationRecord:
    """One expectation of the scenario and what came of it."""

    text: str
    passed: bool
    actual: Any = None
    """The value seen, as in result.json; None if there was none."""
    reason: str = ""
    """One sentence: why it failed, or what was compared."""
    why: str = ""
    """The scenario's own comment on why it is expected."""
    figure: str = ""
    """Dotted path of the figure in result.json; empty where it is about the run as a whole: same as another one."""
    seen_ns: int | None = None
    """When what it fails for happened; None where it holds, or where it is of no one moment."""
    trace_line: int | None = None
    """Line of trace.log, counted from 1, where that is told."""
    evidence: str = ""
    """One line: what happened then, such as the worst message."""


@dataclass(slots=True)
class WorstRecord:
    """The worst of the answers that a metric judges."""

    text: str
    """One line: what it was about, and what was wrong with it."""
    channel: str
    sequence: int | None = None
    """Of the tensor with the answer; None where there was none."""
    produced_ns: int | None = None


@dataclass(slots=True)
class BoxRecord:
    """A box on a camera frame, in pixels of that frame."""

    x0: float
    y0: float
    x1: float
    y1: float
    label: str
    kind: Literal["truth", "detection"]
    score: float | None = None
    iou: float | None = None
    """Of a detection: intersection over union with the truth it was matched to, None if it has no match."""
    correct: bool | None = None
    """Of a detection: whether its class is that of the matched truth."""


@dataclass(slots=True)
class PictureRecord:
    """A camera frame or a picture that a display showed: in memory (`pixels`), in a file (`path`), or both."""

    t_ns: int
    device: str
    sequence: int = 0
    pixels: NDArray[np.uint8] | None = None
    """uint8[height, width, 3] RGB, or uint8[height, width] grey."""
    path: Path | None = None
    """Of a picture that is in a file already; it is shown, and not written again unless it has boxes."""
    boxes: list[BoxRecord] = field(default_factory=list)
    caption: str = ""


@dataclass(slots=True)
class RunRecord:
    """Everything that a report says about one run."""

    scenario: str
    scenario_file: str = ""
    seed: int = 0
    quantum_ns: int = 0
    duration_ns: int = 0
    virtual_time_ns: int = 0
    """How far the run came; equal to `duration_ns` when it completed."""
    wall_s: float = 0.0
    first_tensor_s: float | None = None
    """Seconds of the host's clock from the start of the command until a consumer had taken a tensor."""
    wall_phases: dict[str, float] = field(default_factory=dict)
    """Seconds of the host's clock by phase of the run, in order."""
    digest: str = ""
    time_mode: str = "virtual"
    partitions: dict[str, PartitionRecord] = field(default_factory=dict)
    devices: dict[str, DeviceRecord] = field(default_factory=dict)
    links: dict[str, LinkRecord] = field(default_factory=dict)
    """By the microcontroller that each leads to; as participants they are among the devices too."""
    channels: dict[str, ChannelRecord] = field(default_factory=dict)
    doorbells: list[DoorbellRecord] = field(default_factory=list)
    schedule: ScheduleRecord | None = None
    """None where every partition has a core of its own."""
    faults: dict[str, FaultRecord] = field(default_factory=dict)
    paths: dict[str, PathRecord] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    """By name. In a metric, ``confusion`` (rows truth, columns predicted) with ``labels`` is drawn as a heat map and
    ``history`` [[t_ns, value], ...] as a line; everything else is shown as it is."""
    worst: dict[str, WorstRecord] = field(default_factory=dict)
    """By metric, the answer that was worst; none where all were right."""
    expectations: list[ExpectationRecord] = field(default_factory=list)
    environment: dict[str, Any] = field(default_factory=dict)
    """What shaped the run: versions of QEMU, kernel, Python, simulator; digest of the image."""
    pictures: list[PictureRecord] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What the reader has to know, such as a speed that could not be reached exactly."""
    outcome: Outcome = "completed"
    reason: str = ""
    """One line: why the run did not complete."""

    @property
    def passed(self) -> bool:
        """Whether the run completed, every expectation held, and every partition is well or judged by one of them."""
        return self.outcome == "completed" and not self.unwell and all(each.passed for each in self.expectations)

    @property
    def unwell(self) -> tuple[str, ...]:
        """Partitions that failed or did not end ready, and of whose state or failure no expectation speaks."""
        judged = {expectation.figure for expectation in self.expectations}
        return tuple(
            name
            for name, partition in self.partitions.items()
            if (partition.failed or partition.state != "ready")
            and judged.isdisjoint((f"partitions.{name}.state", f"partitions.{name}.failed"))
        )
