"""Board profiles: what a machine of a scenario is, as data in ``machines/boards/*.yaml``."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from machines import profiles

FOLDER = Path(__file__).with_name("boards")
"""Where the shipped profiles are; a new board is one more file here."""

MIB = 1 << 20


class BoardError(ValueError):
    """A board profile is missing or broken; the message is one line."""


class _Profile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)


class Speed(_Profile):
    """Speeds that the backend reaches exactly: ``fastest_mips / 2^shift`` for shift from 0 to `largest_shift`."""

    fastest_mips: int = Field(gt=0)
    largest_shift: int = Field(ge=0, le=20)


class MemoryRange(_Profile):
    """Least and most memory of a partition on this board, in MiB."""

    minimum: int = Field(gt=0)
    maximum: int = Field(gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> MemoryRange:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        return self


class _Board(_Profile):
    name: str
    description: str

    @property
    def speeds_mips(self) -> tuple[Fraction, ...]:
        """Every reachable speed in million instructions per virtual second, fastest first."""
        raise NotImplementedError

    def icount_shift(self, speed_mips: Fraction | float) -> int:
        """Return the N of QEMU's ``-icount shift=N`` that gives exactly this speed.

        Parameters:
            speed_mips: million instructions per virtual second.

        Raises:
            BoardError: no shift gives it; the message has the nearest speeds.
        """
        speeds = self.speeds_mips
        if speed_mips in speeds:
            return speeds.index(Fraction(speed_mips))
        near = " and ".join(f"{float(speed):g}" for speed in self.nearest_speeds(speed_mips))
        raise BoardError(f"{self.name} cannot run at exactly {float(speed_mips):g} MIPS; nearest are {near} MIPS")

    def nearest_speeds(self, speed_mips: Fraction | float) -> tuple[Fraction, ...]:
        """Return the reachable speeds just below and just above, or the one at the end of the range."""
        below = [speed for speed in self.speeds_mips if speed <= speed_mips][:1]
        above = [speed for speed in self.speeds_mips if speed >= speed_mips][-1:]
        return tuple(dict.fromkeys(below + above))


class LinuxBoard(_Board):
    """A machine that carries a Linux guest.

    Attributes:
        name: how scenarios call it; the file's name without ``.yaml``.
        description: one line for people.
        backend: who runs it, such as ``qemu``.
        architecture: instruction set, as QEMU's program for it is called.
        cpu: CPU model in the backend's own words.
        speed: reachable speeds.
        memory_mib: memory range.
    """

    kind: Literal["linux"]
    backend: str
    architecture: Literal["x86_64", "aarch64"]
    cpu: str
    speed: Speed
    memory_mib: MemoryRange

    @property
    def speeds_mips(self) -> tuple[Fraction, ...]:
        """Every reachable speed in million instructions per virtual second, fastest first."""
        return tuple(Fraction(self.speed.fastest_mips, 1 << n) for n in range(self.speed.largest_shift + 1))

    @property
    def memory_min_bytes(self) -> int:
        """Least memory of a partition, in bytes."""
        return self.memory_mib.minimum * MIB

    @property
    def memory_max_bytes(self) -> int:
        """Most memory of a partition, in bytes."""
        return self.memory_mib.maximum * MIB


class Span(_Profile):
    """A range of addresses of a microcontroller, in bytes."""

    address: int = Field(ge=0, lt=1 << 32)
    bytes: int = Field(gt=0, le=1 << 32)

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.address + self.bytes

    def holds(self, address: int, size: int = 1) -> bool:
        """Tell whether `size` bytes from `address` on lie within."""
        return self.address <= address and address + size <= self.end


class Doorbell(_Profile):
    """How the host wakes the firmware: an input of its interrupt controller, or not at all (``poll``)."""

    kind: Literal["nvic", "plic", "poll"]
    irq: int = Field(default=0, ge=0)


class Console(_Profile):
    """The UART that the firmware writes text to: its type names the C file of its driver."""

    uart: str
    address: int


class McuBackend(_Profile):
    """What one backend makes of a microcontroller board.

    Attributes:
        machine: the machine, chip or platform in the backend's own words.
        cpu: CPU model in the backend's own words; empty: the machine's own.
        stand_in: it runs the same instructions on another machine than the board; never chosen by ``auto`` if there is
            a backend that models the board.
        layer: C board layer, a file of ``guests/mcu/boards``.
        flags: further compiler flags, such as for instructions that the backend gets wrong.
        code: where instructions and constants go (flash, or RAM that plays it).
        data: where variables, arena and stack go.
        window: carve-out that the firmware shares with the host.
        doorbell: how the firmware is woken.
        console: where its text goes.
    """

    machine: str
    cpu: str = ""
    stand_in: bool = False
    layer: str
    flags: list[str] = []
    code: Span
    data: Span
    window: Span
    doorbell: Doorbell
    console: Console


BackendName = Literal["qemu", "renode", "labwired"]
"""Who can run a microcontroller."""


class BoardLink(_Profile):
    """The wire by which an off-chip microcontroller is reached if the scenario says nothing else."""

    kind: Literal["spi", "uart", "sdio", "can"]
    rate_hz: int = Field(gt=0)
    latency_ns: int = Field(ge=0)
    mtu_bytes: int = Field(gt=0)


class McuBoard(_Board):
    """A microcontroller that runs bare-metal firmware.

    Attributes:
        name: how scenarios call it; the file's name without ``.yaml``.
        description: one line for people.
        core: key of `machines.mcu.cores.CORES`.
        clock_mhz: of the real board.
        mips: million instructions per second of the real board as run by default: a power-of-two part of 1000, so that
            every backend reaches it exactly; the profile says where the figure comes from.
        flash_bytes, ram_bytes: of the real board; firmware that needs more is refused on every backend.
        link: None for a core on the chip of the partitions, which shares memory with them; else its wire.
        backends: by name.
    """

    kind: Literal["mcu"]
    core: str
    clock_mhz: float
    mips: float
    flash_bytes: int = Field(gt=0)
    ram_bytes: int = Field(gt=0)
    link: BoardLink | None = None
    backends: dict[BackendName, McuBackend] = Field(min_length=1)

    @property
    def speeds_mips(self) -> tuple[Fraction, ...]:
        """Every reachable speed in million instructions per virtual second, fastest first."""
        return tuple(Fraction(1000, 1 << n) for n in range(11))

    @property
    def speed_mips(self) -> Fraction:
        """Its own speed, exact."""
        return Fraction(self.mips)


Board = LinuxBoard | McuBoard
"""Any board profile; `kind` tells which."""

_BOARD: TypeAdapter[Board] = TypeAdapter(Annotated[Board, Field(discriminator="kind")])


@cache
def names() -> tuple[str, ...]:
    """Return the names of all shipped boards, sorted."""
    return profiles.names(FOLDER)


@cache
def load(name: str) -> Board:
    """Load a shipped board profile.

    Parameters:
        name: one of `names()`.

    Raises:
        BoardError: there is none of this name, or its file does not describe a board.
    """
    if name not in names():
        raise BoardError(f"unknown machine '{name}'; one of {', '.join(names())}")
    return read(FOLDER / f"{name}.yaml")


def load_linux(name: str) -> LinuxBoard:
    """Load the profile of a machine that carries a Linux guest.

    Raises:
        BoardError: there is none of this name, or it is a microcontroller.
    """
    board = load(name)
    if not isinstance(board, LinuxBoard):
        raise BoardError(f"{name} is a microcontroller and carries no Linux guest")
    return board


def read(path: Path) -> Board:
    """Read a board profile from a file.

    Raises:
        BoardError: the file cannot be read or does not describe a board; the message starts with the path.
    """
    return profiles.read(path, _BOARD.validate_python, BoardError)
