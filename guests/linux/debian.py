"""Debian packages and Python wheels as files: resolved and fetched, never installed."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from guests.linux import recipe
from machines.errors import EnvironmentLacks

_SUITES = (recipe.SUITE, f"{recipe.SUITE}-updates", f"{recipe.SUITE}-security")
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_APT_OPTION = re.compile(r"Acquire::(https?|Retries|Check-Valid-Until|Check-Date|ForceIPv[46])\b.* \"[^\"]+\";")
_INSTALLED = re.compile(r"^Inst (\S+) \((\S+) ", re.MULTILINE)
_HOW = "apt-get install mmdebstrap erofs-utils debian-archive-keyring"


def run(command: Sequence[str | Path], **environment: str) -> str:
    """Run a program to its end and return what it printed.

    Parameters:
        command: program and arguments.
        environment: variables in addition to ours.

    Raises:
        EnvironmentLacks: it is not installed, or it failed; the text holds the command and its last words.
    """
    line = [str(part) for part in command]
    program = shutil.which(line[0])
    if program is None:
        raise EnvironmentLacks(f"{line[0]} is not installed: {_HOW}")
    done = subprocess.run(
        line, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", env=os.environ | environment
    )
    if done.returncode != 0:
        words = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()
        told = [word for word in words if word.startswith(("E:", "ERROR", "error"))] or words
        raise EnvironmentLacks(f"{told[-1]} (exit status {done.returncode} of: {shlex.join(line)})")
    return done.stdout + done.stderr


def resolve(packages: Sequence[str], architecture: str, scratch: Path) -> dict[str, str]:
    """Return the exact version of every package that `packages` bring, from the mirror's present state.

    Parameters:
        packages: names of Debian packages.
        architecture: Debian's name of it.
        scratch: folder for temporary files.

    Raises:
        EnvironmentLacks: mmdebstrap is missing or the mirror cannot be reached.
    """
    text = run(
        ["mmdebstrap", "--simulate", "--verbose", *_arguments(packages, architecture, Path("/dev/null"), scratch)]
    )
    versions = dict(_INSTALLED.findall(text))
    if not versions:
        raise EnvironmentLacks("mmdebstrap --simulate names no package")
    return dict(sorted(versions.items()))


def fetch(packages: Sequence[str], architecture: str, scratch: Path) -> Path:
    """Fetch the files of `packages` and of all they depend on.

    Parameters:
        packages: names of Debian packages.
        architecture: Debian's name of it.
        scratch: folder for temporary files and the result.

    Returns:
        A tar archive.

    Raises:
        EnvironmentLacks: mmdebstrap is missing or the mirror cannot be reached.
    """
    archive = scratch / "files.tar"
    run(
        ["mmdebstrap", "--quiet", *_arguments(packages, architecture, archive, scratch)],
        SOURCE_DATE_EPOCH=str(recipe.EPOCH),
    )
    return archive


def fetch_wheels(wanted: recipe.Recipe, folder: Path) -> list[Path]:
    """Download the pinned wheels for the guest's Python into a folder and return their paths in the recipe's order.

    Parameters:
        wanted: names them.
        folder: takes them.

    Raises:
        EnvironmentLacks: pip is missing, or cannot get a wheel with that hash.
    """
    requirements = folder / "requirements.txt"
    requirements.write_text("".join(f"{wheel.requirement}\n" for wheel in wanted.wheels))
    platforms = [f"--platform=manylinux_2_{minor}_{wanted.architecture}" for minor in (28, 27, 17)]
    run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
         "--only-binary=:all:", "--implementation=cp", f"--python-version={recipe.PYTHON}", *platforms,
         "--require-hashes", f"--requirement={requirements}", f"--dest={folder}"]
    )  # fmt: skip
    stems = [f"{wheel.name.replace('-', '_')}-{wheel.version}-" for wheel in wanted.wheels]
    return [next(folder.glob(f"{stem}*.whl")) for stem in stems]


def sources() -> list[str]:
    """Return the lines of a sources.list for the guest: the host's own mirrors of the suite, or none if it has none."""
    lines: dict[str, None] = {}
    for target in _host_targets():
        uri, suite, component = target
        if suite in _SUITES and component == "main":
            lines[f"deb {uri} {suite} {component}"] = None
    complete = any(line.split()[2] == recipe.SUITE for line in lines)
    return list(lines) if complete else []


def _host_targets() -> list[list[str]]:
    """Return (address, suite, component) of every package index that the host's apt is configured for."""
    if shutil.which("apt-get") is None:
        return []
    row = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(CREATED_BY)"
    text = run(["apt-get", "indextargets", "--no-release-info", "--format", row])
    rows = [line.split("|") for line in text.splitlines()]
    return [row[:3] for row in rows if len(row) == 4 and row[3] == "Packages"]


def _arguments(packages: Sequence[str], architecture: str, target: Path, scratch: Path) -> list[str | Path]:
    """Return mmdebstrap's arguments; the host's proxy and time-check settings of apt apply to it too.

    Mode "chrootless" needs no privilege at all, because nothing is run inside; so any architecture will do.
    """
    mirrors: list[Path] = []  # none: mmdebstrap knows the public ones
    if lines := sources():
        mirrors.append(scratch / "sources.list")
        mirrors[0].write_text("".join(f"{line}\n" for line in lines))
    options = scratch / "apt.conf"
    host = run(["apt-config", "dump"]) if shutil.which("apt-config") else ""
    options.touch(mode=0o600)
    options.write_text("\n".join(line for line in host.splitlines() if _APT_OPTION.match(line)) + "\n")
    if not _KEYRING.exists():
        raise EnvironmentLacks(f"{_KEYRING} is missing: {_HOW}")
    return [
        "--mode=chrootless", "--variant=extract", f"--architectures={architecture}", f"--keyring={_KEYRING}",
        f"--aptopt={options}", f"--include={','.join(packages)}", recipe.SUITE, target, *mirrors,
    ]  # fmt: skip
