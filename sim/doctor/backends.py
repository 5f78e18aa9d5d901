"""Who can run a node of a scenario, and in which time modes."""

from __future__ import annotations

import os
import shutil
from importlib import metadata

from machines.qemu.kvm import Verdict
from sim.doctor.finding import Finding, State

AREA = "Backends"
TIME_MODES = "Time modes"


def look(qemu: Finding, virtual: Finding | None) -> list[Finding]:
    """Return which backends there are.

    Parameters:
        qemu: what was found of the program.
        virtual: what came of the lockstep proof, None where it could not be tried.
    """
    return [_qemu(qemu, virtual), Finding(AREA, "native", State.OK, "cameras and displays"), _renode(), _labwired()]


def _qemu(program: Finding, virtual: Finding | None) -> Finding:
    if virtual is not None and virtual.state is State.OK:
        return Finding(AREA, "qemu", State.OK, "Linux guests in virtual time")
    if virtual is None:
        why = "QEMU is missing" if program.state is not State.OK else "the lockstep plugin cannot be built"
    else:
        why = "virtual time does not work, see there"
    return Finding(AREA, "qemu", State.BROKEN, why, True)


def _renode() -> Finding:
    where = shutil.which(os.environ.get("SIM_RENODE") or "renode")
    found = f"found at {where}" if where else "not found"
    remedy = "" if where else "the portable archive of renode.io, or conda's renode-cli; on PATH or in SIM_RENODE"
    return Finding(AREA, "renode", State.MISSING, f"not part of this version yet; the program is {found}", False, remedy)


def _labwired() -> Finding:
    try:
        found, remedy = f"version {metadata.version('labwired')} is installed", ""
    except metadata.PackageNotFoundError:
        found, remedy = "the package is not installed", "pip install labwired"
    return Finding(AREA, "labwired", State.MISSING, f"not part of this version yet; {found}", False, remedy)


def time_modes(virtual: Finding | None, kvm: Verdict | None) -> list[Finding]:
    """Return which time modes work.

    Parameters:
        virtual: what came of the lockstep proof, None where it could not be tried.
        kvm: what came of the probe, None where there is no QEMU.
    """
    if virtual is None:
        virtual = Finding(TIME_MODES, "virtual", State.BROKEN, "cannot be tried without QEMU and its plugin", True)
    realtime = Finding(TIME_MODES, "realtime", State.MISSING, "not part of this version yet")
    return [virtual, realtime, *([] if kvm is None else [_kvm(kvm)])]


def _kvm(kvm: Verdict) -> Finding:
    state = State.OK if kvm.works else State.BROKEN
    return Finding(TIME_MODES, "KVM", state, f"{kvm.reason} (virtual time does without)", False, kvm.remedy)
