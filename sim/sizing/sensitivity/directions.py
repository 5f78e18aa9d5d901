"""Directions in which a system may grow: more cameras, slower services, faster sensors, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Literal

from sim.scenario.units import NS_PER_S
from sim.sizing.cameras import MAX_CAMERAS, count_cameras, vary
from sim.sizing.plan import Link, Plan, Sensor
from sim.sizing.sensitivity import names_of_services, slowed, with_copies
from sim.sizing.target import Target

HeadroomUnit = Literal["cameras", "times", "Hz"]
"""In what a direction is counted: cameras, how many times as long services take, the rate of sensors."""


FACTOR = Fraction(21, 20)
"""From one step of a factor to the next: 5 %."""

FURTHEST = 16
"""How many times the present value is tried at most. Who asks for more than that has another system in mind."""

_STEPS = next(step for step in range(1000) if FACTOR ** (step + 1) > FURTHEST)
_FIRST = 8
"""Step of a factor that is tried first: 1.48, as a step near 1 is told by the sensitivities already."""


@dataclass(frozen=True, slots=True)
class Direction:
    """One way to go, in steps; step 0 is the present system.

    Attributes:
        subject: what changes, `all services`.
        unit: of `amount`.
        most: last step.
        first: step that is tried first.
        amount: how much a step is, in the unit.
        at: the plan and the target at a step.
    """

    subject: str
    unit: HeadroomUnit
    most: int
    first: int
    amount: Callable[[int], float]
    at: Callable[[int], tuple[Plan, Target]]


def directions(plan: Plan, target: Target) -> Iterator[Direction]:
    """Give the directions that make sense for a plan.

    Parameters:
        plan: the present system.
        target: of the question.
    """
    present = count_cameras(plan)
    furthest = min(MAX_CAMERAS, FURTHEST * present)
    if 0 < present < furthest:
        yield Direction(
            "cameras", "cameras", furthest - present, 1, lambda step: float(present + step),
            lambda step: _with_more(plan, target, present + step),
        )  # fmt: skip
    names = names_of_services(plan)
    groups = [("all services", names)] if len(names) > 1 else []
    for subject, chosen in (*groups, *((name, [name]) for name in names)):
        yield Direction(subject, "times", _STEPS, _FIRST, _factor, partial(_slowed_at, plan, target, chosen))
    for subject, sensors in _groups(plan):
        yield from _faster(plan, target, subject, sensors)


def _groups(plan: Plan) -> Iterator[tuple[str, list[Sensor]]]:
    """Give the sensors whose rates change together: all cameras, and each by itself unless calls need others' samples.

    Where a call takes a sample of each of some sensors, one that is faster than the others makes its ring overflow
    whatever anybody can do about it, which tells nothing of the system.
    """
    sensors = {each.name: each for each in plan.devices if isinstance(each, Sensor)}
    cameras = [name for name, each in sensors.items() if each.camera]
    beyond = {lane.arriving: lane.leaving for link in plan.devices if isinstance(link, Link) for lane in link.lanes}
    sender = {beyond.get(ring, ring): name for name, each in sensors.items() for ring in each.outputs}
    group = {name: [name] for name in sensors}
    for service in (service for node in plan.nodes for service in node.services):
        joined = [group[name] for name in dict.fromkeys(sender[ring] for ring in service.required if ring in sender)]
        merged = list(dict.fromkeys(name for names in joined for name in names))
        group.update(dict.fromkeys(merged, merged))
    groups = list({tuple(names): None for names in group.values()})
    if len(cameras) > 1:
        groups = [tuple(cameras), *(names for names in groups if set(names) != set(cameras))]
    for names in groups:
        subject = "all cameras" if len(names) > 1 and set(names) == set(cameras) else ", ".join(names)
        yield subject, [sensors[name] for name in names]


def _factor(step: int) -> float:
    return float(FACTOR**step)


def _with_more(plan: Plan, target: Target, cameras: int) -> tuple[Plan, Target]:
    variant = vary(plan, cameras)
    return variant.plan, with_copies(target, variant.paths)


def _slowed_at(plan: Plan, target: Target, names: Sequence[str], step: int) -> tuple[Plan, Target]:
    return slowed(plan, names, FACTOR**step), target


def _faster(plan: Plan, target: Target, subject: str, sensors: Sequence[Sensor]) -> Iterator[Direction]:
    """Give the direction in which sensors take samples faster, as far as their jitter stays shorter than a period."""
    most = next((step for step in range(_STEPS) if any(not _fits(each, step + 1) for each in sensors)), _STEPS)
    names = {each.name for each in sensors}
    rate_hz = max(NS_PER_S / each.interval_ns for each in sensors)

    def at(step: int) -> tuple[Plan, Target]:
        devices = tuple(
            replace(each, interval_ns=each.interval_ns / FACTOR**step)
            if isinstance(each, Sensor) and each.name in names
            else each
            for each in plan.devices
        )
        return replace(plan, devices=devices), target

    if most:
        yield Direction(subject, "Hz", most, min(_FIRST, most), lambda step: float(rate_hz * FACTOR**step), at)


def _fits(sensor: Sensor, step: int) -> bool:
    return sensor.jitter_ns < sensor.interval_ns / FACTOR**step
