"""What a model costs on a board: measured instructions, and the ELF file's memory by what it is for."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile

from guests.mcu.build import ROOT, build
from guests.mcu.nn.conversion import KERNELS
from machines.boards import BackendName, McuBoard
from machines.errors import ParticipantFailed
from machines.mcu import backends
from machines.mcu.control import LOG_ENTRIES, PAGE_BYTES, WHOLE_INFERENCE, ControlPage, Life, LogEntry
from machines.mcu.firmware import Firmware
from machines.mcu.machine import Machine
from machines.mcu.window import arrange
from machines.memory import SharedRegion

CLASSIFIER = ROOT / "services" / "classifier.c"
"""The service whose memory is shown."""

_PROFILE = Path(__file__).with_name("profile.c")
_SPEED_MIPS = Fraction(1000)
_GRANT_NS = 20_000
_LONGEST_NS = 60_000_000_000
"""60 thousand million instructions: no model for a microcontroller takes as many."""


@dataclass(frozen=True)
class Instructions:
    """Instructions of one inference on zeros.

    Attributes:
        whole: of the inference, the log's own work between layers included.
        layers: by position in the call list; without layers that were overwritten in the log.
    """

    whole: int
    layers: Mapping[int, int]


@dataclass(frozen=True)
class Memory:
    """Bytes of one kind of memory in an ELF file; the parts make up the whole.

    Attributes:
        total: as `machines.mcu.firmware.Firmware` has it.
        model: weights, parameters and call list; in RAM the arena.
        kernels: their code and tables.
        base: everything else: start, ring, service, stack, gaps.
        available: what the board has.
    """

    total: int
    model: int
    kernels: int
    base: int
    available: int


def backend(board: McuBoard) -> BackendName:
    """Return who measures a board: QEMU where it can, because it counts exactly and is fast."""
    return "qemu" if "qemu" in board.backends else backends.choose(board, "auto").name


def firmware(board: McuBoard, model: Path) -> Firmware:
    """Build the generic classifier with a model.

    Raises:
        EnvironmentLacks: the compiler is not installed.
        FirmwareError: it does not fit the board.
    """
    return build(board, backend(board), CLASSIFIER, {}, model)


def measure(board: McuBoard, model: Path) -> Instructions:
    """Run a model once on a board's backend and count.

    Raises:
        EnvironmentLacks: the compiler or the backend is not installed.
        FirmwareError: the model does not fit the board.
        ParticipantFailed: the firmware does not get to the end.
    """
    name = backend(board)
    built = build(board, name, _PROFILE, {}, model, profile_layers=True)
    entry = board.backends[name]
    with contextlib.ExitStack() as hold:
        folder = Path(hold.enter_context(tempfile.TemporaryDirectory(prefix="edgesim-profile-")))
        control = hold.enter_context(contextlib.closing(SharedRegion("profile", PAGE_BYTES)))
        window = arrange("profile", entry.window, control, [])
        machine = backends.module(name).make("profile", entry, built.elf, window, _SPEED_MIPS, folder)
        hold.callback(machine.close)
        return _counts(_run(machine, ControlPage(control)))


def _run(machine: Machine, page: ControlPage) -> list[LogEntry]:
    """Let it run until the whole inference stands in the log, looking often enough to miss no layer."""
    page.introduce([], (1000 // int(_SPEED_MIPS), 1), machine.counter_in_memory, 0, _GRANT_NS)
    machine.launch()
    found: list[LogEntry] = []
    seen, count = 0, 0
    for now_ns in range(0, _LONGEST_NS, _GRANT_NS):
        page.set_time(now_ns, page.counter() if machine.counter_in_memory else count, now_ns + _GRANT_NS)
        machine.run(_GRANT_NS)
        count = machine.settle().instructions
        status = page.status()
        found += page.log(seen, status.inference_count)
        seen = status.inference_count
        if any(entry.layer == WHOLE_INFERENCE for entry in found[-LOG_ENTRIES:]):
            return found
        if status.life == Life.FAULT:
            raise ParticipantFailed("profile", f"the firmware stopped with fault {status.fault_kind}")
    raise ParticipantFailed("profile", "the inference does not end")


def _counts(entries: list[LogEntry]) -> Instructions:
    whole = next(entry.instructions for entry in entries if entry.layer == WHOLE_INFERENCE)
    return Instructions(whole, {each.layer: each.instructions for each in entries if each.layer != WHOLE_INFERENCE})


def memory(board: McuBoard, built: Firmware) -> tuple[Memory, Memory]:
    """Return what flash and RAM of a firmware are used for, by the symbols of its ELF file.

    Returns:
        Flash and RAM, in bytes.
    """
    with built.elf.open("rb") as stream:
        sizes = _sizes(ELFFile(stream))
    flash_model, kernels, arena = sizes
    flash = Memory(
        built.flash_bytes, flash_model, kernels, built.flash_bytes - flash_model - kernels, board.flash_bytes
    )
    return flash, Memory(built.ram_bytes, arena, 0, built.ram_bytes - arena, board.ram_bytes)


def _sizes(elf: Any) -> tuple[int, int, int]:
    """Return bytes of the model's constants, of the kernels and of the arena."""
    kernels = {path.name for path in KERNELS.glob("*.c")}
    model = code = arena = 0
    file = ""
    for symbol in elf.get_section_by_name(".symtab").iter_symbols():
        kind, size = symbol["st_info"]["type"], symbol["st_size"]
        local = symbol["st_info"]["bind"] == "STB_LOCAL"
        if kind == "STT_FILE":
            file = symbol.name
        elif kind not in ("STT_OBJECT", "STT_FUNC"):
            continue
        elif symbol.name == "model_arena":
            arena += size
        elif symbol.name == "model" or (local and file == "model.c"):
            model += size
        elif symbol.name.startswith("nn_") or (local and file in kernels):
            code += size
    return model, code, arena
