"""From a scenario, execution times and a target to an answer, all by the model: nothing runs here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sim.scenario.model import Scenario
from sim.scenario.units import format_duration
from sim.sizing import model
from sim.sizing.account import Account, account
from sim.sizing.answer import Answer
from sim.sizing.answer.proposal import binding, channel_backlogs, curves, proposals, rates_hz
from sim.sizing.bounds import bounds
from sim.sizing.plan import Plan
from sim.sizing.reduction import left_out, plan_of
from sim.sizing.search import Found, TargetOutOfReach, search
from sim.sizing.search.depths import Trial, Trials, depths_of, limits_of
from sim.sizing.search.horizon import lasting
from sim.sizing.sensitivity import changes, sensitivities
from sim.sizing.sensitivity.headroom import Found as Headrooms
from sim.sizing.sensitivity.headroom import headrooms
from sim.sizing.target import Target
from sim.sizing.target.requirement import in_words
from sim.sizing.timing import Timing

STEPS = 1000
"""Into how many steps occupancy over time is cut: as many as a page has pixels."""


@dataclass(frozen=True, slots=True)
class Modelled:
    """An answer and what it was made from.

    Attributes:
        answer: without an emulation.
        proposed: the trial of the proposal.
    """

    answer: Answer
    proposed: Trial


def answer_question(scenario: Scenario, file: Path, target: Target, timing: Timing) -> Modelled:
    """Return the smallest depths that meet a target, and all that is to be known about them.

    Parameters:
        scenario: one that was loaded.
        file: where it was read from.
        target: for this scenario.
        timing: execution times of all its services.

    Raises:
        TargetOutOfReach: no depths meet the target.
        SizingError: the scenario cannot be modelled.
    """
    plan = plan_of(scenario, timing, target.paths)
    limits = limits_of(plan, channel_backlogs(plan, bounds(plan)))
    longer = lasting(plan, limits, model.simulate)
    trials = Trials(longer, target, model.simulate)
    try:
        found = search(trials, limits)
    except TargetOutOfReach as error:
        raise TargetOutOfReach("; ".join((str(error), *_horizon(plan, longer)))) from None
    in_the_run = Trials(plan, target, model.simulate)
    present, best = in_the_run.at({}), in_the_run.at(found.trial.depths)
    altered = changes(scenario, plan, target, lambda other: plan_of(other, timing, target.paths))
    bounded, memory = bounds(best.plan), account(scenario, best.plan, rates_hz(best.plan, best))
    further = headrooms(best, target, model.simulate, _room(memory))
    answer = Answer(
        scenario=scenario.name,
        scenario_file=str(file),
        target=target.text,
        timing=timing.origin,
        now=model.simulate(plan, STEPS),
        proposed=model.simulate(best.plan, STEPS),
        verdicts_now=present.verdicts,
        verdicts=best.verdicts,
        proposals=proposals(trials, found, depths_of(plan), bounded),
        account_now=account(scenario, plan, rates_hz(plan, present)),
        account=memory,
        bounds=bounded,
        binding=binding(trials, found),
        sensitivities=sensitivities(list(altered), best, model.simulate),
        curves=curves(trials, found),
        notes=(*timing.notes, *left_out(scenario), *_horizon(plan, longer), *_further(plan, further), _how_sure(found)),
        figures={"simulations": float(len(trials.simulated)), "events": float(best.outcome.events)},
        headrooms=further.rows,
    )
    return Modelled(answer, best)


def _room(memory: Account) -> int | None:
    """Return the memory of the machine that its guests leave for rings; None: it is not limited."""
    return None if memory.host_bytes is None else memory.host_bytes - memory.guests_bytes


def _horizon(plan: Plan, longer: Plan) -> list[str]:
    if longer.duration_ns == plan.duration_ns:
        return []
    run, simulated = format_duration(plan.duration_ns), format_duration(longer.duration_ns)
    return [f"simulated for {simulated} instead of {run}, as some rings still filled up at the end of the run"]


def _further(plan: Plan, found: Headrooms) -> list[str]:
    if found.duration_ns == plan.duration_ns or not found.rows:
        return []
    run, simulated = in_words(plan.duration_ns, "ns"), in_words(found.duration_ns, "ns")
    why = "to see who falls behind slowly" if found.duration_ns > plan.duration_ns else "to answer in seconds"
    return [f"how far each direction goes was simulated for {simulated} instead of {run}, {why}"]


def _how_sure(found: Found) -> str:
    tried = f"{found.simulations} simulations"
    if found.least:
        return f"no setting of depths that takes less memory meets the target ({tried})"
    return f"no depth can be less by itself; not every setting that takes less memory was tried ({tried})"
