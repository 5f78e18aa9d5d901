"""Programs that a run needs: QEMU always, others as long as something is still to be built."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from machines.errors import EnvironmentLacks
from machines.qemu.binary import QemuBinary
from machines.qemu.binary import find as find_qemu
from sim.doctor.finding import Finding, State

AREA = "Programs"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_VERSION = re.compile(r"\d+(\.\d+)+")


def qemu() -> tuple[Finding, QemuBinary | None]:
    """Return what QEMU there is."""
    try:
        binary = find_qemu()
    except EnvironmentLacks as lack:
        reason, _, remedy = str(lack).partition(": apt-get")
        return Finding(AREA, "QEMU", State.MISSING, reason, True, f"apt-get{remedy}" if remedy else ""), None
    version = ".".join(map(str, binary.version))
    detail = f"{binary.identity.removeprefix('QEMU emulator version ')}, {binary.path}, plugin API {binary.plugin_api}"
    facts = {"path": str(binary.path), "version": version, "plugin_api": binary.plugin_api}
    return Finding(AREA, "QEMU", State.OK, detail, True, facts=facts), binary


def builders(compiles: bool, makes_image: bool) -> list[Finding]:
    """Return which building tools there are.

    Parameters:
        compiles: the ring or the plugin is still to be built.
        makes_image: the guest image is still to be made.
    """
    return [
        _program("C compiler", "cc", "builds the ring and the lockstep plugin", compiles, "gcc libc6-dev"),
        _program("mmdebstrap", "mmdebstrap", "fetches the guest's packages", makes_image, "mmdebstrap"),
        _program("mkfs.erofs", "mkfs.erofs", "makes the guest's root file system", makes_image, "erofs-utils"),
        _keyring(makes_image),
        _pip(makes_image),
    ]


def _program(name: str, program: str, purpose: str, needed: bool, package: str) -> Finding:
    path = shutil.which(program)
    if path is None:
        return Finding(AREA, name, State.MISSING, purpose, needed, f"apt-get install {package}")
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=5, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding(AREA, name, State.BROKEN, f"{path}: {error}", needed, f"apt-get install --reinstall {package}")
    lines = (said.stdout + said.stderr).splitlines()  # mkfs.erofs tells its version on standard error, as an error
    version = next((match[0] for line in lines[:1] if (match := _VERSION.search(line.rpartition(")")[2] or line))), "?")
    return Finding(AREA, name, State.OK, f"{version}, {path}", needed, facts={"path": path, "version": version})


def _keyring(needed: bool) -> Finding:
    state = State.OK if _KEYRING.exists() else State.MISSING
    package = "debian-archive-keyring"
    return Finding(AREA, "archive keyring", state, str(_KEYRING), needed, f"apt-get install {package}")


def _pip(needed: bool) -> Finding:
    """The image builder downloads the guest's wheels with the pip of the interpreter that it runs in."""
    from importlib import metadata

    try:
        return Finding(AREA, "pip", State.OK, metadata.version("pip"), needed)
    except metadata.PackageNotFoundError:
        return Finding(AREA, "pip", State.MISSING, f"not in {sys.prefix}", needed, f"{sys.executable} -m ensurepip")
