"""Firmware as an ELF file: what it is, and whether it can run on a board at all."""

from __future__ import annotations

import bisect
import hashlib
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from machines.boards import McuBackend, McuBoard, Span
from machines.mcu.cores import CORES
from virtio_shm.tensor import DTYPES, MAX_RANK, TensorSpec

PORTS_SECTION = ".mcu_ports"
_PORT = struct.Struct(f"<16sIII{MAX_RANK}II8x")
"""struct mcu_port of guests/mcu/include/service.h."""

_MACHINES = {"EM_ARM": "Arm", "EM_RISCV": "RISC-V", "EM_XTENSA": "Xtensa", "EM_386": "x86", "EM_X86_64": "x86-64"}
_LARGEST = 64 << 20


class FirmwareError(ValueError):
    """Firmware cannot be built, or an ELF file cannot run on its board; the message is one line."""


@dataclass(frozen=True)
class FirmwarePort:
    """One port of a firmware.

    Attributes:
        name: as scenarios call it.
        direction: as seen from the firmware.
        optional: an input that it does not wait for.
        dtype, shape: of its tensors.
    """

    name: str
    direction: Literal["input", "output"]
    optional: bool
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Segment:
    """Bytes that are loaded, and memory that they start.

    Attributes:
        address: where the program sees it.
        load_address: where the loader puts its bytes.
        data: the bytes.
        memory_bytes: at `address`; what exceeds `data` is not loaded.
    """

    address: int
    load_address: int
    data: bytes
    memory_bytes: int


@dataclass(frozen=True)
class Firmware:
    """An ELF file that can run on its board.

    Attributes:
        elf: the file.
        digest: SHA-256 of its bytes, hexadecimal.
        entry: address of its first instruction.
        segments: what is loaded.
        sections: bytes of each section that takes memory, by name.
        flash_bytes: instructions, constants and initial values of variables.
        ram_bytes: variables and stack.
        ports: in the order of the file.
        functions: address and name of each function, by address.
    """

    elf: Path
    digest: str
    entry: int
    segments: tuple[Segment, ...]
    sections: Mapping[str, int]
    flash_bytes: int
    ram_bytes: int
    ports: tuple[FirmwarePort, ...]
    functions: tuple[tuple[int, str], ...]

    def symbol(self, address: int) -> str:
        """Return which function an address is in, like ``on_tensors+0x12``, or ``no function``."""
        if address == self.entry and not self.functions:
            return "entry"
        place = bisect.bisect_right(self._addresses, address & ~1) - 1
        start, name = self.functions[place] if place >= 0 else (address, "")
        if not name or not any(_holds(segment, start) and _holds(segment, address) for segment in self.segments):
            return "no function"
        offset = (address & ~1) - start
        return f"{name}+{offset:#x}" if offset else name

    @cached_property
    def _addresses(self) -> list[int]:
        return [address for address, _ in self.functions]


def load(elf: Path, board: McuBoard, backend: str) -> Firmware:
    """Read an ELF file and check that it can run on a board.

    Parameters:
        elf: the file.
        board: where it shall run.
        backend: of `board.backends`, whose memory map counts.

    Raises:
        FirmwareError: it cannot be read, is for another core, does not fit into flash and RAM, lacks its ports, or
            would not start.
    """
    try:
        with elf.open("rb") as stream:
            if stream.seek(0, 2) > _LARGEST:
                raise FirmwareError(f"{elf}: {stream.tell()} bytes; firmware has at most {_LARGEST}")
            stream.seek(0)
            raw = stream.read()
            return _read(elf, raw, ELFFile(stream), board, board.backends[backend])  # type: ignore[index]
    except OSError as error:
        raise FirmwareError(f"{elf}: cannot be read: {error.strerror or error}") from None
    except FirmwareError:
        raise
    except (ELFError, struct.error, ValueError, KeyError, AttributeError, TypeError, UnicodeDecodeError, IndexError):
        raise FirmwareError(f"{elf}: is no sound ELF file; compile it with {CORES[board.core].toolchain}gcc") from None


def _read(path: Path, raw: bytes, elf: Any, board: McuBoard, backend: McuBackend) -> Firmware:
    _check_kind(path, elf, board)
    segments = tuple(_segments(elf))
    sections = {each.name: each["sh_size"] for each in elf.iter_sections() if each["sh_flags"] & 2}  # SHF_ALLOC
    flash_bytes = sum(len(segment.data) for segment in segments)
    ram_bytes = sum(segment.memory_bytes for segment in segments if backend.data.holds(segment.address))
    _check_places(path, segments, board, backend)
    for what, need, has in (("flash", flash_bytes, board.flash_bytes), ("RAM", ram_bytes, board.ram_bytes)):
        if need > has:
            raise FirmwareError(f"{path}: needs {need} bytes of {what}, {board.name} has {has}")
    entry = elf["e_entry"]
    _check_start(path, entry, segments, board, backend)
    ports = tuple(_ports(path, elf))
    return Firmware(
        path,
        hashlib.sha256(raw).hexdigest(),
        entry,
        segments,
        sections,
        flash_bytes,
        ram_bytes,
        ports,
        tuple(_functions(elf)),
    )


def _check_kind(path: Path, elf: Any, board: McuBoard) -> None:
    core = CORES[board.core]
    machine = elf["e_machine"]
    if machine != core.elf_machine:
        found = _MACHINES.get(machine, str(machine))
        raise FirmwareError(
            f"{path}: is for {found}, {board.name} has a {core.title}; compile it with {core.toolchain}gcc"
        )
    if elf.elfclass != 32 or not elf.little_endian:
        raise FirmwareError(f"{path}: is no 32-bit little-endian program, as {board.name} needs it")
    if elf["e_type"] != "ET_EXEC":
        raise FirmwareError(f"{path}: is not linked to fixed addresses; link it with a linker script and without -pie")


def _segments(elf: Any) -> Iterator[Segment]:
    for each in elf.iter_segments("PT_LOAD"):
        if each["p_memsz"]:
            yield Segment(each["p_vaddr"], each["p_paddr"], each.data(), each["p_memsz"])


def _check_places(path: Path, segments: tuple[Segment, ...], board: McuBoard, backend: McuBackend) -> None:
    if not any(segment.data for segment in segments):
        raise FirmwareError(f"{path}: has nothing to load")
    for segment in segments:
        within = (backend.code, backend.data)
        for address, size in ((segment.address, segment.memory_bytes), (segment.load_address, len(segment.data))):
            if size and not any(span.holds(address, size) for span in within):
                has = " and ".join(_range(span) for span in within)
                raise FirmwareError(
                    f"{path}: {size} bytes at {address:#010x} are outside of the memory of {board.name}: {has}"
                )


def _range(span: Span) -> str:
    return f"{span.address:#010x} to {span.end - 1:#010x}"


def _check_start(path: Path, entry: int, segments: tuple[Segment, ...], board: McuBoard, backend: McuBackend) -> None:
    if not any(_loads(segment, entry) for segment in segments):
        advice = "set ENTRY() of the linker script"
        raise FirmwareError(f"{path}: its entry {entry:#010x} is in nothing that is loaded; {advice}")
    core, start = CORES[board.core], backend.code.address
    if core.architecture != "arm":
        return
    table = next((each.data for each in segments if each.load_address == start and len(each.data) >= 8), None)
    if table is None:
        raise FirmwareError(f"{path}: has no vector table at {start:#010x}, where a {core.title} starts")
    stack, reset = struct.unpack_from("<II", table)
    if not backend.data.holds(stack - 4, 4):
        what = f"sets the stack to {stack:#010x}, which is no RAM of {board.name}"
        raise FirmwareError(f"{path}: its vector table {what}")
    if not reset & 1 or not any(_loads(segment, reset & ~1) for segment in segments):
        what = f"has the reset handler {reset:#010x}, which is no Thumb function in it"
        raise FirmwareError(f"{path}: its vector table {what}")


def _loads(segment: Segment, address: int) -> bool:
    return segment.address <= address < segment.address + len(segment.data)


def _holds(segment: Segment, address: int) -> bool:
    return segment.address <= address < segment.address + segment.memory_bytes


def _ports(path: Path, elf: Any) -> Iterator[FirmwarePort]:
    section = elf.get_section_by_name(PORTS_SECTION)
    if section is None or not section["sh_size"]:
        raise FirmwareError(f"{path}: has no section {PORTS_SECTION} with its ports (docs/firmware.md)")
    data = section.data()
    if len(data) % _PORT.size:
        raise FirmwareError(f"{path}: {PORTS_SECTION} has {len(data)} bytes, no multiple of {_PORT.size}")
    names = set()
    for raw_name, direction, dtype, rank, *rest in _PORT.iter_unpack(data):
        port = _port(path, raw_name, (direction, dtype, rank), rest[:MAX_RANK], bool(rest[MAX_RANK]))
        if port.name in names:
            raise FirmwareError(f"{path}: has two ports '{port.name}'")
        names.add(port.name)
        yield port


def _port(path: Path, raw_name: bytes, kind: tuple[int, int, int], lengths: list[int], optional: bool) -> FirmwarePort:
    name = raw_name.rstrip(b"\0").decode("ascii", errors="replace")
    if raw_name[-1:] != b"\0" or not name.isidentifier():
        raise FirmwareError(f"{path}: {name!r} is no name of a port; letters, digits and _, at most 15 characters")
    direction, dtype, rank = kind
    if direction not in (1, 2) or not 1 <= dtype <= len(DTYPES) or not 1 <= rank <= MAX_RANK:
        what = f"direction {direction}, dtype {dtype}, rank {rank}"
        raise FirmwareError(f"{path}: port '{name}' has {what} (docs/firmware.md)")
    shape = tuple(lengths[:rank])
    try:
        TensorSpec(DTYPES[dtype - 1], shape)
    except ValueError as error:
        raise FirmwareError(f"{path}: port '{name}': {error}") from None
    return FirmwarePort(name, "input" if direction == 1 else "output", optional, DTYPES[dtype - 1], shape)


def _functions(elf: Any) -> list[tuple[int, str]]:
    table = elf.get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        return []
    found = {each["st_value"] & ~1: each.name for each in table.iter_symbols() if each["st_info"]["type"] == "STT_FUNC"}
    return sorted(found.items())
