"""What the found depths are, why they are not smaller, and what each depth does."""

from __future__ import annotations

from collections.abc import Mapping

from sim.scenario.model import DEPTHS
from sim.sizing.answer import DepthCurve, Proposal
from sim.sizing.bounds import Bounds
from sim.sizing.plan import Path, Plan
from sim.sizing.search import Found
from sim.sizing.search.depths import Depths, Trial, Trials
from sim.sizing.target.requirement import in_words

DEEPEST = 8
"""A curve goes at least so deep."""


def proposals(trials: Trials, found: Found, present: Depths, bounds: Bounds) -> tuple[Proposal, ...]:
    """Return what is proposed for each channel, in the order of the plan.

    Parameters:
        trials: of the search.
        found: by it.
        present: depths of the scenario.
        bounds: of the plan.
    """
    best = found.trial
    held = {name: ring.occupancy_max for name, ring in best.outcome.rings.items()}
    now, then = channel_bytes(trials.at(present).plan), channel_bytes(best.plan)
    backlogs = channel_backlogs(best.plan, bounds)
    return tuple(
        Proposal(
            channel,
            depth_now=present[channel],
            depth=depth,
            bytes_now=now[channel],
            bytes=then[channel],
            occupancy_max=max(held[name] for name in _rings(best.plan, channel)),
            bound=backlogs[channel],
            why=_why(trials, best, channel),
        )
        for channel, depth in best.depths.items()
    )


def channel_bytes(plan: Plan) -> dict[str, int]:
    """Return the mapped size of the rings of each channel."""
    sizes: dict[str, int] = {}
    for ring in plan.rings.values():
        sizes[ring.channel] = sizes.get(ring.channel, 0) + ring.layout.mapping_bytes
    return sizes


def channel_backlogs(plan: Plan, bounds: Bounds) -> dict[str, int | None]:
    """Return the most tensors that any ring of each channel can ever hold; None where that is not known of all."""
    found: dict[str, int | None] = {}
    for name, ring in plan.rings.items():
        backlog = bounds.rings[name].backlog if name in bounds.rings else None
        before = found.get(ring.channel, 0)
        found[ring.channel] = None if backlog is None or before is None else max(before, backlog)
    return found


def binding(trials: Trials, found: Found) -> str:
    """Return which part of the target decides, and on which channel: where a shallower ring would free most memory."""
    best = found.trial
    sizes = channel_bytes(best.plan)
    deciding = [channel for channel, depth in best.depths.items() if depth > DEPTHS[0]]
    if deciding:
        channel = max(deciding, key=lambda each: sizes[each])
        shallower = _half(trials, best, channel)
        index = _worst(shallower)
        requirement, value = trials.target.requirements[index], shallower.verdicts[index].value
        said = f"{requirement.subject} is {in_words(value, requirement.unit)}"
        return f"{requirement.text} on {channel}: with depth {shallower.depths[channel]} {said}"
    nearest = _nearest_to_limit(trials, best)
    return f"no part of the target: every channel has the least depth there is, {DEPTHS[0]}{nearest}"


def _nearest_to_limit(trials: Trials, best: Trial) -> str:
    pairs = list(zip(trials.target.requirements, best.verdicts, strict=True))
    limited = [(requirement, verdict) for requirement, verdict in pairs if verdict.unit and verdict.limit]
    if not limited:
        return ""
    requirement, verdict = min(limited, key=lambda pair: abs(pair[1].limit - pair[1].value) / pair[1].limit)
    return f"; nearest to its limit is {requirement.text} with {in_words(verdict.value, verdict.unit)}"


def _why(trials: Trials, best: Trial, channel: str) -> str:
    if best.depths[channel] == DEPTHS[0]:
        return "least depth"
    shallower = _half(trials, best, channel)
    index = _worst(shallower)
    requirement, value = trials.target.requirements[index], shallower.verdicts[index].value
    return f"depth {shallower.depths[channel]}: {requirement.subject} {in_words(value, requirement.unit)}"


def _half(trials: Trials, best: Trial, channel: str) -> Trial:
    return trials.at({**best.depths, channel: best.depths[channel] // 2})


def _worst(trial: Trial) -> int:
    """Return the number of the requirement that is missed most; the first one where none is."""
    return max(range(len(trial.excess)), key=lambda index: (trial.excess[index], -index))


def curves(trials: Trials, found: Found) -> tuple[DepthCurve, ...]:
    """Return what the depth of each channel does, all others as proposed; parameters as of `proposals`."""
    best = found.trial
    return tuple(_curve(trials, best, channel) for channel in trials.channels)


def _curve(trials: Trials, best: Trial, channel: str) -> DepthCurve:
    deepest = max(DEEPEST, 2 * best.depths[channel])
    depths = [depth for depth in DEPTHS if depth <= deepest]
    tried = [trials.at({**best.depths, channel: depth}) for depth in depths]
    path = _path_through(trials, best.plan, channel)
    if path:
        ages, label = [trial.outcome.paths[path].age.p99_ns for trial in tried], f"p99 of the age of {path}"
    else:
        ages = [trial.outcome.rings[channel].age.p99_ns for trial in tried]
        label = f"p99 of the age of samples in {channel}"
    return DepthCurve(channel, depths, [trial.outcome.dropped for trial in tried], ages, label)


def _path_through(trials: Trials, plan: Plan, channel: str) -> str:
    """Return the path whose age is shown: of the target, else of the scenario; nothing where none leads through it."""
    asked = [requirement.path for requirement in trials.target.requirements if requirement.path]
    through = (name for name in dict.fromkeys([*asked, *plan.paths]) if _leads(plan, plan.paths[name], channel))
    return next(through, "")


def _leads(plan: Plan, path: Path, channel: str) -> bool:
    return any(plan.rings[ring].channel == channel for ring in path.rings)


def _rings(plan: Plan, channel: str) -> list[str]:
    return [name for name, ring in plan.rings.items() if ring.channel == channel]


def rates_hz(plan: Plan, found: Trial) -> Mapping[str, float]:
    """Return tensors published per virtual second on each ring: what a full ring refused was never written."""
    seconds = plan.duration_ns / 1e9
    rings = found.outcome.rings
    return {name: (rings[name].offered - rings[name].refused) / seconds for name in plan.rings}
