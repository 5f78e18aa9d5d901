"""Whether KVM really runs guest code here.

`/dev/kvm` may exist and even make a virtual machine whose vCPU then never executes an instruction, so a tiny guest has
to come to its end before a deadline.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from machines.errors import EnvironmentLacks
from machines.qemu.binary import QemuBinary

DEVICE = Path("/dev/kvm")
DEADLINE_S = 2.0
"""Wall seconds for the guest, which takes a tenth of one where KVM works."""

_LOOPS = 1_000_000
_CODE_WORD = 21
_EXIT_PORT = 0xF4
_EXIT_STATUS = _CODE_WORD << 1 | 1
"""QEMU's isa-debug-exit ends the process with (value << 1) | 1."""

_ROM_BYTES = 0x10000
_ROM_BASE = 0xF0000
"""The firmware is the last 64 KiB below 1 MiB, segment 0xF000 of real mode."""

_CODE, _GDT, _GDT_REGISTER, _RESET = 0xFE00, 0xFF00, 0xFF20, 0xFFF0
_FLAT_CODE_SEGMENT = 0x00CF9A000000FFFF
"""Base 0, limit 4 GiB, 32-bit, ring 0, execute and read (Intel SDM volume 3A, 3.4.5)."""


@dataclass(frozen=True)
class Verdict:
    """What the probe found.

    Attributes:
        works: a guest ran to its end.
        reason: one sentence that says so, or what is wrong.
        remedy: what to do about it, empty where nothing is known.
    """

    works: bool
    reason: str
    remedy: str = ""


def firmware() -> bytes:
    """Return 64 KiB of x86 firmware: it counts to a million in protected mode and ends QEMU with a known status."""
    enter = b"\xfa"  # cli
    enter += b"\x2e\x66\x0f\x01\x16" + struct.pack("<H", _GDT_REGISTER)  # lgdt cs:[_GDT_REGISTER]
    enter += b"\x0f\x20\xc0\x0c\x01\x0f\x22\xc0"  # mov eax, cr0; or al, 1; mov cr0, eax
    jump_bytes = 8
    protected = _ROM_BASE + _CODE + len(enter) + jump_bytes
    enter += b"\x66\xea" + struct.pack("<IH", protected, 8)  # jmp 8:protected
    count = b"\xb9" + struct.pack("<I", _LOOPS) + b"\x49\x75\xfd"  # mov ecx, _LOOPS; 1: dec ecx; jnz 1b
    finish = bytes((0xB0, _CODE_WORD, 0xE6, _EXIT_PORT))  # mov al, _CODE_WORD; out _EXIT_PORT, al
    rom = bytearray(b"\xf4" * _ROM_BYTES)  # hlt
    for offset, content in (
        (_CODE, enter + count + finish),
        (_GDT, struct.pack("<QQ", 0, _FLAT_CODE_SEGMENT)),
        (_GDT_REGISTER, struct.pack("<HI", 15, _ROM_BASE + _GDT)),
        (_RESET, b"\xea" + struct.pack("<HH", _CODE, _ROM_BASE >> 4)),  # jmp 0xf000:_CODE
    ):
        rom[offset : offset + len(content)] = content
    return bytes(rom)


class Probe:
    """A tiny guest that was just started; ask for its `verdict` later.

    Parameters:
        binary: which QEMU.
        accelerator: "kvm"; "tcg" shows that the guest itself is right.
        folder: for its firmware and messages; must outlive the probe.

    Raises:
        EnvironmentLacks: the program cannot be started.
    """

    def __init__(self, binary: QemuBinary, accelerator: str, folder: Path) -> None:
        rom = folder / "probe.rom"
        rom.write_bytes(firmware())
        self._messages = folder / "probe.log"
        self._began = time.monotonic()
        line = [
            str(binary.path), *(["-L", str(binary.data)] if binary.data is not None else []),
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-machine", "q35", "-accel", accelerator, "-m", "2", "-bios", str(rom),
            "-device", f"isa-debug-exit,iobase={_EXIT_PORT:#x},iosize=1",
        ]  # fmt: skip
        setpriv = shutil.which("setpriv")  # the guest of a probe that is killed must not spin on
        environment = dict(os.environ)
        if binary.modules is not None:
            environment["QEMU_MODULE_DIR"] = str(binary.modules)
        with self._messages.open("wb") as out:
            try:
                self._process = subprocess.Popen(
                    [setpriv, "--pdeathsig", "KILL", *line] if setpriv else line,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    start_new_session=True,
                )
            except OSError as error:
                raise EnvironmentLacks(f"{binary.path} does not start: {error}") from error

    def verdict(self, deadline_s: float = DEADLINE_S) -> Verdict:
        """Wait for the guest's end, at most until `deadline_s` wall seconds after its start."""
        try:
            status = self._process.wait(max(0.0, self._began + deadline_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.close()
            return Verdict(False, f"a virtual machine was made, but no tiny guest came to its end in {deadline_s:g} s")
        if status == _EXIT_STATUS:
            return Verdict(True, "a tiny guest ran to its end")
        words = self._messages.read_text(errors="replace").strip().splitlines()
        return Verdict(False, words[-1] if words else f"QEMU ended with status {status}")

    def close(self) -> None:
        """Kill the guest if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def probing(binary: QemuBinary | None) -> Iterator[Callable[[], Verdict]]:
    """Start a probe of KVM that runs beside whatever the caller does, and is gone afterwards.

    Parameters:
        binary: which QEMU, None where there is none.

    Yields:
        A function that waits for the verdict.
    """
    if binary is None:
        yield lambda: Verdict(False, "cannot be tried without QEMU")
    elif (refused := _refused()) is not None:
        reason = refused
        yield lambda: reason
    else:
        with _started(binary) as probe:
            yield probe.verdict


@contextlib.contextmanager
def _started(binary: QemuBinary) -> Iterator[Probe]:
    with (
        tempfile.TemporaryDirectory(prefix="edgesim-") as folder,
        contextlib.closing(Probe(binary, "kvm", Path(folder))) as probe,
    ):
        yield probe


def _refused() -> Verdict | None:
    """Return why KVM cannot even be tried, or None."""
    if not DEVICE.exists():
        return Verdict(False, f"no {DEVICE}", "switch virtualisation on in the computer's firmware or its hypervisor")
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        return Verdict(False, f"{DEVICE} is not for this user", "sudo usermod -aG kvm $USER, then log in again")
    return None
