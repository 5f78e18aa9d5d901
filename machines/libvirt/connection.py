"""The connection to libvirt, and what is told where there is none."""

from __future__ import annotations

import os
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from machines.errors import EnvironmentLacks
from machines.libvirt.domain import Owner

OLDEST = (8, 4)
"""The first libvirt that knows a clock that starts at a given time."""

_MODULE = "pip install 'edgesim[libvirt]' (which needs apt-get install libvirt-dev pkg-config gcc python3-dev)"
_DAEMON = "apt-get install libvirt-daemon-system libvirt-clients, and see that libvirtd or virtqemud runs"


def module() -> ModuleType:
    """Return libvirt's Python module.

    Raises:
        EnvironmentLacks: it is not installed.
    """
    try:
        import libvirt
    except ImportError as error:
        raise EnvironmentLacks(f"libvirt's Python module is not installed ({error}): {_MODULE}") from error
    libvirt.registerErrorHandler(lambda nobody, error: None, None)  # it would print; what matters is raised
    found: ModuleType = libvirt
    return found


class Connection:
    """An open connection to the QEMU driver of a libvirt on this computer.

    Parameters:
        uri: as virsh takes it; None: LIBVIRT_DEFAULT_URI, else what libvirt itself prefers.

    Attributes:
        libvirt: its module.
        uri: where it leads to.
        version: of libvirt's daemon: major, minor, micro.
        api: libvirt's own object.

    Raises:
        EnvironmentLacks: there is no such libvirt here, or not one that can do it.
    """

    def __init__(self, uri: str | None) -> None:
        self.libvirt = module()
        asked = uri or os.environ.get("LIBVIRT_DEFAULT_URI") or "its default connection"
        try:
            self.api: Any = self.libvirt.open(uri)
        except self.libvirt.libvirtError as error:
            advice = f"{_DAEMON}; or name another connection with --libvirt-uri, such as qemu:///session"
            raise EnvironmentLacks(f"libvirt does not answer at {asked} ({error}): {advice}") from error
        self.uri: str = self.api.getURI()
        number = self.api.getLibVersion()
        self.version = (number // 1_000_000, number // 1000 % 1000, number % 1000)
        lacking = self._lacking()
        if lacking:
            self.close()
            raise EnvironmentLacks(f"libvirt at {self.uri} {lacking}")

    def _lacking(self) -> str | None:
        if self.api.getType() != "QEMU":
            return f"runs {self.api.getType()}, needed is QEMU: --libvirt-uri qemu:///session or qemu:///system"
        if urlsplit(self.uri).netloc:
            return "is another computer, and a guest's memory is shared with this one: --libvirt-uri qemu:///session"
        if self.version[:2] < OLDEST:
            return f"is version {self.version[0]}.{self.version[1]}, needed is {OLDEST[0]}.{OLDEST[1]} or newer"
        return None

    @property
    def private(self) -> bool:
        """Whether it is the user's own libvirt, whose QEMUs have the user's rights."""
        return urlsplit(self.uri).path == "/session"

    def owner(self) -> Owner | None:
        """Return how a domain is told to be ours where libvirt has more rights than we; else None."""
        if self.private:
            return None
        first = self.api.getSecurityModel()[0]  # `dac` comes after it, always: qemuSecurityInit
        models = ("dac",) if first in ("none", "dac") else (first, "dac")
        return Owner(os.getuid(), os.getgid(), models)

    def close(self) -> None:
        """Close it; libvirt destroys what was started through it and is bound to it."""
        self.api.close()
