"""Faults: what goes wrong in a run, when, and for how long."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, model_validator

from sim.report.record import Health
from sim.scenario.problem import advice
from sim.scenario.types import Duration, Section, Written
from sim.scenario.units import NUMBER, format_duration, parse_duration, shown

FaultKind = Literal[
    "kill", "hang", "slow", "panic", "clock_jump", "reset", "crash", "consumer_stops",
    "corrupt_descriptor", "corrupt_index", "corrupt_header", "lost_doorbell", "doorbell_storm",
    "sensor_frozen", "sensor_noise",
]  # fmt: skip
"""What can go wrong."""

Target = Literal[
    "partition", "guest", "agent", "clock", "microcontroller", "service", "consumer", "channel", "sensor"
]  # fmt: skip

TARGETS: Mapping[FaultKind, Target] = {
    "kill": "partition",
    "hang": "partition",
    "slow": "guest",
    "panic": "agent",
    "clock_jump": "clock",
    "reset": "microcontroller",
    "crash": "service",
    "consumer_stops": "consumer",
    "corrupt_descriptor": "channel",
    "corrupt_index": "channel",
    "corrupt_header": "channel",
    "lost_doorbell": "channel",
    "doorbell_storm": "channel",
    "sensor_frozen": "sensor",
    "sensor_noise": "sensor",
}
"""What each kind strikes."""

OPTIONS: Mapping[str, frozenset[FaultKind]] = {
    "lasts": frozenset({"hang", "slow", "consumer_stops", "doorbell_storm", "sensor_frozen", "sensor_noise"}),
    "share": frozenset({"slow"}),
    "by": frozenset({"clock_jump"}),
    "count": frozenset({"lost_doorbell"}),
    "end": frozenset({"corrupt_index", "lost_doorbell", "doorbell_storm"}),
    "amplitude": frozenset({"sensor_noise"}),
}
"""Which kinds have which keys of their own."""

_ENDLESS: frozenset[FaultKind] = frozenset({"hang"})
"""Kinds that last for ever where `lasts` is left out."""

_STATES: tuple[Health, ...] = ("ready", "degraded", "hung", "failed", "restarting", "booting")
"""What a partition comes to within a run."""

_STATE = re.compile(r"\s*([a-z][a-z0-9_]*)\s+is\s+([a-z]+)\s*")
_COUNT = re.compile(r"\s*([a-z][a-z0-9_]*)\s+carries\s+([0-9]{1,9})\s*")


class Event(NamedTuple):
    """Something that happens in a run.

    Attributes:
        name: of a partition or channel.
        state: that the partition comes to; None for a channel.
        number: of the tensor of the channel, from 1.
    """

    name: str
    state: str | None = None
    number: int = 0

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"{self.name} carries {self.number}" if self.state is None else f"{self.name} is {self.state}"


def parse_event(text: object) -> Event:
    """Read an event.

    Raises:
        ValueError: it has another form, or names no state.
    """
    if match := _COUNT.fullmatch(str(text)):
        count = int(match[2])
        if not count:
            raise ValueError("the first tensor of a channel is number 1; count from there")
        return Event(match[1], number=count)
    if match := _STATE.fullmatch(str(text)):
        if match[2] not in _STATES:
            raise ValueError(f"a partition never comes to be '{match[2]}'; {advice(match[2], _STATES)}")
        return Event(match[1], match[2])
    raise ValueError(f"{shown(text)} is no event; write 'perception is restarting' or 'frames carries 10'")


EventText = Annotated[
    Event,
    Written(
        parse_event,
        str,
        r"^\s*[a-z][a-z0-9_]*\s+(is\s+[a-z]+|carries\s+[0-9]+)\s*$",
        ("perception is ready", "frames carries 10"),
    ),
]
"""An event of the run."""


def _parse_share(text: object) -> Fraction:
    match = re.fullmatch(rf"\s*({NUMBER})\s*%\s*", str(text))
    share = Fraction(match[1]) / 100 if match else Fraction(0)
    if not 0 < share < 1:
        raise ValueError(f"{shown(text)} is no share; write one between 0% and 100% like 25%")
    return share


Share = Annotated[
    Fraction,
    Written(_parse_share, lambda share: f"{float(share * 100):g}%", rf"^\s*{NUMBER}\s*%\s*$", ("25%",)),
]
"""A part of something."""


def _parse_jump(text: object) -> int:
    written = text.strip() if isinstance(text, str) else text
    if not isinstance(written, str) or written[:1] not in ("+", "-"):
        return parse_duration(written, "50ms")
    return parse_duration(written[1:]) * (-1 if written.startswith("-") else 1)


def _format_jump(by_ns: int) -> str:
    return f"{'-' if by_ns < 0 else ''}{format_duration(abs(by_ns))}"


Jump = Annotated[int, Written(_parse_jump, _format_jump, rf"^\s*[-+]?{NUMBER}\s*(ns|us|ms|s)\s*$", ("50ms", "-20ms"))]
"""A step of a clock, in ns."""


class Fault(Section):
    """Something that goes wrong in a run."""

    kind: FaultKind = Field(description="What goes wrong.")
    target: str = Field(
        description="What it strikes: a partition, a service (`partition.service`), a channel or a device.",
        json_schema_extra={"examples": ["perception", "perception.detector", "frames", "front_camera"]},
    )
    at_ns: Duration | None = Field(default=None, alias="at", description="When; or give `when`.")
    event: EventText | None = Field(
        default=None,
        alias="when",
        description="The event at which it strikes, or `at` after which, for the first time.",
    )
    lasts_ns: Duration | None = Field(
        default=None, alias="lasts", description="For how long; `hang` lasts for ever if left out."
    )
    share: Share | None = Field(default=None, description="Of `slow`: what is left of its time on the processor.")
    by_ns: Jump | None = Field(
        default=None, alias="by", description="Of `clock_jump`: how far its clock goes, or back."
    )
    count: int = Field(default=1, ge=1, le=1_000_000, description="Of `lost_doorbell`: how many.")
    end: Literal["source", "target"] = Field(
        default="source", description="End of the channel that goes wrong: the index it writes, the doorbells it rings."
    )
    amplitude: int = Field(
        default=32, ge=1, le=255, description="Of `sensor_noise`: largest change of a pixel or value."
    )

    @model_validator(mode="after")
    def _complete(self) -> Fault:
        """Refuse keys that the kind has no use for, and demand those that it needs."""
        if self.at_ns is None and self.event is None:
            raise ValueError("it never strikes; add at: 500ms, or when: perception is ready")
        written = {name.removesuffix("_ns") for name in self.model_fields_set}
        for option, kinds in OPTIONS.items():
            if option in written and self.kind not in kinds:
                raise ValueError(f"{self.kind} has no '{option}'; leave it out (it is for {', '.join(sorted(kinds))})")
        needed = {"slow": ("share", "25%"), "clock_jump": ("by", "50ms")}
        if self.kind in needed and needed[self.kind][0] not in written:
            raise ValueError(f"{self.kind} needs '{needed[self.kind][0]}'; write it like {needed[self.kind][1]}")
        if self.kind in OPTIONS["lasts"] - _ENDLESS and self.lasts_ns is None:
            raise ValueError(f"{self.kind} needs 'lasts'; write it like 100ms")
        return self
