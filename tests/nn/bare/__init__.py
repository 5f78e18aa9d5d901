"""Compiles a converted model for a bare core and runs it in QEMU by semihosting."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from guests.mcu.nn import KERNELS, Conversion
from machines.mcu.cores import CORES

HERE = Path(__file__).parent
_CORE = KERNELS.parents[1] / "core"
_FLAGS = ("-std=c11", "-O3", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-ffunction-sections")
_LINK = ("-nostdlib", "-Wl,--gc-sections", "-Wl,--build-id=none")
_TIMEOUT_S = 20


@dataclass(frozen=True)
class Bench:
    """A core in QEMU with nothing around it.

    Attributes:
        core: key of `machines.mcu.cores.CORES`.
        start: its start-up file.
        qemu: program and machine.
        memory: addresses of the first instructions, of code, and of data, with the sizes of the latter two.
        flags: further compiler flags.
        arithmetic: what the compiler's library lacks.
        link: flags of the linker alone.
    """

    core: str
    start: str
    qemu: tuple[str, ...]
    memory: tuple[int, int, int, int, int]
    flags: tuple[str, ...] = ()
    arithmetic: tuple[Path, ...] = ()
    link: tuple[str, ...] = ()

    def program(self, conversion: Conversion, given: bytes, expected: bytes, sets: int, folder: Path) -> Path:
        """Return the program that compares outputs with those expected."""
        (folder / "model.c").write_text(conversion.c_source)
        (folder / "sets.c").write_text(_arrays(given, expected, sets))
        (folder / "layout.ld").write_text(self._layout())
        core = CORES[self.core]
        sources = [folder / "model.c", folder / "sets.c", HERE / "main.c", HERE / self.start, *conversion.sources]
        sources += self.arithmetic
        compiler, elf = f"{core.toolchain}gcc", folder / "program.elf"
        includes = [f"-I{path}" for path in conversion.include_dirs]
        line = [compiler, *core.flags, *_FLAGS, *self.flags, *includes, "-c", *map(str, sources)]
        subprocess.run(line, check=True, cwd=folder)
        objects = [str(folder / f"{source.stem}.o") for source in sources]
        line = [compiler, *core.flags, *self.link, *_LINK, "-T", str(folder / "layout.ld"), *objects, "-lgcc"]
        subprocess.run([*line, "-o", str(elf)], check=True)
        return elf

    def _layout(self) -> str:
        names = ("start", "code", "code_bytes", "data", "data_bytes")
        values = dict(zip(names, map(hex, self.memory), strict=True))
        return Template((HERE / "layout.ld.in").read_text()).substitute(values)

    def run(self, elf: Path, options: Sequence[str] = ()) -> int:
        """Return the exit code: 0 if all outputs are as expected."""
        line = [*self.qemu, "-display", "none", "-serial", "none", "-monitor", "none", "-semihosting", *options]
        done = subprocess.run([*line, "-kernel", str(elf)], timeout=_TIMEOUT_S, stdin=subprocess.DEVNULL)
        return done.returncode


def _arrays(given: bytes, expected: bytes, sets: int) -> str:
    arrays = (
        f"const uint8_t {name}[] = {{{','.join(map(str, data))}}};"
        for name, data in (("given", given), ("expected", expected))
    )
    return "\n".join(["#include <stdint.h>", *arrays, f"const uint32_t sets = {sets};", ""])


def _arm(core: str, machine: str, start: int, data: int, data_bytes: int, flags: tuple[str, ...] = ()) -> Bench:
    memory = (start, start + 0x400, 0x7FC00, data, data_bytes)
    return Bench(core, "arm_start.c", ("qemu-system-arm", "-M", machine), memory, flags)


_RV32 = ("qemu-system-riscv32", "-M", "virt", "-bios", "none", "-cpu", "rv32,a=off,f=off,d=off,mmu=off,pmp=off")
_XTENSA = ("qemu-system-xtensa", "-M", "virt", "-cpu", "de212")
_PORTABLE = ("-DNN_PORTABLE",)

BENCHES = {
    "M3": _arm("cortex-m3", "mps2-an385", 0x0, 0x20000000, 4 << 20),
    "M4": _arm("cortex-m4", "mps2-an386", 0x0, 0x20000000, 4 << 20),
    "M4, portable": _arm("cortex-m4", "mps2-an386", 0x0, 0x20000000, 4 << 20, _PORTABLE),
    "M7": _arm("cortex-m7", "mps2-an500", 0x0, 0x20000000, 4 << 20),
    "M7, portable": _arm("cortex-m7", "mps2-an500", 0x0, 0x20000000, 4 << 20, _PORTABLE),
    "M33": _arm("cortex-m33", "mps2-an505", 0x10000000, 0x38000000, 4 << 20),
    "M33, portable": _arm("cortex-m33", "mps2-an505", 0x10000000, 0x38000000, 4 << 20, _PORTABLE),
    "M55": _arm("cortex-m55", "mps3-an547", 0x0, 0x31000000, 2 << 20),
    "M55, portable": _arm("cortex-m55", "mps3-an547", 0x0, 0x31000000, 2 << 20, _PORTABLE),
    "RV32IMC": Bench(
        "rv32imc",
        "riscv_start.S",
        _RV32,
        (0x80000000, 0x80000400, 4 << 20, 0x80800000, 8 << 20),
        link=("-march=rv32imc",),
    ),
    "Xtensa": Bench(
        "esp32",
        "xtensa_start.S",
        _XTENSA,
        (0x50000000, 0x60000000, 4 << 20, 0x60800000, 8 << 20),
        arithmetic=(_CORE / "xtensa" / "floats.c", _CORE / "xtensa" / "integers.c"),
    ),
}
"""Every kind of core, and where the kernels have paths of its own, it with plain C as well."""
