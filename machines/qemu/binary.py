"""Which QEMU this computer has, and what it can do."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from machines.errors import EnvironmentLacks

OLDEST = (7, 2)
Target = Literal["x86_64", "aarch64", "arm", "riscv32", "xtensa"]
"""What a QEMU program emulates: the end of its name."""

_PACKAGES: dict[Target, str] = {
    "x86_64": "qemu-system-x86",
    "aarch64": "qemu-system-arm",
    "arm": "qemu-system-arm",
    "riscv32": "qemu-system-misc",
    "xtensa": "qemu-system-misc",
}
"""Debian's packages; from 13 on RISC-V has one of its own, which qemu-system-misc depends on."""


@dataclass(frozen=True)
class QemuBinary:
    """An installed QEMU.

    Attributes:
        path: the executable.
        version: major, minor, micro.
        identity: the version line, which names the distribution's build too.
        data: folder of its firmware where that is not the built-in one, else None.
        modules: folder of its modules where that is not the built-in one, else None.
    """

    path: Path
    version: tuple[int, int, int]
    identity: str
    data: Path | None = None
    modules: Path | None = None

    @property
    def plugin_api(self) -> int:
        """The plugin API that its loader accepts: 1 up to QEMU 8, 2 to 4 from QEMU 9 on (qemu-plugin.h)."""
        return 1 if self.version[0] < 9 else 2


@cache
def find(target: Target = "x86_64") -> QemuBinary:
    """Return the QEMU for a target: beside the one that `SIM_QEMU` names, else on PATH.

    Parameters:
        target: what it emulates.

    Raises:
        EnvironmentLacks: there is none, it does not start, or it is too old.
    """
    wanted = os.environ.get("SIM_QEMU") or "qemu-system-x86_64"
    if target != "x86_64":
        wanted = str(Path(wanted).with_name(f"qemu-system-{target}"))
    how = f"apt-get install {_PACKAGES[target]} (or point SIM_QEMU to a qemu-system-x86_64{_beside(target)})"
    found = shutil.which(wanted)
    if found is None:
        raise EnvironmentLacks(f"{wanted} is not installed: {how}")
    path = Path(found)
    identity, version = _version(path)
    if version[:2] < OLDEST:
        raise EnvironmentLacks(f"{path} is QEMU {version[0]}.{version[1]}, needed is 7.2 or newer: {how}")
    prefix = path.resolve().parent.parent
    elsewhere = prefix not in (Path("/usr"), Path("/usr/local"))
    modules = prefix / "lib" / "x86_64-linux-gnu" / "qemu"
    data = prefix / "share" / "qemu"
    return QemuBinary(
        path=path,
        version=version,
        identity=identity,
        data=data if elsewhere and data.is_dir() else None,
        modules=modules if elsewhere and modules.is_dir() else None,
    )


def _beside(target: Target) -> str:
    return "" if target == "x86_64" else f" that has a qemu-system-{target} beside it"


def _version(path: Path) -> tuple[str, tuple[int, int, int]]:
    """Ask a program for its version line."""
    try:
        line = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError) as error:
        raise EnvironmentLacks(f"{path} does not start: {error}") from error
    match = re.search(r"version (\d+)\.(\d+)\.(\d+)", line)
    if match is None:
        raise EnvironmentLacks(f"{path} does not tell its version but says {line!r}")
    return line, (int(match[1]), int(match[2]), int(match[3]))
