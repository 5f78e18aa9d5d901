"""Sensitivity: one change of the system at a time, with the proposed depths and with depths found anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from sim.scenario.model import LinuxPartition, Scenario
from sim.scenario.units import NS_PER_S
from sim.sizing.cameras import MAX_CAMERAS, count_cameras, vary
from sim.sizing.plan import Accelerator, Device, Node, Plan, Sensor
from sim.sizing.search import TargetOutOfReach, search
from sim.sizing.search.depths import Depths, Simulate, Trial, Trials, limits_of
from sim.sizing.search.horizon import lasting
from sim.sizing.target import Target
from sim.sizing.target.requirement import in_words
from sim.sizing.target.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What one change of the system does, with the proposed depths and with depths sized anew.

    Attributes:
        change: in words: `one more camera`, `services 10 % slower`, `half a window`.
        verdicts: with the proposed depths.
        breaks: what breaks first, in words; empty: all still hold.
        depths: sized anew, by channel; empty where no depth meets the target any more.
        extra_bytes: that these cost over the proposal; None where none meets it.
    """

    change: str
    verdicts: tuple[Verdict, ...]
    breaks: str
    depths: Mapping[str, int]
    extra_bytes: int | None


SLOWER = Fraction(11, 10)
"""How much longer a slower service takes."""

EVENTS = 3_000_000
"""Events that are simulated to find depths with less memory than those that the search comes to by changing one channel
after the other."""

RATES_HZ = (1, 2, 5, 10, 15, 20, 25, 30, 60, 90, 120, 240, 480, 1000)
"""Levels of a sensor's rate: those that cameras commonly offer, and round ones below and above. The next level of a
rate is the least of these above it; above the last one it is twice the rate."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the system.

    Attributes:
        text: in words.
        plan: with it.
        target: for it; also held to by what was added.
    """

    text: str
    plan: Plan
    target: Target


def changes(scenario: Scenario, plan: Plan, target: Target, plan_for: Callable[[Scenario], Plan]) -> Iterator[Change]:
    """Give the changes that make sense for a plan.

    Parameters:
        scenario: that the plan was made of.
        plan: what is changed.
        target: of the question.
        plan_for: makes a plan of another scenario with the same services, as windows are no part of a plan.
    """
    cameras = count_cameras(plan)
    if 0 < cameras < MAX_CAMERAS:
        variant = vary(plan, cameras + 1)
        yield Change("one more camera", variant.plan, with_copies(target, variant.paths))
    yield from (Change(text, changed, target) for text, changed in _slower(plan))
    for text, changed in _less_time(scenario):
        yield Change(text, replace(plan, policy=plan_for(changed).policy), target)
    yield from (Change(text, changed, target) for text, changed in _faster(plan))


def sensitivities(changes: Sequence[Change], proposed: Trial, simulate: Simulate) -> tuple[Sensitivity, ...]:
    """Return what each change does.

    Parameters:
        changes: one at a time.
        proposed: the proposal.
        simulate: the model.
    """
    return tuple(_sensitivity(change, proposed, simulate) for change in changes)


def _sensitivity(change: Change, proposed: Trial, simulate: Simulate) -> Sensitivity:
    limits = limits_of(change.plan)
    trials = Trials(lasting(change.plan, limits, simulate), change.target, simulate)
    kept = trials.at(proposed.depths)
    depths: Depths = kept.depths
    extra: int | None = kept.plan.memory_bytes - proposed.plan.memory_bytes
    if not kept.met:
        try:
            anew = search(trials, limits, EVENTS).trial
        except TargetOutOfReach:
            depths, extra = {}, None
        else:
            depths, extra = anew.depths, anew.plan.memory_bytes - proposed.plan.memory_bytes
    return Sensitivity(change.text, kept.verdicts, breaks(kept, change.target), depths, extra)


def breaks(trial: Trial, target: Target) -> str:
    """Return the requirement that is missed most, in words; nothing where all hold."""
    if trial.met:
        return ""
    index = max(range(len(trial.excess)), key=lambda number: (trial.excess[number], -number))
    requirement, verdict = target.requirements[index], trial.verdicts[index]
    said = f"{requirement.subject} is {in_words(verdict.value, verdict.unit)}"
    counted = {"drops": "dropped", "stalls": "stalls"}.get(requirement.figure)
    if counted is None or requirement.channel:
        return said
    most = max(trial.plan.rings, key=lambda ring: int(getattr(trial.outcome.rings[ring], counted)))
    number = getattr(trial.outcome.rings[most], counted)
    return f"{said}, all on {most}" if number == verdict.value else f"{said}, {number} of them on {most}"


def with_copies(target: Target, originals: Mapping[str, str]) -> Target:
    """Return the target with each requirement on a path also held to by the path's copies.

    Parameters:
        target: of the question.
        originals: of each copied path, by the copy's name.
    """
    requirements = tuple(
        replace(each, copies=tuple(copy for copy, original in originals.items() if original == each.path))
        for each in target.requirements
    )
    return replace(target, requirements=requirements)


def _slower(plan: Plan) -> Iterator[tuple[str, Plan]]:
    """Give plans with slower services: all of them, then each by itself; an accelerator is one, too."""
    names = names_of_services(plan)
    if len(names) > 1:
        yield "all services 10 % slower", slowed(plan, names, SLOWER)
    for name in names:
        yield f"{name} 10 % slower", slowed(plan, [name], SLOWER)


def names_of_services(plan: Plan) -> list[str]:
    """Return the names of services, `NODE.SERVICE`, and of accelerators."""
    names = [f"{node.name}.{service.name}" for node in plan.nodes for service in node.services]
    return names + [device.name for device in plan.devices if isinstance(device, Accelerator)]


def slowed(plan: Plan, names: Sequence[str], factor: Fraction) -> Plan:
    """Return the plan with slower services.

    Parameters:
        plan: any.
        names: of those that become slower, as of `names_of_services`.
        factor: how many times longer they take.
    """

    def node(each: Node) -> Node:
        services = tuple(
            replace(service, calls=service.calls.scaled(float(factor)))
            if f"{each.name}.{service.name}" in names
            else service
            for service in each.services
        )
        return replace(each, services=services)

    def device(each: Device) -> Device:
        if isinstance(each, Accelerator) and each.name in names:
            return replace(each, job_ns=round(each.job_ns * factor))
        return each

    return replace(plan, nodes=tuple(map(node, plan.nodes)), devices=tuple(map(device, plan.devices)))


def _less_time(scenario: Scenario) -> Iterator[tuple[str, Scenario]]:
    """Give scenarios in which one partition has half of its windows, in whole quanta, or of its budget."""
    scheduler, quantum = scenario.host.scheduler, scenario.time.quantum_ns
    if scheduler.policy == "arinc653":
        for name in dict.fromkeys(window.partition for window in scheduler.windows):
            windows = tuple(
                window.model_copy(update={"length_ns": max(window.length_ns // quantum // 2, 1) * quantum})
                if window.partition == name
                else window
                for window in scheduler.windows
            )
            if windows != scheduler.windows:
                host = scenario.host.model_copy(update={"scheduler": scheduler.model_copy(update={"windows": windows})})
                yield f"half the windows of {name}", scenario.model_copy(update={"host": host})
    if scheduler.policy == "fixed_priority":
        for name, partition in scenario.partitions.items():
            if isinstance(partition, LinuxPartition) and (partition.schedule.budget_ns or 0) > 1:
                budget = {"budget_ns": (partition.schedule.budget_ns or 0) // 2}
                less = partition.model_copy(update={"schedule": partition.schedule.model_copy(update=budget)})
                partitions = {**scenario.partitions, name: less}
                yield f"half the budget of {name}", scenario.model_copy(update={"partitions": partitions})


def _faster(plan: Plan) -> Iterator[tuple[str, Plan]]:
    """Give plans in which sensors of a kind take samples at the next higher rate."""
    for is_camera, name in ((True, "cameras"), (False, "other sensors")):
        chosen = [each for each in plan.devices if isinstance(each, Sensor) and each.camera == is_camera]
        if not chosen:
            continue
        rates = {each.name: next_rate(NS_PER_S / each.interval_ns) for each in chosen}
        faster = {each.name: replace(each, interval_ns=NS_PER_S / rates[each.name]) for each in chosen}
        what = chosen[0].name if len(chosen) == 1 else name
        level = min(rates.values())
        at = f" at {float(level):g} Hz" if set(rates.values()) == {level} else " one level faster"
        devices = tuple(faster.get(each.name, each) for each in plan.devices)
        yield f"{what}{at}", replace(plan, devices=devices)


def next_rate(rate_hz: Fraction) -> Fraction:
    """Return the next level above a rate; a rate within 1 % of a level, such as 29.97, counts as that level."""
    above = (Fraction(level) for level in RATES_HZ if level > rate_hz * Fraction(101, 100))
    return next(above, 2 * rate_hz)
