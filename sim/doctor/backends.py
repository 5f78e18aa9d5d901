"""Who can run a node of a scenario, and in which time modes."""

from __future__ import annotations

import os
import shutil
from importlib import metadata

from machines.qemu.kvm import Verdict
from sim.doctor.finding import Finding, State

AREA = "Backends"
TIME_MODES = "Time modes"

UNTRIED = Finding(TIME_MODES, "virtual", State.BROKEN, "could not be tried: something above is missing")
"""Says of virtual time that its proof had to be left out; what is missing has a finding of its own."""

REALTIME = Finding(TIME_MODES, "realtime", State.MISSING, "not part of this version yet")


def accelerated(verdict: Verdict) -> Finding:
    """Return what came of the probe of KVM."""
    state = State.OK if verdict.works else State.BROKEN
    return Finding(TIME_MODES, "KVM", state, f"{verdict.reason} (virtual time does without)", remedy=verdict.remedy)


def look(virtual: Finding) -> list[Finding]:
    """Return which backends there are.

    Parameters:
        virtual: what came of the lockstep proof.
    """
    works = virtual.state is State.OK
    detail = "Linux guests in virtual time" if works else "needs virtual time, see there"
    return [
        Finding(AREA, "qemu", virtual.state, detail),
        Finding(AREA, "native", State.OK, "cameras and displays, in the simulator itself"),
        _renode(),
        _labwired(),
    ]


def _renode() -> Finding:
    where = shutil.which(os.environ.get("SIM_RENODE") or "renode")
    found = f"found at {where}" if where else "not found"
    remedy = "" if where else "the portable archive of renode.io, or conda's renode-cli; on PATH or in SIM_RENODE"
    detail = f"not part of this version yet; the program is {found}"
    return Finding(AREA, "renode", State.MISSING, detail, remedy=remedy)


def _labwired() -> Finding:
    try:
        found, remedy = f"version {metadata.version('labwired')} is installed", ""
    except metadata.PackageNotFoundError:
        found, remedy = "the package is not installed", "pip install labwired"
    return Finding(AREA, "labwired", State.MISSING, f"not part of this version yet; {found}", remedy=remedy)
