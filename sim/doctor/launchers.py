"""Who can start Linux guests besides the simulator itself."""

from __future__ import annotations

import os

from machines.errors import EnvironmentLacks
from machines.libvirt import connection
from sim.doctor.finding import Finding, State

AREA = "Launchers"


def look() -> list[Finding]:
    """Return whether libvirt can start guests, too; `sim run` needs it only where it is asked for."""
    asked = os.environ.get("LIBVIRT_DEFAULT_URI")
    remedy = "sim run --launcher libvirt: see docs/notes/0011-libvirt.md"
    try:
        connection.module()
    except EnvironmentLacks as error:
        return [Finding(AREA, "libvirt", State.MISSING, f"{error}", remedy=remedy)]
    try:
        opened = connection.Connection(asked)
    except EnvironmentLacks as error:
        return [Finding(AREA, "libvirt", State.BROKEN, f"{error}", remedy=remedy)]
    version = ".".join(map(str, opened.version))
    finding = Finding(AREA, "libvirt", State.OK, f"{version} at {opened.uri}", facts={"uri": opened.uri})
    opened.close()
    return [finding]
