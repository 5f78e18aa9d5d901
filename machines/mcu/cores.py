"""The processor cores of microcontroller boards: how they are compiled for, and what their ELF files look like."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Core:
    """One kind of core.

    Attributes:
        title: for people.
        architecture: folder of its start-up code, ``guests/mcu/core/ARCHITECTURE``.
        toolchain: prefix of the compiler's programs.
        package: Debian package that has the compiler.
        flags: of the compiler: instruction set and calling convention.
        link_flags: those that choose its library.
        elf_machine: ``e_machine`` of its ELF files, by pyelftools' name.
        guard_bytes: memory below the stack that it can make fault when touched, a power of two; 0 where the core has no
            protection, or a limit register.
    """

    title: str
    architecture: str
    toolchain: str
    package: str
    flags: tuple[str, ...]
    link_flags: tuple[str, ...]
    elf_machine: str
    guard_bytes: int


_MPU_GUARD_BYTES = 1024  # as large as QEMU's pages of Cortex-M: those that are protected in part are slow
_PMP_GUARD_BYTES = 4096  # the same of RISC-V


def _arm(title: str, *flags: str, guard_bytes: int = 0) -> Core:
    flags = ("-mthumb", *flags)
    return Core(title, "arm", "arm-none-eabi-", "gcc-arm-none-eabi", flags, flags, "EM_ARM", guard_bytes)


def _xtensa(title: str) -> Core:
    flags = ("-mtext-section-literals", "-mlongcalls")
    return Core(title, "xtensa", "xtensa-lx106-elf-", "gcc-xtensa-lx106", flags, (), "EM_XTENSA", guard_bytes=0)


CORES = {
    "cortex-m3": _arm("Cortex-M3", "-mcpu=cortex-m3", guard_bytes=_MPU_GUARD_BYTES),
    "cortex-m4": _arm(
        "Cortex-M4F", "-mcpu=cortex-m4", "-mfloat-abi=softfp", "-mfpu=fpv4-sp-d16", guard_bytes=_MPU_GUARD_BYTES
    ),
    "cortex-m7": _arm(
        "Cortex-M7F", "-mcpu=cortex-m7", "-mfloat-abi=softfp", "-mfpu=fpv5-d16", guard_bytes=_MPU_GUARD_BYTES
    ),
    "cortex-m33": _arm("Cortex-M33", "-mcpu=cortex-m33", "-mfloat-abi=softfp", "-mfpu=fpv5-sp-d16"),
    "cortex-m55": _arm("Cortex-M55 (Helium)", "-mcpu=cortex-m55", "-mfloat-abi=hard"),
    "rv32imc": Core(
        "RV32IMC",
        "riscv",
        "riscv64-unknown-elf-",
        "gcc-riscv64-unknown-elf",
        ("-march=rv32imc_zicsr", "-mabi=ilp32", "-mcmodel=medany"),
        ("-march=rv32imc", "-mabi=ilp32"),
        "EM_RISCV",
        guard_bytes=_PMP_GUARD_BYTES,
    ),
    "esp32": _xtensa("Xtensa LX6"),
    "esp32s3": _xtensa("Xtensa LX7"),
}
"""By the name in board profiles. The Xtensa compiler of the distribution knows the call0 convention only, which both
the LX6 and the LX7 execute."""
