"""The smallest depths that meet a target.

Deeper rings do not always help: what waits in a ring that drops the oldest grows old, so a target may need a shallower
one. Nothing here assumes that a figure goes one way with the depth; every setting that is proposed was simulated.

1. With generous rings: what the system does when it never waits for memory. The least depths with which no ring is full
   more often than that do the same (`free`).
2. If the target is not met there: from several settings, change by change, the one that comes nearest to it.
3. From a setting that meets it: lower channel by channel, the one that takes most memory first, until none can be
   lower; a channel may go up where that lets another one go down by more.
4. Where there are few settings that cost less (or, without any that meets the target, few at all): all of them.

All of it is deterministic: how far it goes is bounded by simulated events, not by the time that they take.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sim.scenario.model import DEPTHS
from sim.sizing.account import region
from sim.sizing.errors import SizingError
from sim.sizing.plan import Ring
from sim.sizing.search.depths import Depths, Trial, Trials, depth_for
from sim.sizing.target.requirement import Requirement, in_words

EVENTS = 30_000_000
"""Events that the fourth step may simulate: some seconds."""

SIMULATIONS = 500
"""Simulations that it may make, each of which takes about a millisecond besides its events."""

MOST = 4096
"""Settings that it may look at."""

CLIMB = 200
"""Simulations of one climb in the second step: some per channel of a large system."""

Score = Callable[[Trial], tuple[float, ...]]
"""How far a trial is from what is wanted; smaller is nearer, all 0 is there."""


class TargetOutOfReach(SizingError):
    """No depths meet the target; the message says what is the best that can be had."""


@dataclass(frozen=True, slots=True)
class Found:
    """The proposal.

    Attributes:
        trial: with the proposed depths.
        free: with the least depths that do what generous ones do.
        least: whether all settings that cost less were tried; else none that differs in one channel meets the target.
        simulations: how many it took.
    """

    trial: Trial
    free: Trial
    least: bool
    simulations: int


def search(trials: Trials, limits: Depths, events: int = EVENTS) -> Found:
    """Return the depths that meet the target with the least memory.

    Parameters:
        trials: of the plan and its target.
        limits: deepest ring worth a trial, by channel.
        events: that trying every cheaper setting may simulate.

    Raises:
        TargetOutOfReach: no depths meet the target.
    """
    free = _free(trials, limits)
    best = free if free.met else _nearest(trials, free, limits, _far)
    complete = False
    if not best.met:
        other, complete = _every(trials, free, limits, None, events)
        if _wants_memory(trials):  # which deeper rings take even where none was ever full
            complete = False
            other = other or min((each for each in trials.all() if each.met), key=lambda each: each.cost, default=None)
        if other is None:
            raise TargetOutOfReach(_out_of_reach(trials, free, limits, complete))
        best = other
    if not complete:
        best = _lowered(trials, best, limits)
        cheaper, complete = _every(trials, free, limits, best, events)
        if cheaper is not None:
            best = cheaper if complete else _lowered(trials, cheaper, limits)
    return Found(best, free, complete, len(trials.simulated))


def _wants_memory(trials: Trials) -> bool:
    """Tell whether the target asks for more memory than need be, or for a certain amount."""
    asked = trials.target.requirements
    return any(each.figure == "memory" and each.operator not in ("<", "<=") for each in asked)


def _free(trials: Trials, limits: Depths) -> Trial:
    """Return the trial with the least depths that do what the limits do."""
    generous = trials.at(limits)
    held = dict.fromkeys(trials.channels, 0)
    for name, ring in generous.plan.rings.items():
        held[ring.channel] = max(held[ring.channel], generous.outcome.rings[name].occupancy_max)
    depths = {channel: min(depth_for(most), limits[channel]) for channel, most in held.items()}
    while True:
        trial = trials.at(depths)
        short = [each for each in trial.refusing if each not in generous.refusing and depths[each] < limits[each]]
        if not short:
            return trial
        depths = {**depths, **{channel: 2 * depths[channel] for channel in short}}


def _far(trial: Trial) -> tuple[float, ...]:
    """Tell how far a trial is from the target: requirements of which nothing is known, then the sum of all others."""
    known = [excess for excess in trial.excess if not math.isinf(excess)]
    return float(len(trial.excess) - len(known)), sum(known)


def _nearest(trials: Trials, free: Trial, limits: Depths, score: Score) -> Trial:
    """Return the trial that comes nearest by changing one channel after the other, from several settings."""
    starts = [free.depths, {channel: min(depth, limits[channel]) for channel, depth in trials.at({}).depths.items()}]
    tops = max(free.depths.values())
    starts += [{each: min(depth, cap) for each, depth in free.depths.items()} for cap in DEPTHS if cap < tops]
    return min((_climb(trials, start, limits, score) for start in starts), key=lambda each: (score(each), each.cost))


def _climb(trials: Trials, start: Depths, limits: Depths, score: Score) -> Trial:
    """Return the best trial that is reached by halving or doubling one depth after the other."""
    here, ends = trials.at(start), len(trials.simulated) + CLIMB
    is_better = True
    while is_better:
        is_better = False
        for channel in trials.channels:
            for there in _moves(trials, here, channel, limits):
                if not any(score(here)) or len(trials.simulated) >= ends:
                    return here
                if score(there) < score(here):
                    here, is_better = there, True
                    break
    return here


def _moves(trials: Trials, here: Trial, channel: str, limits: Depths) -> Iterator[Trial]:
    depth = here.depths[channel]
    if channel in here.refusing and depth < limits[channel]:  # a ring that was never full does not miss room
        yield trials.at({**here.depths, channel: depth * 2})
    if depth > DEPTHS[0]:
        yield trials.at({**here.depths, channel: depth // 2})


def _lowered(trials: Trials, best: Trial, limits: Depths) -> Trial:
    """Return a trial that meets the target and of which no channel can be lower by itself."""
    while True:
        cheaper = next(_lower(trials, best, limits), None)
        if cheaper is None:
            return best
        best = cheaper


def _lower(trials: Trials, best: Trial, limits: Depths) -> Iterator[Trial]:
    """Give the trials that meet the target and cost less by one channel being lower, and perhaps another one deeper."""

    def freed(channel: str) -> int:
        rings = [ring.layout.mapping_bytes for ring in best.plan.rings.values() if ring.channel == channel]
        return -sum(rings)

    failed = []
    for channel in sorted(trials.channels, key=freed):
        for depth in (each for each in DEPTHS if each < best.depths[channel]):
            trial = trials.at({**best.depths, channel: depth})
            if trial.met:
                yield trial
            failed.append(trial)
    for trial in failed:
        for channel in trial.refusing:
            depths = {**trial.depths, channel: 2 * trial.depths[channel]}
            if channel in best.refusing or depths[channel] > limits[channel] or depths[channel] <= best.depths[channel]:
                continue
            exchanged = trials.at(depths)
            if exchanged.cost < best.cost and exchanged.met:
                yield exchanged


def _every(trials: Trials, free: Trial, limits: Depths, below: Trial | None, events: int) -> tuple[Trial | None, bool]:
    """Try every setting, the cheapest first.

    A setting with rings that are deeper than those tried is one of these as long as none was ever full at the deepest
    depth tried; where one was, it is tried deeper, too.

    Parameters:
        trials: of the plan.
        free: with the least depths that do what generous ones do.
        limits: deepest ring worth a trial, by channel.
        below: only settings that cost less than this one; None: all.
        events: that may be simulated.

    Returns:
        The cheapest trial that meets the target, None if none does; and whether all settings were tried.
    """
    found, tops = None, dict(free.depths)
    left = min(events // max(free.outcome.events, 1), SIMULATIONS)
    while True:
        settings = _settings(trials, tops)
        if settings is None:
            return found, False
        full: set[str] = set()
        for bytes_, depths in settings:
            bar = found or below
            if bar is not None and (bytes_, sum(depths.values()), tuple(depths.values())) >= bar.cost:
                break
            if not trials.knows(depths):
                if not left:
                    return found, False
                left -= 1
            trial = trials.at(depths)
            full |= {each for each in trial.refusing if depths[each] == tops[each] < limits[each]}
            if trial.met:
                found = trial
                break
        if not full:
            return found, True
        tops |= {channel: 2 * tops[channel] for channel in full}


def _settings(trials: Trials, tops: Depths) -> list[tuple[int, Depths]] | None:
    """Return all settings up to some depths with the memory of each, the cheapest first; None: they are too many."""
    options = {channel: [depth for depth in DEPTHS if depth <= top] for channel, top in tops.items()}
    if math.prod(map(len, options.values())) > MOST:
        return None
    sizes: dict[str, dict[int, int]] = {channel: dict.fromkeys(depths, 0) for channel, depths in options.items()}
    for ring in trials.plan.rings.values():
        for depth in options[ring.channel]:
            sizes[ring.channel][depth] += region(ring.name, depth, ring.payload_bytes).mapping
    settings: list[tuple[int, Depths]] = []
    for combination in itertools.product(*options.values()):
        depths = dict(zip(options, combination, strict=True))
        settings.append((sum(sizes[channel][depth] for channel, depth in depths.items()), depths))
    return sorted(settings, key=lambda each: (each[0], sum(each[1].values()), tuple(each[1].values())))


def _out_of_reach(trials: Trials, free: Trial, limits: Depths, complete: bool) -> str:
    """Return what is the best that can be had, and what to do about it."""
    requirements = trials.target.requirements
    if not complete:
        for index in range(len(requirements)):
            _nearest(trials, free, limits, _one_before_others(index))
    tried = list(trials.all())
    where = "at any depth" if complete else f"of {len(trials.simulated)} settings of depths that were tried"
    for index, requirement in enumerate(requirements):
        if all(trial.excess[index] for trial in tried):
            best = min(tried, key=lambda trial: (trial.excess[index], trial.cost))
            said = _best(requirement, best.verdicts[index].value)
            return f"{said}, {where}; {_advice(requirement, best.verdicts[index].value, trials, limits)}"
    nearest = min(tried, key=lambda trial: (_far(trial), trial.cost))
    return _not_together(trials, nearest, limits, where)


def _one_before_others(index: int) -> Score:
    """Return the score that looks at one requirement first, and at all others where it is met."""

    def score(trial: Trial) -> tuple[float, ...]:
        return trial.excess[index], *_far(trial)

    return score


def _not_together(trials: Trials, nearest: Trial, limits: Depths, where: str) -> str:
    """Return what can be had of a requirement while all others hold, each of which can be met by itself."""
    requirements, tried = trials.target.requirements, list(trials.all())
    index = next(number for number, excess in enumerate(nearest.excess) if excess)
    requirement, others = requirements[index], [each.text for each in requirements if each is not requirements[index]]
    keeping = [trial for trial in tried if not any(trial.excess[:index] + trial.excess[index + 1 :])]
    best = min(keeping or tried, key=lambda trial: (trial.excess[index], trial.cost))
    value = best.verdicts[index].value
    together = f"{requirement.text} cannot be had together with {', '.join(others)}"
    if not keeping:
        return f"{together}, {where}; ask for less of them"
    return f"{together}: {_best(requirement, value)} then, {where}; {_advice(requirement, value, trials, limits)}"


def _best(requirement: Requirement, value: float) -> str:
    return f"{requirement.subject} is {in_words(value, requirement.unit)}{'' if math.isnan(value) else ' at best'}"


def _advice(requirement: Requirement, value: float, trials: Trials, limits: Depths) -> str:
    """Return what would let a requirement be met."""
    generous = trials.at(limits)
    concerned = trials.target.channels_of(requirement) or trials.channels
    late = [channel for channel in generous.refusing if channel in concerned]
    if requirement.figure != "memory" and late:
        ring = root_of(generous)
        deep = f"'{ring.target}' does not keep up with '{ring.channel}' even at depth {limits[ring.channel]}"
        return f"{deep}: make it faster, or what sends to it slower"
    if math.isnan(value):
        return "run longer, or look whether anything is sent"
    if requirement.unit == "ns" and not requirement.wants_less:
        return f"ask for >= {math.floor(value / 1e3):g}us"
    if requirement.unit == "ns":
        way = " and ".join(f"'{channel}'" for channel in concerned)
        return f"ask for <= {_above_ms(value):g}ms, or make the services and windows on the way of {way} shorter"
    sign = {"<": "<=", ">": ">="}.get(requirement.operator, requirement.operator)
    asked = f"{math.ceil(value / 1024)}K" if requirement.unit == "bytes" else f"{value:.0f}"
    return f"ask for {sign} {asked}"


def root_of(trial: Trial) -> Ring:
    """Return the first full ring whose consumer is not held up by a full ring itself; the first one if all are.

    Parameters:
        trial: in which a ring refused a tensor.
    """
    rings = [ring for ring in trial.plan.rings.values() if ring.channel in trial.refusing]
    held_up = {ring.source for ring in rings}
    return next((ring for ring in rings if ring.target not in held_up), rings[0])


def _above_ms(value_ns: float) -> float:
    """Return the next tenth of a millisecond above a time."""
    return math.floor(value_ns / 1e5 + 1) / 10
