"""Who can run guests and devices, and in which time modes."""

from __future__ import annotations

from machines.qemu.kvm import Verdict
from sim.doctor.finding import Finding, State

AREA = "Backends"
TIME_MODES = "Time modes"

UNTRIED = Finding(TIME_MODES, "virtual", State.BROKEN, "could not be tried: something above is missing")
"""Says of virtual time that its proof had to be left out; what is missing has a finding of its own."""

REALTIME = Finding(TIME_MODES, "realtime", State.OK, "free-running guests; translated where KVM does not run them")


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
        Finding(AREA, "native", State.OK, "cameras, displays, recordings, sinks and links, in the simulator itself"),
    ]
