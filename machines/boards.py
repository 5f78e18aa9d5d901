"""Board profiles: what a machine of a scenario is, as data in ``machines/boards/*.yaml``."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

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


class Board(_Profile):
    """One kind of machine.

    Attributes:
        name: how scenarios call it; the file's name without ``.yaml``.
        description: one line for people.
        backend: who runs it, such as ``qemu``.
        architecture: instruction set, such as ``x86_64``.
        cpu: CPU model in the backend's own words.
        speed: reachable speeds.
        memory_mib: memory range.
    """

    name: str
    description: str
    backend: str
    architecture: str
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


@cache
def names() -> tuple[str, ...]:
    """Return the names of all shipped boards, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


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


def read(path: Path) -> Board:
    """Read a board profile from a file.

    Raises:
        BoardError: the file cannot be read or does not describe a board; the message starts with the path.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        board = Board.model_validate(yaml.load(path.read_bytes(), Loader=loader))
    except ValidationError as error:
        first = error.errors()[0]
        raise BoardError(f"{path}: {'.'.join(map(str, first['loc'])) or 'profile'}: {first['msg']}") from None
    except (OSError, yaml.YAMLError) as error:
        raise BoardError(f"{path}: {' '.join(str(error).split())}") from None
    if board.name != path.stem:
        raise BoardError(f"{path}: name: is '{board.name}', the file is called '{path.stem}'")
    return board
