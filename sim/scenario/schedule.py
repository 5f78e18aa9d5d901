"""The schedule: how the Linux guests share the host's cores. Each policy uses its own keys and leaves the others be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema

from sim.scenario.types import Duration, Name, Section
from sim.scenario.units import shown

MOST_CORES = 64
"""Cores of the largest host."""

_CORE = {"type": "integer", "minimum": 0, "maximum": MOST_CORES - 1}


def _some_time(duration_ns: int) -> int:
    if not duration_ns:
        raise ValueError("it is 0, and must be some time; write it like 5ms")
    return duration_ns


def _parse_cores(value: Any) -> tuple[int, ...]:
    """Return what stands in the file, one core or a list of cores, as a tuple."""
    cores = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    wrong = [core for core in cores if type(core) is not int or not 0 <= core < MOST_CORES]
    if wrong or not cores:
        what = shown(wrong[0]) if wrong else "an empty list"
        raise ValueError(f"{what} is no core; write a number from 0 to {MOST_CORES - 1}, or a list such as [0, 1]")
    for core in cores:
        if cores.count(core) > 1:
            raise ValueError(f"core {core} is written twice; each vCPU has a core of its own")
    return cores


def _as_written(cores: tuple[int, ...]) -> int | list[int]:
    return cores[0] if len(cores) == 1 else list(cores)


Core = Annotated[int, Field(ge=0, lt=MOST_CORES)]
"""Number of a core of the host, from 0."""

Cores = Annotated[
    tuple[int, ...],
    PlainValidator(_parse_cores),
    PlainSerializer(_as_written, when_used="json"),
    WithJsonSchema({"anyOf": [_CORE, {"type": "array", "items": _CORE, "minItems": 1}]}),
]
"""Cores of the host, one for each vCPU; written as a number or as a list."""

PositiveDuration = Annotated[Duration, AfterValidator(_some_time)]
"""A duration that is not 0, in ns."""


class Window(Section):
    """A part of the major frame in which one partition has one core, in every major frame."""

    partition: Name = Field(description="The Linux guest that has the core.")
    core: Core = Field(default=0, description="The core, from 0.")
    offset_ns: Duration = Field(alias="offset", description="From the start of the major frame; whole quanta.")
    length_ns: PositiveDuration = Field(alias="length", description="How long the window is; whole quanta.")

    @property
    def end_ns(self) -> int:
        """Where it ends, from the start of the major frame."""
        return self.offset_ns + self.length_ns


class Scheduler(Section):
    """Which partition has which core of the host when."""

    policy: Literal["dedicated", "arinc653", "fixed_priority"] = Field(
        default="dedicated",
        description="`dedicated`: a core of its own for each vCPU. `arinc653`: by the `windows`. "
        "`fixed_priority`: by each partition's `schedule`.",
    )
    major_frame_ns: PositiveDuration | None = Field(
        default=None, alias="major_frame", description="Period of the `windows`; whole quanta."
    )
    windows: tuple[Window, ...] = Field(default=(), strict=False, description="Who has which core, for `arinc653`.")
    context_switch_ns: Duration = Field(
        default=0, alias="context_switch", description="What it takes until another partition executes on a core."
    )
    doorbell: Literal["wait", "preempt"] = Field(
        default="wait",
        description="A doorbell to a partition outside its windows: it waits for the next one, or has the core at the "
        "next boundary; for `arinc653`.",
    )


class Schedule(Section):
    """What a partition gets of its cores, and what it needs."""

    cores: Cores | None = Field(
        default=None, alias="core", description="Its core, or a list with one for each vCPU; for `fixed_priority`."
    )
    priority: int | None = Field(
        default=None, ge=0, le=255, description="The greater goes first; for `fixed_priority`."
    )
    budget_ns: PositiveDuration | None = Field(
        default=None,
        alias="budget",
        description="Most time that it has its cores in each period; as long as it can "
        "if left out; for `fixed_priority`.",
    )
    period_ns: PositiveDuration | None = Field(
        default=None, alias="period", description="How often the budget is full again; whole quanta."
    )
    work_ns: PositiveDuration | None = Field(
        default=None, alias="work", description="Time on its cores that what it has to do takes; see `deadline`."
    )
    deadline_ns: PositiveDuration | None = Field(
        default=None,
        alias="deadline",
        description="From any moment on, `work` must be done in this time; proven before the run.",
    )


@dataclass(frozen=True)
class Server:
    """A partition under `fixed_priority`: its `schedule` with what is needed for it.

    Attributes:
        partition: its name.
        cores: those that it holds all at once, one for each vCPU.
        priority: the greater goes first; no two are equal on a core.
        budget_ns: most time that it has its cores in each period; None: without a limit.
        period_ns: distance of the moments at which the budget is full again, from time 0; whole quanta.
    """

    partition: str
    cores: tuple[int, ...]
    priority: int
    budget_ns: int | None = None
    period_ns: int | None = None

    @classmethod
    def of(cls, partition: str, schedule: Schedule) -> Server:
        """Return the server that a schedule describes; it has cores and a priority."""
        assert schedule.cores is not None and schedule.priority is not None, "checked with the scenario"
        return cls(partition, schedule.cores, schedule.priority, schedule.budget_ns, schedule.period_ns)

    def meets(self, other: Server) -> bool:
        """Tell whether they have a core in common."""
        return not set(self.cores).isdisjoint(other.cores)
