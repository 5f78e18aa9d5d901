"""No simulation of a plan exceeds its bounds: random plans of everything, and how far the bounds are above."""

from __future__ import annotations

from functools import cache
from statistics import median

import pytest

from sim.sizing.bounds import Bounds, bounds
from sim.sizing.model import simulate
from sim.sizing.model.outcome import Outcome
from sim.sizing.plan import Plan

from .random_plans import CHAINS, EVERYTHING, Features, random_plan

PLANS = 200
KINDS = ("backlog", "delay", "age")
FEATURES = {
    "everything": EVERYTHING,
    "light": Features(load=0.4, depths=(8, 64)),
    "arinc653": Features(("arinc653",), load=0.4, depths=(4, 64)),
    "fixed_priority": Features(("fixed_priority",), load=0.4, depths=(4, 64)),
    "chains": CHAINS,
}


@cache
def _found(name: str, seed: int) -> tuple[Plan, Bounds, Outcome]:
    plan = random_plan(seed, FEATURES[name])
    return plan, bounds(plan), simulate(plan)


def _pairs(name: str, seed: int, kind: str) -> list[tuple[str, int, int]]:
    """(ring or path, simulated, bound) of all that has a bound of this kind."""
    plan, bound, outcome = _found(name, seed)
    if kind == "age":
        ages = [(path, outcome.paths[path].age.max_ns, age_ns) for path, age_ns in bound.paths_ns.items()]
        return [(path, found, age_ns) for path, found, age_ns in ages if age_ns is not None]
    pairs = []
    for ring, one in bound.rings.items():
        found = outcome.rings[ring]
        if kind == "delay" and one.delay_ns is not None:
            pairs.append((ring, found.latency.max_ns, one.delay_ns))
        if kind == "backlog" and one.backlog is not None:
            pairs.append((ring, found.occupancy_max, min(one.backlog, plan.rings[ring].depth)))
    return pairs


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_no_simulated_backlog_delay_or_age_exceeds_its_bound(kind: str) -> None:
    exceeded, held = [], 0
    for seed in range(PLANS):
        pairs = _pairs("everything", seed, kind)
        held += len(pairs)
        exceeded += [(seed, *pair) for pair in pairs if pair[1] > pair[2]]
    assert not exceeded
    assert held >= PLANS  # at least one a plan has a bound


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FEATURES)
def test_nor_with_one_kind_of_plans(name: str, kind: str) -> None:
    found = [(seed, *pair) for seed in range(1000, 1015) for pair in _pairs(name, seed, kind)]
    assert found
    assert [each for each in found if each[2] > each[3]] == []


def test_where_there_is_no_bound_it_says_why() -> None:
    whys = set()
    for seed in range(1000, 1015):
        _, bound, _ = _found("everything", seed)
        for ring, one in bound.rings.items():
            assert bool(one.why) == (one.backlog is None or one.delay_ns is None), (seed, ring, one)
            whys.add(bool(one.why))
    assert whys == {False, True}, "some have a bound, some have none"


def test_bounds_of_periodic_chains_are_near() -> None:
    """Most that comes of a chain of nodes is within half as much again, and backlogs are exact more often than not."""
    ratios = {}
    for kind in KINDS:
        pairs = [pair for seed in range(2000, 2060) for pair in _pairs("chains", seed, kind)]
        ratios[kind] = median(bound / found for _, found, bound in pairs if found)
    print(", ".join(f"{kind}: median of bound over simulated {ratio:.2f}" for kind, ratio in ratios.items()))
    assert ratios["backlog"] == 1
    assert ratios["delay"] < 1.75
    assert ratios["age"] < 1.5


def test_a_plan_is_the_same_for_the_same_seed() -> None:
    one, other = random_plan(7), random_plan(7)
    assert (one.rings, one.devices, one.paths, one.quantum_ns) == (
        other.rings,
        other.devices,
        other.paths,
        other.quantum_ns,
    )
