"""Running a core's compiler, and saying in one line what it complains about."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from machines.errors import EnvironmentLacks
from machines.mcu.cores import Core
from machines.mcu.firmware import FirmwareError

_ERROR = re.compile(r"^(?P<file>[^:\n]+):(?P<line>\d+):(?:\d+:)? (?:fatal )?error: (?P<text>.*)$", re.MULTILINE)
_UNDEFINED = re.compile(r"undefined reference to `(?P<name>[^']+)'")
_OVERFLOW = re.compile(r"region `(?P<region>\w+)' overflowed by (?P<bytes>\d+) bytes?")
_LEFT_OVER = re.compile(r"(?:error|ld): (?P<text>.*)$", re.MULTILINE)


class RegionOverflow(Exception):
    """A program is larger than the memory of the linker script.

    Attributes:
        region: name in the linker script.
        bytes: too many.
    """

    def __init__(self, region: str, excess: int) -> None:
        super().__init__(f"{region} overflowed by {excess} bytes")
        self.region = region
        self.bytes = excess


@cache
def _compiler(program: str, package: str) -> tuple[str, str]:
    found = shutil.which(program)
    if found is None:
        raise EnvironmentLacks(f"{program} is not installed: apt-get install {package}")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    return found, version.partition("\n")[0]


def identity(core: Core) -> str:
    """Return the version line of a core's compiler.

    Raises:
        EnvironmentLacks: it is not installed.
    """
    return _compiler(f"{core.toolchain}gcc", core.package)[1]


def run(core: Core, arguments: Sequence[str | Path], folder: Path, hidden: Path, subject: Path) -> str:
    """Run a core's compiler.

    Parameters:
        core: for which.
        arguments: of it.
        folder: where it runs, and puts what has no other place.
        hidden: path that its messages shall not show.
        subject: what they show instead: the file as the user names it.

    Returns:
        What it printed.

    Raises:
        EnvironmentLacks: it is not installed.
        RegionOverflow: the linked program is too large.
        FirmwareError: it refuses for another reason; the message is its first one.
    """
    command = [_compiler(f"{core.toolchain}gcc", core.package)[0], *map(str, arguments)]
    environment = {**os.environ, "LC_ALL": "C"}
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", env=environment)
    if result.returncode:
        raise _failure(result.stderr.replace(str(hidden), str(subject)), subject)
    return result.stdout


def _failure(messages: str, subject: Path) -> Exception:
    overflow = _OVERFLOW.search(messages)
    if overflow:
        return RegionOverflow(overflow["region"], int(overflow["bytes"]))
    error = _ERROR.search(messages)
    if error:
        return FirmwareError(f"{error['file']}:{error['line']}: {error['text']}")
    undefined = _UNDEFINED.search(messages)
    if undefined:
        offered = "firmware has no C library but what service.h and string.h name"
        return FirmwareError(f"{subject}: {undefined['name']} is not defined; {offered}")
    other = _LEFT_OVER.search(messages)
    return FirmwareError(f"{subject}: {other['text'] if other else messages.strip().partition(chr(10))[0]}")
