"""The proof: what the model predicted beside what a run with the proposed depths did, figure by figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sim.report.distribution import P99_9, percentile
from sim.report.paths import conclude_paths
from sim.report.record import ChannelRecord, PathRecord, RunRecord
from sim.scenario.model import Scenario
from sim.scenario.paths import DataPath
from sim.sizing.answer import Compared
from sim.sizing.model.outcome import Outcome, PathOutcome, RingOutcome, Times
from sim.sizing.plan import Plan
from sim.sizing.target.requirement import in_words

TOLERANCE = 0.05
"""Relative error of a predicted time from which on it is called wrong."""

NAMED = 6
"""Wrong predictions that are told one by one; the tables show all."""

SLOTS = 1
"""Error of a predicted occupancy, in slots, above which it is called wrong."""


def outcome_of(record: RunRecord, scenario: Scenario, plan: Plan) -> Outcome:
    """Return what a run found, as the model would say it; percentiles are exact.

    Parameters:
        record: of the run.
        scenario: that was run.
        plan: of it; its rings and paths are told.
    """
    paths = _paths(record, scenario, plan)
    rings = {name: _ring(record.channels[name]) for name in plan.rings}
    return Outcome(rings, {name: _path(each) for name, each in paths.items()}, {}, 0, record.virtual_time_ns, {})


def _ring(channel: ChannelRecord) -> RingOutcome:
    return RingOutcome(
        offered=channel.published,
        delivered=len(channel.latencies_ns),
        dropped=channel.dropped,
        refused=sum(message.refused for message in channel.messages),
        stalls=channel.producer.stalls,
        occupancy_max=channel.occupancy_max,
        level_ns=np.zeros(channel.depth + 1, np.int64),
        latency=_times(channel.latencies_ns),
        age=_times(channel.ages_ns),
    )


def _path(path: PathRecord) -> PathOutcome:
    ages = [age for _, age, _ in path.arrivals]
    late = sum(age > path.deadline_ns for age in ages) if path.deadline_ns is not None else 0
    return PathOutcome(len(ages), len(path.missing), late, _times(ages))


def _paths(record: RunRecord, scenario: Scenario, plan: Plan) -> dict[str, PathRecord]:
    """Return the plan's paths as the run went; the target may ask about some that the scenario has not."""
    asked = {
        name: DataPath.model_validate({"from": begin, "to": end})
        for name in plan.paths
        if name not in scenario.paths
        for begin, _, end in [name.partition("->")]
    }
    told = replace(record)
    conclude_paths(scenario.model_copy(update={"paths": {**scenario.paths, **asked}}), told)
    return {name: told.paths[name] for name in plan.paths}


def _times(values: Sequence[int]) -> Times:
    if not values:
        return Times(0, 0, 0, 0, 0, 0, 0)
    p50, p95, p99, p99_9 = (percentile(values, percent) or 0 for percent in (50, 95, 99, P99_9))
    return Times(len(values), min(values), p50, p95, p99, p99_9, max(values))


def compare(plan: Plan, predicted: Outcome, emulated: Outcome) -> tuple[Compared, ...]:
    """Return each figure as predicted and as emulated.

    Parameters:
        plan: whose rings and paths are compared.
        predicted: by the model.
        emulated: by a run (`outcome_of`).
    """
    found: list[Compared] = []
    for name in plan.rings:
        said, seen = predicted.rings[name], emulated.rings[name]
        found += [
            Compared(f"channels.{name}.occupancy_max", said.occupancy_max, seen.occupancy_max),
            Compared(f"channels.{name}.latency.p99", said.latency.p99_ns, seen.latency.p99_ns),
            Compared(f"channels.{name}.delivered", said.delivered, seen.delivered),
            Compared(f"channels.{name}.dropped", said.dropped, seen.dropped),
        ]
    for name in plan.paths:
        way, went = predicted.paths[name], emulated.paths[name]
        found += [
            Compared(f"paths.{name}.age.p99", way.age.p99_ns, went.age.p99_ns),
            Compared(f"paths.{name}.age.max", way.age.max_ns, went.age.max_ns),
            Compared(f"paths.{name}.delivered", way.delivered, went.delivered),
        ]
    return tuple(found)


def is_wrong(one: Compared) -> bool:
    """Tell whether a prediction is off by more than is said to be good: a slot, or 5 % of a p99."""
    if one.figure.endswith(".occupancy_max"):
        return abs(one.predicted - one.emulated) > SLOTS
    return one.figure.endswith(".p99") and one.error > TOLERANCE


def error_words(one: Compared) -> str:
    """Return the error of a prediction: `1.5 %`; as a number where a share says nothing."""
    if one.error == float("inf"):
        return in_words(one.predicted - one.emulated, "")
    return f"{100 * one.error:.1f} %"


def remarks(compared: Sequence[Compared]) -> tuple[str, ...]:
    """Return a sentence on each prediction that was wrong, those of paths first; of many, how many more there are."""
    said = []
    wrong = sorted(filter(is_wrong, compared), key=lambda one: not one.figure.startswith("paths."))
    for one in wrong[:NAMED]:
        unit = "ns" if one.figure.endswith(".p99") else ""
        values = f"{in_words(one.predicted, unit)} predicted, {in_words(one.emulated, unit)} emulated"
        apart = (
            f", which is {in_words(abs(one.predicted - one.emulated), unit)} or {error_words(one)} off" if unit else ""
        )
        said.append(f"{one.figure}: {values}{apart}")
    if len(wrong) > NAMED:
        said.append(f"{len(wrong) - NAMED} more of {len(compared)} predicted figures are off")
    return tuple(said)
