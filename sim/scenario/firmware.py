"""What microcontrollers' programs take and send, read from source and model or from an ELF file, without a compiler."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from guests.mcu.declarations import DeclarationError, Declarations, read
from guests.service import TensorType
from machines.boards import BackendName, McuBoard

if TYPE_CHECKING:
    from machines.mcu.firmware import FirmwarePort


@dataclass(frozen=True)
class ModelFacts:
    """What a model brings along.

    Attributes:
        tensors: what `MODEL_INPUT`, `MODEL_OUTPUT` and `MODEL_ROW` stand for in port lines.
        flash_bytes: of its constants.
        arena_bytes: RAM that it computes in.
    """

    tensors: Mapping[str, TensorType]
    flash_bytes: int
    arena_bytes: int


class FirmwareProblem(ValueError):
    """A source file, a model or an ELF file is unusable; the message is one line without the file's folder."""


def declarations(source: Path) -> Declarations:
    """Return the ports and settings of a service in C.

    Raises:
        FirmwareProblem: a line of its declarations is wrong.
    """
    return _declarations(source, source.stat().st_mtime_ns)


def model_facts(model: Path) -> ModelFacts:
    """Return what is to be known of a model.

    Raises:
        FirmwareProblem: it cannot be converted.
    """
    return _model_facts(model, model.stat().st_mtime_ns)


def elf_ports(elf: Path, board: McuBoard, backends: Iterable[BackendName]) -> tuple[FirmwarePort, ...]:
    """Return the ports of an ELF file that at least one of some backends can run on a board.

    Raises:
        FirmwareProblem: it is no ELF file, or cannot run on the board; as the first backend has it.
    """
    from machines.mcu.firmware import FirmwareError, load  # pyelftools, which only such a partition costs

    problems = []
    for backend in backends:
        try:
            return load(elf, board, backend).ports
        except FirmwareError as error:
            problems.append(_named(error, elf))
    raise FirmwareProblem(problems[0])


@lru_cache(maxsize=64)
def _declarations(source: Path, modified_ns: int) -> Declarations:
    try:
        return read(source)
    except DeclarationError as error:
        raise FirmwareProblem(_named(error, source)) from None


@lru_cache(maxsize=16)
def _model_facts(model: Path, modified_ns: int) -> ModelFacts:
    from guests.mcu.nn import ModelError, convert, read_ports, row  # 0.2 s that only such a service costs

    try:
        window, scores = read_ports(model)
        report = convert(model).report
    except ModelError as error:
        raise FirmwareProblem(_named(error, model)) from None
    tensors = {"MODEL_INPUT": window, "MODEL_OUTPUT": scores, "MODEL_ROW": row(window)}
    return ModelFacts(tensors, report.flash_bytes, report.arena_bytes)


def _named(error: Exception, file: Path) -> str:
    """Return a message that names the file without its folder."""
    return str(error).replace(str(file), file.name)
