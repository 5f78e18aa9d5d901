"""What `sim size` answers: plain data that the table, the report and `size.json` are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sim.sizing.account import Account
from sim.sizing.bounds import Bounds
from sim.sizing.model.outcome import Outcome

HeadroomUnit = Literal["cameras", "times", "Hz"]
"""In what a direction is counted: cameras, how many times as long services take, the rate of sensors."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A part of the target and what comes of it.

    Attributes:
        text: as written, `p99(front_camera->display)<100ms`.
        value: the figure, in the unit of `unit`.
        limit: that it is held against.
        unit: `ns`, `bytes` or `` for a number.
        met: whether it holds.
    """

    text: str
    value: float
    limit: float
    unit: str
    met: bool


@dataclass(frozen=True, slots=True)
class Proposal:
    """The smallest depth of one channel that meets the target.

    Attributes:
        channel: its name.
        depth_now, depth: present and proposed.
        bytes_now, bytes: mapped size of its rings with these.
        occupancy_max: most slots held at once with the proposed depths.
        bound: most slots that can ever be held by network calculus; None: no bound.
        why: what keeps it from being smaller, in words: `depth 2: drops 12`, or `least depth`.
    """

    channel: str
    depth_now: int
    depth: int
    bytes_now: int
    bytes: int
    occupancy_max: int
    bound: int | None
    why: str

    @property
    def margin(self) -> int:
        """How many slots the present depth has more than the proposed one; negative: it is too small."""
        return self.depth_now - self.depth


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What one change of the system does, with the proposed depths and with depths sized anew.

    Attributes:
        change: in words: `one more camera`, `services 10 % slower`, `half a window`.
        verdicts: with the proposed depths.
        breaks: what breaks first, in words; empty: all still hold.
        depths: sized anew, by channel; empty where no depth meets the target any more.
        extra_bytes: that these cost over the proposal; None where none meets it.
    """

    change: str
    verdicts: tuple[Verdict, ...]
    breaks: str
    depths: Mapping[str, int]
    extra_bytes: int | None


@dataclass(frozen=True, slots=True)
class Headroom:
    """How far a system can go in one direction until no depths meet the target any more.

    Attributes:
        subject: what changes: `cameras`, `all services`, `perception.detector`, `front_camera`.
        unit: of the three values.
        present: value of the system as it is; 1 where the unit is `times`.
        holds: greatest value at which depths that meet the target were found.
        fails: next value tried, at which none were; None: it holds as far as was tried.
        breaks: what is missed then, in words; empty where nothing is.
        bottleneck: who then needs most of the time that it has, in words; empty where nothing breaks.
        busy: how much of that it needs; from about 1 on it is why the target is missed.
        depths: with which the target is met at `holds`, by channel.
        extra_bytes: that these take more than the proposal.
    """

    subject: str
    unit: HeadroomUnit
    present: float
    holds: float
    fails: float | None
    breaks: str
    bottleneck: str
    busy: float
    depths: Mapping[str, int]
    extra_bytes: int

    @property
    def factor(self) -> float:
        """How many times the present value holds."""
        return self.holds / self.present


@dataclass(frozen=True, slots=True)
class Compared:
    """A figure as predicted and as emulated; times in ns.

    Attributes:
        figure: `channels.frames.occupancy_max`, `paths.front_camera->display.age.p99`.
        predicted, emulated: values.
    """

    figure: str
    predicted: float
    emulated: float

    @property
    def error(self) -> float:
        """Relative error of the prediction; infinite where the emulated value is 0 and the predicted is not."""
        if self.predicted == self.emulated:
            return 0.0
        return abs(self.predicted - self.emulated) / self.emulated if self.emulated else float("inf")


@dataclass(frozen=True, slots=True)
class DepthCurve:
    """What the depth of one channel does, all others as proposed.

    Attributes:
        channel: its name.
        depths: ascending.
        dropped: on all rings, at each depth.
        age_p99_ns: of the path of the target that the channel is on (else of the channel), at each depth.
        label: of what `age_p99_ns` is.
    """

    channel: str
    depths: Sequence[int]
    dropped: Sequence[int]
    age_p99_ns: Sequence[int]
    label: str


@dataclass(frozen=True, slots=True)
class Answer:
    """All of it.

    Attributes:
        scenario, scenario_file: what was sized.
        target: as written.
        timing: where execution times come from, in words: `measured in runs/ivi_camera-3`.
        now, proposed: the model's outcome with present and proposed depths, with series.
        verdicts_now, verdicts: of the target with these.
        proposals: by channel, in the order of the scenario.
        account_now, account: memory with these.
        bounds: network calculus, with the proposed depths.
        binding: the part of the target that decides, and the channel, in words.
        sensitivities: what changes cost.
        curves: for pictures.
        compared: prediction against emulation; empty where nothing was emulated.
        emulation: folder of that run; empty without one.
        notes: for the reader.
        wall_s: how long it took.
        figures: of the search.
        headrooms: how far each direction goes; what breaks first comes first.
    """

    scenario: str
    scenario_file: str
    target: str
    timing: str
    now: Outcome
    proposed: Outcome
    verdicts_now: tuple[Verdict, ...]
    verdicts: tuple[Verdict, ...]
    proposals: tuple[Proposal, ...]
    account_now: Account
    account: Account
    bounds: Bounds
    binding: str
    sensitivities: tuple[Sensitivity, ...] = ()
    curves: tuple[DepthCurve, ...] = ()
    compared: tuple[Compared, ...] = ()
    emulation: str = ""
    notes: tuple[str, ...] = ()
    wall_s: float = 0.0
    figures: Mapping[str, float] = field(default_factory=dict)
    headrooms: tuple[Headroom, ...] = ()
