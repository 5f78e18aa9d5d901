"""The answer in words: what to set, what it costs, whether the target holds, what decides."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sim.report import svg
from sim.sizing.answer import Answer, Compared, Proposal, Verdict

TOLERANCE = 0.05
"""Relative error up to which a prediction counts as right."""
NAMED = 6
"""Channels that one sentence can name."""
SPACE = "\N{NO-BREAK SPACE}"


def headline(answer: Answer) -> str:
    """Return the answer in one sentence."""
    depths = settings(answer.proposals)
    return depths if holds(answer.verdicts) else f"No depth meets the target. The best that can be had: {depths}"


def settings(proposals: Sequence[Proposal]) -> str:
    """Return what to set: ``Set the depth of frames to 2 (now 4) and of picture to 4 (now 8); leave the other 3.``"""
    changed = [proposal for proposal in proposals if proposal.margin]
    left = len(proposals) - len(changed)
    if not changed:
        return "Leave all depths as they are."
    if len(changed) > NAMED:
        several = {
            depth: sum(each.depth == depth for each in changed) for depth in sorted({one.depth for one in changed})
        }
        parts = [f"{number} {'to' if index else 'channels to depth'} {depth}"
                 for index, (depth, number) in enumerate(several.items())]  # fmt: skip
        return f"Set {len(changed)} of {len(proposals)} depths anew, as the table says: {enumerated(parts)}."
    parts = [f"of {each.channel} to {each.depth} (now {each.depth_now})" for each in changed]
    rest = f"; leave the other {left if left > 1 else 'one'} as {'they are' if left > 1 else 'it is'}" if left else ""
    return f"Set the depth {enumerated(parts)}{rest}."


def enumerated(parts: Sequence[str]) -> str:
    """Return a list in words: ``a, b and c``."""
    return " and ".join(part for part in (", ".join(parts[:-1]), parts[-1]) if part) if parts else ""


def holds(verdicts: Sequence[Verdict]) -> bool:
    """Tell whether all parts of the target are met."""
    return all(verdict.met for verdict in verdicts)


def amount(value: float, unit: str) -> str:
    """Return a figure of a verdict as a person reads it, a dash for one that does not exist."""
    if not math.isfinite(value):
        return "–"
    if unit == "ns":
        return svg.duration(value)
    if unit == "bytes":
        return svg.size(value)
    return svg.count(int(value)) if float(value).is_integer() else svg.digits(value)


def is_time(figure: str) -> bool:
    """Tell whether a compared figure is a time in ns, from its name."""
    return any(part in {"age", "latency", "interval", "duration"} for part in figure.split("."))


def compared(one: Compared) -> dict[str, object]:
    """Return a row of prediction against emulation: texts, error, and whether it is within what is promised.

    Slots in use may differ by one, everything else by `TOLERANCE`.
    """
    unit = "ns" if is_time(one.figure) else ""
    by_one = one.figure.endswith("occupancy_max") and abs(one.predicted - one.emulated) <= 1
    return {
        "figure": one.figure,
        "predicted": amount(one.predicted, unit),
        "emulated": amount(one.emulated, unit),
        "error": "–" if not math.isfinite(one.error) else f"{100 * one.error:.2f}{SPACE}%",
        "share": min(one.error, 1.0),
        "within": by_one or one.error <= TOLERANCE,
    }
