"""A machine with two AArch64 processors and no operating system: QEMU under lockstep, without the rest of a guest."""

from __future__ import annotations

import contextlib
import mmap
import os
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from machines.errors import EnvironmentLacks
from machines.qemu import binary, plugin
from machines.qemu.lockstep import Boundary, Lockstep

RAM_BYTES = 32 << 20
LOADED_AT = 0x40100000
COUNTS_OFFSET = 0x200000  # COUNTS in smp.S, from where RAM begins

try:
    QEMU: binary.QemuBinary | None = binary.find("aarch64")
except EnvironmentLacks:
    QEMU = None

needs_smp = pytest.mark.skipif(
    QEMU is None or not shutil.which("clang") or not shutil.which("llvm-objcopy"),
    reason="qemu-system-aarch64 or an assembler for it (clang, llvm) is not installed",
)
SmpMaker = Callable[..., "SmpMachine"]


def build(folder: Path, *flags: str) -> Path:
    """Return the bytes of smp.S, as they lie in memory."""
    source, unlinked, code = Path(__file__).with_name("smp.S"), folder / "smp.o", folder / "smp.bin"
    assembler = ["clang", "--target=aarch64-none-elf", "-c", *flags, "-o", str(unlinked), str(source)]
    subprocess.run(assembler, check=True)
    subprocess.run(["llvm-objcopy", "-O", "binary", str(unlinked), str(code)], check=True)
    return code


class SmpMachine:
    """Stands before its first instruction.

    Parameters:
        folder: for the code, and the file that is its RAM.
        flags: for the assembler.
        shift: of icount.
    """

    def __init__(self, folder: Path, *flags: str, shift: int = 0) -> None:
        assert QEMU is not None
        ram = folder / "ram"
        ram.write_bytes(b"")
        os.truncate(ram, RAM_BYTES)
        with ram.open("rb") as file:
            self._ram = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        self._lockstep = Lockstep("smp")
        wiring = f"{plugin.path(QEMU.plugin_api)},socket={self._lockstep.plugin_fd},parent={os.getpid()}"
        line = [
            str(QEMU.path), *(("-L", str(QEMU.data)) if QEMU.data else ()), "-nodefaults", "-display", "none",
            "-machine", "virt,gic-version=2,memory-backend=ram", "-cpu", "cortex-a57", "-smp", "2",
            "-accel", "tcg,thread=single", "-icount", f"shift={shift},sleep=off", "-m", f"{RAM_BYTES >> 20}",
            "-object", f"memory-backend-file,id=ram,mem-path={ram},share=on,size={RAM_BYTES}",
            "-device", f"loader,file={build(folder, *flags)},addr={LOADED_AT},cpu-num=0",
            "-plugin", wiring,
        ]  # fmt: skip
        self._process = subprocess.Popen(line, pass_fds=[self._lockstep.plugin_fd])
        self._lockstep.handed_over()
        self.held: Boundary = self._lockstep.wait()

    def advance(self, length_ns: int, start_ns: int | None = None, stop_ns: int | None = None) -> Boundary:
        """Grant a stretch of time; all three are counted from where the machine stands."""
        now_ns = self.held.now_ns
        slice_ns = [None if edge is None else now_ns + edge for edge in (start_ns, stop_ns)]
        self._lockstep.grant(now_ns + length_ns, *slice_ns)
        self.held = self._lockstep.wait()
        return self.held

    def counts(self) -> tuple[int, int]:
        """Return how far each processor has counted."""
        first, second = struct.unpack_from("<QQ", self._ram, COUNTS_OFFSET)
        return first, second

    def close(self) -> None:
        """End it; may be called twice."""
        self._process.kill()
        self._process.wait()
        self._lockstep.close()


@pytest.fixture
def smp(tmp_path: Path) -> Iterator[SmpMaker]:
    """A maker of machines; its parameters are those of `SmpMachine`, without the folder."""
    with contextlib.ExitStack() as hold:

        def make(*flags: str, shift: int = 0) -> SmpMachine:
            return hold.enter_context(contextlib.closing(SmpMachine(tmp_path, *flags, shift=shift)))

        yield make
