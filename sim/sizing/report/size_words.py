"""The answer in words: what to set, what it costs, whether the target holds, what decides."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sim.report import svg
from sim.sizing.answer import Answer, Proposal
from sim.sizing.target.verdict import Verdict

NAMED = 6
"""Channels that one sentence can name."""


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
        return _grouped(changed, len(proposals))
    parts = [f"of {each.channel} to {each.depth} (now {each.depth_now})" for each in changed]
    rest = f"; leave the other {left if left > 1 else 'one'} as {'they are' if left > 1 else 'it is'}" if left else ""
    return f"Set the depth {enumerated(parts)}{rest}."


def _grouped(changed: Sequence[Proposal], of: int) -> str:
    """Return what to set where there are too many channels to name."""
    several = {depth: sum(each.depth == depth for each in changed) for depth in sorted({one.depth for one in changed})}
    some = f"all {of} channels" if len(changed) == of else f"{len(changed)} of {of} channels"
    if len(several) == 1:
        return f"Set the depth of {some} to {changed[0].depth}."
    return f"Set the depths of {some}: {enumerated([f'{number} to {depth}' for depth, number in several.items()])}."


def enumerated(parts: Sequence[str]) -> str:
    """Return a list in words: ``a, b and c``."""
    return " and ".join(part for part in (", ".join(parts[:-1]), parts[-1]) if part) if parts else ""


def capitalized(sentence: str) -> str:
    """Return a sentence with a capital letter and a full stop; nothing for none."""
    return f"{sentence[:1].upper()}{sentence[1:]}." if sentence else ""


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
