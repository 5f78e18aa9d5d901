"""What `sim size` answers: plain data that the table, the report and `size.json` are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sim.sizing.account import Account
from sim.sizing.bounds import Bounds
from sim.sizing.model.outcome import Outcome
from sim.sizing.sensitivity import Sensitivity
from sim.sizing.sensitivity.headroom import Headroom
from sim.sizing.target.verdict import Verdict


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
