"""From a service in C to an ELF file for one board on one backend; built once, kept in the cache."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from guests.mcu import declarations, linker, toolchain
from guests.mcu.declarations import DeclarationError, Declarations
from guests.mcu.linker import Memory
from machines.boards import BackendName, McuBackend, McuBoard
from machines.cache import cache_dir
from machines.mcu.cores import CORES, Core
from machines.mcu.firmware import Firmware, FirmwareError, load
from virtio_shm.library import CORE as RING

ROOT = Path(__file__).parent
"""Where the firmware's own C files are."""

_INCLUDE = ROOT / "include"
_CORE = ROOT / "core"

_NOT_FOR_FIRMWARE = ("memory.c", "tap.c")
"""Of the ring's files: the core has its own memcpy, and only the host watches channels."""

_FLAGS = (
    "-std=gnu11",
    "-ffreestanding",
    "-fno-common",
    "-ffunction-sections",
    "-fdata-sections",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-enum-compare",  # a SETTING is an enumerator, and so may be what a service compares it with
    f"-Wframe-larger-than={linker.LARGEST_FRAME_BYTES}",
    "-g0",
)
_OPTIMISED = ("-O2",)
_KERNELS_OPTIMISED = ("-O3",)
_JOINED = ("-r", "-nostdlib")
_LINKED = (
    "-nostdlib",
    "-nostartfiles",
    "-static",
    "-Wl,--gc-sections",
    "-Wl,--build-id=none",
    "-Wl,--no-warn-rwx-segments",
    "-Wl,-T,linker.ld",
)


@dataclass(frozen=True)
class _Model:
    """What a model adds to a build: see `guests.mcu.nn.Conversion`."""

    c_source: str
    header: str
    sources: tuple[Path, ...]
    include_dirs: tuple[Path, ...]


@dataclass(frozen=True)
class _Target:
    """What code is built for.

    Attributes:
        board: the profile.
        entry: its backend.
    """

    board: McuBoard
    entry: McuBackend

    @property
    def core(self) -> Core:
        return CORES[self.board.core]

    @property
    def flags(self) -> list[str]:
        """Flags of everything that is compiled."""
        places = [f"-I{folder}" for folder in (_INCLUDE, _CORE, RING)]
        names = [f"-ffile-prefix-map={ROOT}=mcu", f"-ffile-prefix-map={RING}=ring"]
        board = [
            f"-DCONSOLE_ADDRESS={self.entry.console.address:#x}u",
            f"-DDOORBELL_IRQ={self.entry.doorbell.irq}u",
            f"-DSTACK_GUARD_BYTES={self.core.guard_bytes}u",
        ]
        return [*self.chosen(self.core.flags), *_FLAGS, *board, *places, *names]

    def chosen(self, flags: Sequence[str]) -> list[str]:
        """Return the core's flags with those of the backend in the place of its own of the same name.

        The compiler would heed the last one of two, but chooses its library by both.
        """
        replaced = {flag.partition("=")[0] for flag in self.entry.flags}
        return [*(flag for flag in flags if flag.partition("=")[0] not in replaced), *self.entry.flags]


def build(
    board: McuBoard,
    backend: str,
    source: Path,
    settings: Mapping[str, int],
    model: Path | None = None,
    profile_layers: bool = False,
) -> Firmware:
    """Build the firmware of a service, unless the cache has it.

    Any number of processes may build at once. Equal inputs give equal bytes.

    Parameters:
        board: where it runs.
        backend: one of `board.backends`.
        source: C file of the service.
        settings: value of each `SETTING` that is not to have its default.
        model: .tflite file, for a service that runs one.
        profile_layers: log each layer of an inference, too.

    Raises:
        EnvironmentLacks: the compiler is not installed.
        FirmwareError: it does not compile, or does not fit into the board's memory; one line.
    """
    target = _Target(board, board.backends[cast(BackendName, backend)])
    found = _declarations(source)
    if found.uses_model and model is None:
        raise FirmwareError(f"{source}: needs a model; add settings: {{model: file.tflite}}")
    values = _settings(source, settings, found)
    converted = _convert(model) if model is not None else None
    with tempfile.TemporaryDirectory(dir=cache_dir("firmware"), prefix=".building-") as name:
        elf = _elf(target, source, values, converted, profile_layers, model, Path(name))
    return load(elf, board, backend)


def _declarations(source: Path) -> Declarations:
    try:
        return declarations.read(source)
    except DeclarationError as error:
        raise FirmwareError(str(error)) from None


def _settings(source: Path, settings: Mapping[str, int], found: Declarations) -> dict[str, int]:
    unknown = next((name for name in settings if name not in found.settings), None)
    if unknown is not None:
        known = ", ".join(found.settings) or "none"
        raise FirmwareError(f"{source}: has no setting '{unknown}'; its settings: {known}")
    return {**found.settings, **settings}


def _convert(model: Path) -> _Model:
    from guests.mcu.nn import ModelError, convert  # loads numpy and the schema: only where there is a model

    try:
        found = convert(model)
    except ModelError as error:
        raise FirmwareError(str(error)) from None
    return _Model(found.c_source, found.header, found.sources, found.include_dirs)


def _elf(
    target: _Target,
    source: Path,
    settings: Mapping[str, int],
    model: _Model | None,
    profile_layers: bool,
    model_path: Path | None,
    folder: Path,
) -> Path:
    """Return the ELF file in the cache; `folder` is for what is needed on the way there."""
    core, service = target.core, source.resolve()
    flags = [*target.flags, *(f"-DSETTING_{name}=({value})" for name, value in settings.items())]
    flags += [f"-ffile-prefix-map={service.parent}=service", f"-ffile-prefix-map={folder}=model"]
    flags += ["-DNN_PROFILE"] if profile_layers else []
    if model is not None:
        (folder / "model.h").write_text(model.header)
        (folder / "model.c").write_text(model.c_source)
        flags += ['-DSERVICE_MODEL_HEADER="model.h"', "-I.", *(f"-I{each}" for each in model.include_dirs)]
    script = linker.script(target.board, target.entry, core.guard_bytes)
    (folder / "linker.ld").write_text(script)
    own = [_read(folder) for folder in (model.include_dirs if model else ())]
    texts = [toolchain.run(core, [*flags, "-E", "-P", service], folder, service, source), script, *own]
    texts += [model.c_source, model.header] if model else []
    common = _core_digest(target)
    digest = _digest(core, flags, [common, *texts])
    elf = cache_dir("firmware", digest) / f"{source.stem}.elf"
    if not elf.exists():
        objects = [_core_object(target, common, folder), folder / "service.o"]
        toolchain.run(core, [*flags, *_OPTIMISED, "-c", service, "-o", objects[1]], folder, service, source)
        if model is not None:
            objects += _compile(core, [*flags, *_KERNELS_OPTIMISED], [*model.sources, folder / "model.c"], folder)
        _link(target, objects, source, model_path, folder).replace(elf)
    return elf


def _compile(core: Core, flags: Sequence[str], files: Sequence[Path], folder: Path) -> list[Path]:
    """Compile files of ours; return the objects, in the files' order."""
    toolchain.run(core, [*flags, "-c", *files], folder, folder, folder)
    return [folder / f"{file.stem}.o" for file in files]


def _core_object(target: _Target, digest: str, folder: Path) -> Path:
    """Return the part that all services of a board have in common, as one object in the cache."""
    kept = cache_dir("firmware", digest) / "core.o"
    if not kept.exists():
        parts = folder / "core"
        parts.mkdir()
        objects = _compile(target.core, [*target.flags, *_OPTIMISED], _core_sources(target), parts)
        flags = [*target.chosen(target.core.link_flags), *_JOINED]
        toolchain.run(target.core, [*flags, *objects, "-o", parts / "joined"], parts, ROOT, ROOT)
        (parts / "joined").replace(kept)
    return kept


def _core_sources(target: _Target) -> list[Path]:
    return [
        *sorted(_CORE.glob("*.c")),
        *sorted((_CORE / target.core.architecture).glob("*.c")),
        ROOT / "boards" / f"{target.entry.layer}.c",
        ROOT / "doorbells" / f"{target.entry.doorbell.kind}.c",
        *(file for file in sorted(RING.glob("*.c")) if file.name not in _NOT_FOR_FIRMWARE),
    ]


def _core_digest(target: _Target) -> str:
    headers = [_read(folder, "*.h") for folder in (_INCLUDE, _CORE, RING)]
    return _digest(target.core, target.flags, [*headers, *(file.read_text() for file in _core_sources(target))])


def _digest(core: Core, flags: Iterable[str], texts: Iterable[str]) -> str:
    """Return a digest of what an object's bytes depend on, and of no path."""
    portable = [flag for flag in flags if not flag.startswith(("-I", "-ffile-prefix-map"))]
    ways = (portable, core.link_flags, _OPTIMISED, _KERNELS_OPTIMISED, _JOINED, _LINKED)
    parts = [toolchain.identity(core), repr(ways), *texts]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _read(folder: Path, pattern: str = "*.[ch]") -> str:
    return "\0".join(f"{file.name}\0{file.read_text()}" for file in sorted(folder.glob(pattern)))


def _link(target: _Target, objects: Sequence[Path], source: Path, model: Path | None, folder: Path) -> Path:
    core, elf = target.core, folder / "firmware.elf"
    arguments: list[str | Path] = [*target.chosen(core.link_flags), *_LINKED, *objects, "-lgcc", "-o", elf]
    try:
        toolchain.run(core, arguments, folder, folder, source)
    except toolchain.RegionOverflow as overflow:
        memory = Memory.of(target.board, target.entry)
        kind, has = ("flash", memory.code_bytes) if overflow.region == "CODE" else ("RAM", memory.data_bytes)
        what = f"{source.name} with {model.name}" if model else source.name
        need, name = has + overflow.bytes, target.board.name
        raise FirmwareError(f"{what} needs {need} bytes of {kind}, {name} has {has}") from None
    return elf
