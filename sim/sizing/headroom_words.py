"""Headroom in words."""

from __future__ import annotations

from collections.abc import Sequence

from sim.sizing.answer import Headroom

DECIDES = 0.98
"""Share of what somebody has from which on it is named as what breaks; below, the target's own figure is."""


def direction(one: Headroom) -> str:
    """Return what changes: `number of cameras`, `perception.detector slower`, `rate of front_camera`."""
    if one.unit == "cameras":
        return "number of cameras"
    return f"{one.subject} slower" if one.unit == "times" else f"rate of {one.subject}"


def amount(one: Headroom, value: float) -> str:
    """Return a value with its unit: `3`, `1.05 times`, `94.4 Hz`.

    Parameters:
        one: whose unit it is in.
        value: one of its values.
    """
    return f"{value:.0f}" if one.unit == "cameras" else f"{value:.3g} {one.unit}"


def breaks_first(headrooms: Sequence[Headroom]) -> str:
    """Return one sentence: `breaks first: 3 cameras (2 hold): perception.detector would be busy 101 % of the time`.

    Parameters:
        headrooms: as in an answer, what breaks first before all others.
    """
    if not headrooms:
        return ""
    first = headrooms[0]
    if first.fails is None:
        return f"breaks first: nothing, {enough(headrooms)}"
    fails, holds = amount(first, first.fails), amount(first, first.holds)
    if first.unit == "cameras":
        at = f"{fails} cameras ({holds} {'holds' if holds == '1' else 'hold'})"
    else:
        at = f"{first.subject} {'taking' if first.unit == 'times' else 'at'} {fails}"
        at += f"{' as long' * (first.unit == 'times')} ({holds} {'hold' if first.factor > 1 else 'as now'})"
    why = first.bottleneck if first.busy >= DECIDES else "; ".join(filter(None, (first.breaks, first.bottleneck)))
    return f"breaks first: {at}: {why}"


def enough(headrooms: Sequence[Headroom]) -> str:
    """Return up to where everything holds."""
    least = min(each.factor for each in headrooms)
    return f"up to {least:.3g} times what there is now in each direction"
