"""Partitions: what may be said of a Linux guest and of a microcontroller. The board of `machine` tells which it is."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import AfterValidator, Discriminator, Field, Tag

from machines import boards
from machines.native.link_timing import KINDS
from sim.scenario.boot import Boot
from sim.scenario.files import File, Program
from sim.scenario.problem import advice, nearest
from sim.scenario.schedule import PositiveDuration, Schedule
from sim.scenario.types import (
    Duration,
    FirmwareFile,
    Memory,
    Name,
    PacketSize,
    ProgramFile,
    Section,
    SettingValue,
    SourceFile,
    Speed,
    WireRate,
)

FIRMWARE = "firmware"
"""What the one service of a partition is called whose ELF file is the user's own."""


def _machine(name: str) -> str:
    if name not in boards.names():
        raise ValueError(f"unknown machine '{name}'; {advice(name, boards.names())}")
    return name


def _machine_field(kind: str) -> Any:
    """Return the field `machine`; editors get the names of one kind of board only."""

    def schema(schema: dict[str, Any]) -> None:
        schema["enum"] = [name for name in boards.names() if boards.load(name).kind == kind]

    return Field(description="Name of a board profile.", json_schema_extra=schema)


Machine = Annotated[str, AfterValidator(_machine)]


class Service(Section):
    """A Python callable on a Linux guest, called when each of its inputs has a tensor."""

    run: ProgramFile = Field(description="Python file and callable; see the section on services.")
    settings: dict[str, SettingValue] = Field(
        default_factory=dict, description="Arguments of a service class; files are carried into the guest."
    )
    time_ns: PositiveDuration | None = Field(
        default=None,
        alias="time",
        description="Execution time of a call, for sizing without a run; a run takes as long as it takes.",
    )
    sends_every: int = Field(
        default=1, ge=1, le=10_000, description="With `time`: only every so many-th call sends its outputs."
    )

    @property
    def program(self) -> Program:
        """The file and the callable of `run`."""
        return self.run


class _Partition(Section):
    """What a Linux guest and a microcontroller have in common."""

    on_failure: Literal["stop", "restart", "restart_cold", "fail_run"] = Field(
        default="stop",
        description="When it hangs or fails: go on without it, start it again (from its snapshot, or from power-on), "
        "or end the run.",
    )
    restarts: int = Field(default=3, ge=0, le=1000, description="How often it is started again at most.")
    gdb: int | None = Field(
        default=None,
        ge=1024,
        le=65535,
        description="Port of this computer at which it waits for a debugger (`target remote :1234`), which starts it.",
    )


class LinuxPartition(_Partition):
    """A Linux guest with its resources, where `machine` is a Linux board."""

    kind: ClassVar[Literal["linux"]] = "linux"
    foreign: ClassVar[Mapping[str, str]] = {
        "backend": "a Linux guest always runs on QEMU; leave it out",
        "firmware": "a Linux guest runs services in Python; add services: {name: {run: file.py:Callable}}",
        "link": "a Linux guest shares memory with its channels; leave it out",
    }
    """What to say of keys that the other kind of partition has."""

    machine: Machine = _machine_field("linux")
    memory_bytes: Memory = Field(alias="memory", description="Memory of the guest.")
    speed_mips: Speed = Field(
        alias="speed",
        description="Instructions per virtual second; one that its board does not have is reached by pauses.",
    )
    vcpus: int = Field(default=1, ge=1, le=8, description="Processors of the guest; they share its speed.")
    schedule: Schedule = Field(
        default=Schedule(), description="Its part of the cores of the host, see `host.scheduler`."
    )
    boot: Boot | None = Field(
        default=None, description="Software of your own, which boots within the run; it has no services then."
    )
    watchdog_ns: PositiveDuration | None = Field(
        default=None,
        alias="watchdog",
        description="It hangs when its agent does not answer for so long. Nobody asks it if left out.",
    )
    heartbeat_ns: PositiveDuration | None = Field(
        default=None,
        alias="heartbeat",
        description="How often its agent is asked; a quarter of `watchdog` if left out.",
    )
    ready_within_ns: PositiveDuration | None = Field(
        default=None,
        alias="ready_within",
        description="It hangs when its services are not loaded so long after it was started again; "
        "5s if left out, 60s with `restart_cold`.",
    )
    services: dict[Name, Service] = Field(default_factory=dict, description="What runs on it.")

    @property
    def board(self) -> boards.LinuxBoard:
        """The profile of its machine."""
        board = boards.load(self.machine)
        assert isinstance(board, boards.LinuxBoard), "the discriminator chose by the board"
        return board

    @property
    def machine_mips(self) -> Fraction:
        """Speed of the emulated machine: the one of its board that is nearest above `speed_mips`."""
        above = [speed for speed in self.board.speeds_mips if speed >= self.speed_mips]
        return min(above, default=self.board.speeds_mips[0])

    @property
    def duty(self) -> Fraction:
        """Share of its time that the machine executes, so that `speed_mips` come out."""
        return self.speed_mips / self.machine_mips

    @property
    def icount_shift(self) -> int:
        """N of QEMU's ``-icount shift=N`` for its machine's speed."""
        return self.board.icount_shift(self.machine_mips)

    @property
    def service_names(self) -> tuple[str, ...]:
        """Names of what runs on it."""
        return tuple(self.services)


class McuService(Section):
    """A service in C, compiled into the firmware of a microcontroller."""

    run: SourceFile = Field(description="C source file; see the section on services.")
    settings: dict[str, SettingValue] = Field(
        default_factory=dict,
        description="Whole numbers for its `SETTING` lines, and `model`: the .tflite that it runs.",
    )
    time_ns: PositiveDuration | None = Field(
        default=None,
        alias="time",
        description="Execution time of a call, for sizing without a run; a run takes as long as it takes.",
    )
    sends_every: int = Field(
        default=1, ge=1, le=10_000, description="With `time`: only every so many-th call sends its outputs."
    )

    @property
    def source(self) -> File:
        """The file of `run`."""
        return self.run


class Wire(NamedTuple):
    """How a microcontroller on a board of its own is reached.

    Attributes:
        kind: spi, uart, sdio or can.
        rate: clock periods per second; bits per second where there is no clock.
        latency_ns: from the end of a packet on the wire to its arrival in memory.
        mtu_bytes: size of the largest packet.
    """

    kind: str
    rate: Fraction
    latency_ns: int
    mtu_bytes: int


class Link(Section):
    """The wire between a microcontroller on a board of its own and the partitions.

    What is left out is as in the board's profile if that has this kind of link, else what is usual for the kind.
    """

    kind: Literal["spi", "uart", "sdio", "can"] = Field(
        description="What it is: how long a packet takes follows from it."
    )
    rate_hz: WireRate | None = Field(
        default=None, alias="rate", description="Clock of `spi` and `sdio`, bits per second of `uart` and `can`."
    )
    latency_ns: Duration | None = Field(
        default=None, alias="latency", description="From the end of a packet on the wire to its arrival in memory."
    )
    mtu_bytes: PacketSize | None = Field(
        default=None, alias="mtu", description="Largest packet; a longer tensor is cut into several."
    )


class McuPartition(_Partition):
    """A microcontroller that runs bare-metal firmware, where `machine` is a microcontroller board."""

    kind: ClassVar[Literal["mcu"]] = "mcu"
    foreign: ClassVar[Mapping[str, str]] = {
        "memory": "a microcontroller has the memory of its board; leave it out",
        "vcpus": "a microcontroller has the cores of its board; leave it out",
        "schedule": "a microcontroller has a core of its own; leave it out",
        "heartbeat": "a microcontroller's main loop is its heartbeat; leave it out",
        "ready_within": "a microcontroller is ready when it is powered on; leave it out",
    }
    """What to say of keys that the other kind of partition has."""

    machine: Machine = _machine_field("mcu")
    backend: Literal["auto", "qemu", "renode", "labwired"] = Field(
        default="auto", description="Who runs it: one that the board lists, or `auto`, the best one installed."
    )
    asked_mips: Speed | None = Field(
        default=None,
        alias="speed",
        description="Instructions per virtual second; one that the board reaches exactly. The board's own if left out.",
    )
    watchdog_ns: PositiveDuration = Field(
        default=1_000_000_000,
        alias="watchdog",
        description="It has failed when its main loop does not come round for so long while it is awake.",
    )
    link: Link | None = Field(
        default=None,
        description="Its wire to the partitions, where the board is not on their chip; the board's if left out.",
    )
    services: dict[Name, McuService] = Field(
        default_factory=dict, description="The one service that runs on it, unless it has `firmware`."
    )
    firmware: FirmwareFile | None = Field(
        default=None, description="ELF file of your own in place of `services`; its service is called `firmware`."
    )

    @property
    def board(self) -> boards.McuBoard:
        """The profile of its machine."""
        board = boards.load(self.machine)
        assert isinstance(board, boards.McuBoard), "the discriminator chose by the board"
        return board

    @property
    def backends(self) -> tuple[boards.BackendName, ...]:
        """Those that may run it: the one asked for, else all of its board."""
        offered = tuple(self.board.backends)
        return tuple(name for name in offered if name == self.backend) or offered

    @property
    def speed_mips(self) -> Fraction:
        """Million instructions per virtual second: what was asked for, else the board's own."""
        return self.board.speed_mips if self.asked_mips is None else self.asked_mips

    @property
    def effective_link(self) -> Wire | None:
        """Its wire with everything filled in; None where it is on the partitions' chip and shares memory with them."""
        own = self.board.link
        if own is None:
            return None
        asked = self.link or Link(kind=own.kind)
        usual = KINDS[asked.kind]
        rate, latency_ns, mtu = usual.rate, usual.latency_ns, usual.mtu
        if asked.kind == own.kind:
            rate, latency_ns, mtu = Fraction(own.rate_hz), own.latency_ns, own.mtu_bytes
        return Wire(
            asked.kind,
            rate if asked.rate_hz is None else asked.rate_hz,
            latency_ns if asked.latency_ns is None else asked.latency_ns,
            mtu if asked.mtu_bytes is None else asked.mtu_bytes,
        )

    @property
    def service_names(self) -> tuple[str, ...]:
        """The name of what runs on it; several only if the scenario is wrong."""
        return tuple(self.services) if self.firmware is None else (*self.services, FIRMWARE)


def _kind(value: object) -> str | None:
    """Return which kind of partition a mapping is meant to be; None where it is no mapping.

    A machine that does not exist counts as the one that was probably meant, and without one other keys decide, so that
    what is wrong is told in the right words.
    """
    if isinstance(value, (LinuxPartition, McuPartition)):
        return value.kind
    if not isinstance(value, dict):
        return None
    machine = value.get("machine")
    known = boards.names()
    meant = machine if machine in known else nearest(machine, known) if isinstance(machine, str) else None
    if meant is not None:
        return boards.load(meant).kind
    return McuPartition.kind if "memory" not in value and LinuxPartition.foreign.keys() & value.keys() else "linux"


Partition = Annotated[
    Annotated[LinuxPartition, Tag(LinuxPartition.kind)] | Annotated[McuPartition, Tag(McuPartition.kind)],
    Discriminator(_kind),
]
"""Any partition; the board of its machine tells which."""
