"""Headroom in words."""

from __future__ import annotations

from collections.abc import Sequence

from sim.report import svg
from sim.sizing.sensitivity.headroom import Headroom

DECIDES = 0.98
"""Share of what somebody has from which on it is named as what breaks; below, the target's own figure is."""


def direction(one: Headroom) -> str:
    """Return what changes, and from where: `cameras, now 1`, `perception.detector slower`, `imu faster, now 10 Hz`."""
    if one.unit == "times":
        return f"{one.subject} slower"
    return f"{one.subject}{' faster' if one.unit == 'Hz' else ''}, now {amount(one, one.present)}"


def amount(one: Headroom, value: float) -> str:
    """Return a value with its unit: `3`, `1.05 times`, `94.4 Hz`.

    Parameters:
        one: whose unit it is in.
        value: one of its values.
    """
    return f"{value:.0f}" if one.unit == "cameras" else f"{svg.digits(value)} {one.unit}"


def reason(one: Headroom) -> str:
    """Return what breaks: who needs more time than it has, else what is missed and who is busiest; or nothing."""
    if one.busy >= DECIDES:
        return one.bottleneck
    return "; ".join(filter(None, (one.breaks, one.bottleneck)))


def breaks_first(headrooms: Sequence[Headroom]) -> str:
    """Return one sentence: `breaks first: 3 cameras (2 hold): perception.detector would be busy 101 % of the time`.

    Parameters:
        headrooms: as in an answer, what breaks first before all others; without any, nothing is returned.
    """
    if not headrooms:
        return ""
    first = headrooms[0]
    if first.fails is None:
        least = min(each.factor for each in headrooms)
        return f"breaks first: nothing; each direction holds up to {least:.3g} times what there is now"
    return f"breaks first: {_at(first, first.fails)}: {reason(first)}"


def _at(one: Headroom, fails: float) -> str:
    said, holds = amount(one, fails), amount(one, one.holds)
    if one.unit == "cameras":
        return f"{said} cameras ({holds} {'holds' if one.holds == 1 else 'hold'})"
    still = f"{holds} {'still holds' if one.unit == 'Hz' else 'still hold'}" if one.factor > 1 else "now it holds"
    return f"{one.subject} at {said} ({still})" if one.unit == "Hz" else f"{one.subject} {said} as slow ({still})"
