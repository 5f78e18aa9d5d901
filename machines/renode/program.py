"""Which Renode this computer has."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from machines.errors import EnvironmentLacks

OLDEST = (1, 15, 1)
"""The first with External Control (release notes of Renode 1.15.1)."""
NEWEST = (1, 16)
"""Later ones speak another External Control."""
HOW = (
    "get the portable archive from renode.io or the conda package renode-cli, "
    "and put it on PATH or point SIM_RENODE to its renode"
)


@dataclass(frozen=True)
class Program:
    """An installed Renode.

    Attributes:
        path: the executable.
        version: major, minor, micro.
        identity: its version line.
    """

    path: Path
    version: tuple[int, int, int]
    identity: str

    @property
    def has_bus(self) -> bool:
        """External Control has the command SystemBus, and memory can be shared with the host."""
        return self.version >= (1, 16, 0)


def find() -> Program:
    """Return the Renode that `SIM_RENODE` names, else the one on PATH.

    Raises:
        EnvironmentLacks: there is none, it does not start, or it is too old or too new.
    """
    wanted = os.environ.get("SIM_RENODE") or "renode"
    found = shutil.which(wanted)
    if found is None:
        raise EnvironmentLacks(f"{wanted} is not installed: {HOW}")
    return _ask(Path(found).absolute())


@cache
def _ask(path: Path) -> Program:
    try:
        said = subprocess.run(
            [path, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=60
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise EnvironmentLacks(f"{path} does not start: {' '.join(str(error).split())}") from error
    match = re.search(r"^.*Renode,? v(?:ersion )?(\d+)\.(\d+)\.(\d+).*$", said, re.MULTILINE)
    if match is None:
        raise EnvironmentLacks(f"{path} does not tell its version but says {said[:80]!r}")
    version = (int(match[1]), int(match[2]), int(match[3]))
    if version < OLDEST or version[:2] > NEWEST:
        raise EnvironmentLacks(
            f"{path} is Renode {'.'.join(map(str, version))}, needed is {'.'.join(map(str, OLDEST))} "
            f"to {'.'.join(map(str, NEWEST))}: {HOW}"
        )
    return Program(path, version, match[0].strip())
