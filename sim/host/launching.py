"""Who starts the guests of a run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from machines.qemu.launcher import DIRECT, Launcher
from sim.scenario.model import Scenario


@contextlib.contextmanager
def launching(scenario: Scenario) -> Iterator[Launcher]:
    """Give what starts the Linux guests of a scenario; all of them have ended before it is closed.

    Raises:
        EnvironmentLacks: the scenario asks for libvirt, and there is none that can do it.
    """
    if scenario.host.launcher == "direct" or not scenario.linux_guests:
        yield DIRECT
        return
    from machines.libvirt.connection import Connection
    from machines.libvirt.launcher import LibvirtLauncher

    with contextlib.closing(LibvirtLauncher(Connection(scenario.host.libvirt_uri), scenario.name)) as launcher:
        yield launcher
