"""Virtual machines that run no Linux: QEMU under lockstep within a second."""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from machines.errors import EnvironmentLacks
from machines.memory import SharedRegion
from machines.qemu import binary, plugin
from machines.qemu.command import ROOT_ALIGNMENT, GuestImage, GuestMachine
from machines.qemu.vm import Installation, VirtualMachine

REGION_BYTES = 4096
MachineMaker = Callable[..., VirtualMachine]

try:
    QEMU: binary.QemuBinary | None = binary.find()
except EnvironmentLacks:
    QEMU = None

needs_qemu = pytest.mark.skipif(QEMU is None, reason="QEMU is not installed")


def build(source: Path, out: Path, *flags: str) -> Path:
    """Compile one file."""
    subprocess.run(["cc", *flags, "-o", str(out), str(source)], check=True)
    return out


def image(folder: Path, *flags: str) -> GuestImage:
    """Return an image whose kernel is the tiny guest."""
    bare = ["-m32", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none,-Ttext=0x100000"]
    kernel = build(Path(__file__).with_name("guest.S"), folder / "kernel", *bare, *flags)
    initrd, root = folder / "initrd", folder / "root"
    initrd.write_bytes(b"nothing")
    root.write_bytes(bytes(ROOT_ALIGNMENT))
    return GuestImage(kernel, initrd, root, "", hashlib.sha256(kernel.read_bytes()).hexdigest())


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[MachineMaker]:
    """A maker of machines that were not launched yet; all are closed after the test.

    Its parameters: flags for the guest's build, the icount shift, another QEMU.
    """
    assert QEMU is not None
    with contextlib.ExitStack() as hold:

        def make(*flags: str, shift: int = 0, qemu: binary.QemuBinary = QEMU) -> VirtualMachine:
            folder = tmp_path / "-".join([*flags, "guest"])
            folder.mkdir(exist_ok=True)
            region = hold.enter_context(contextlib.closing(SharedRegion("tiny", REGION_BYTES)))
            machine = GuestMachine("Haswell-noTSX,-rdrand", 32 << 20, shift, (region.size,))
            installation = Installation(qemu, plugin.path(qemu.plugin_api), image(folder, *flags))
            made = VirtualMachine("tiny", machine, installation, [region], folder)
            return hold.enter_context(contextlib.closing(made))

        yield make
