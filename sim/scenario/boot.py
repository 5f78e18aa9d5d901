"""A user's own software on a Linux board: what a partition boots instead of the simulator's image and agent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from pydantic import Field

from sim.scenario.files import File
from sim.scenario.types import BootFile, Section

_CHUNK_BYTES = 1 << 20


class Boot(Section):
    """Files and arguments of a kernel. It powers on at time 0 and boots in virtual time; its console is logged."""

    kernel: BootFile = Field(description="Kernel as QEMU loads it: bzImage on x86_64, Image on aarch64.")
    initrd: BootFile | None = Field(default=None, description="Initial RAM file system.")
    root: BootFile | None = Field(
        default=None,
        description="Root file system, which the guest sees as /dev/pmem0 and cannot write to (x86_64 only): a whole "
        "number of 2 MiB, `truncate -s %2M` makes it so.",
    )
    arguments: str = Field(default="", description="Kernel command line, such as `console=ttyS0 root=/dev/pmem0 ro`.")

    @property
    def digest(self) -> str:
        """Hexadecimal SHA-256 of all that it is."""
        whole = hashlib.sha256(self.arguments.encode())
        for file in (self.kernel, self.initrd, self.root):
            own = hashlib.sha256()
            for chunk in _chunks(file):
                own.update(chunk)
            whole.update(own.digest())
        return whole.hexdigest()


def _chunks(file: File | None) -> Iterator[bytes]:
    if file is not None:
        with file.path.open("rb") as opened:
            while chunk := opened.read(_CHUNK_BYTES):
                yield chunk
