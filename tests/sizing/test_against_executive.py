"""The model held against the executive: the same plan simulated, and run on real rings; every figure is the same.

The executive, the rings, the devices and the agent's loop are the simulator's own; only the time that calls take comes
from the plan. Firmware's loop is told in Python.
"""

from __future__ import annotations

import gc
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from functools import partial

import numpy as np
import pytest

from machines.native.link import BUFFERS
from sim.host.scheduler.fixed_priority import FixedPriority
from sim.scenario.schedule import Server
from sim.sizing.model import simulate
from sim.sizing.model.engine.library import SOURCE
from sim.sizing.plan import Calls, Node, Plan, Ring, Sensor, Service, Sink

from .comparison import differences
from .plans import random_plan
from .reference import World, executed

STEPS = 37


def compare(seed: int) -> World:
    plan = random_plan(seed)
    outcome = simulate(plan, STEPS)
    with executed(plan) as world:
        found = differences(outcome, world)
        assert not found, "\n".join([f"plan {seed}:", *found])
        return world


@pytest.mark.parametrize("seed", range(30))
def test_random_plan(seed: int) -> None:
    compare(seed)


@pytest.mark.slow
def test_many_random_plans() -> None:
    """Also: the plans together do all that a ring can do and have all that a plan can have."""
    seen: Counter[str] = Counter()
    for seed in range(100, 330):
        world = compare(seed)
        if seed % 20 == 0:
            gc.collect()  # regions keep descriptors as long as they are mapped
        policy = world.plan.policy and world.plan.policy()
        seen[type(policy).__name__] += 1
        seen.update(type(device).__name__ for device in world.plan.devices)
        seen.update("keeps" if service.keeps else "agent" for node in world.plan.nodes for service in node.services)
        for name, journal in world.journals.items():
            ring = world.plan.rings[name]
            who = "link" if "@link" in ring.source else ring.source.rstrip("0123456789")
            seen[f"{who} waits"] += world.producers[name].counters.stalls
            seen["opens late"] += ring.open_ns > 0
            for tensor in journal.tensors:
                seen["refused"] += tensor.refused
                seen["refused as all are claimed"] += tensor.refused and ring.overflow == "drop_oldest"
                seen["withdrawn"] += tensor.withdrawn_ns is not None
        seen["paths"] += len(world.plan.paths)
    for what in (
        "NoneType",
        "Dedicated",
        "Arinc653",
        "FixedPriority",
        "Sensor",
        "Sink",
        "Accelerator",
        "Link",
        "keeps",
    ):
        assert seen[what] > 9, what
    for what in ("n waits", "npu waits", "link waits", "sensor waits", "opens late", "refused", "withdrawn", "paths"):
        assert seen[what] > 29, what
    assert seen["refused as all are claimed"]


def test_the_comparison_notices_a_nanosecond() -> None:
    """The model of a plan that is hardly another one is not the run of this one."""
    plan = one_service(400_000, 4)
    later = replace(plan.nodes[0], wake_ns=plan.nodes[0].wake_ns + 1)
    other = replace(plan, nodes=(later,))
    with executed(plan) as world:
        assert not differences(simulate(plan), world)
        assert differences(simulate(other), world)


def test_a_link_has_as_many_buffers() -> None:
    assert f"#define SZ_LINK_BUFFERS {BUFFERS} " in (SOURCE / "engine.h").read_text()


def one_service(hold_ns: int, depth: int, **changes: object) -> Plan:
    rings = {
        "in": Ring("in", "in", "sensor", "node", 16, depth, "drop_oldest"),
        "out": Ring("out", "out", "node", "sink", 16, 2, "block"),
    }
    calls = Calls(np.array([hold_ns]), np.array([[hold_ns]]))
    node = Node("node", (Service("service", ("in",), (), ("out",), calls),), wake_ns=10_000)
    devices = Sensor("sensor", Fraction(1_000_000), ("in",)), Sink("sink", ("out",))
    return replace(Plan("one", 1_000_000, 100_000_000, rings, (node,), devices), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("depth", [2, 4, 16])
@pytest.mark.parametrize("hold_ns", [1, 400_000, 999_999, 1_000_000, 1_300_000, 7_000_000])
def test_overload_at_the_edges_of_a_quantum(hold_ns: int, depth: int) -> None:
    plan = one_service(hold_ns, depth)
    with executed(plan) as world:
        assert not differences(simulate(plan, STEPS), world)


@pytest.mark.parametrize(
    ("duty", "budget_ns", "period_ns"),
    [
        (Fraction(1), 4_999_999, 10_000_000), (Fraction(1), 5_000_000, 10_000_000),
        (Fraction(5, 11), 6_000_000, 10_000_000), (Fraction(8, 9), 5_000_000, 20_000_000),
    ],
)  # fmt: skip
def test_a_budget_that_is_always_used_up(duty: Fraction, budget_ns: int, period_ns: int) -> None:
    """A decision goes on for several quanta, in which a duty that does not divide them is worth more now and then."""
    plan = one_service(700_000, 4, duration_ns=400_000_000)
    servers = [Server("node", (0,), 1, budget_ns, period_ns)]
    nodes = (replace(plan.nodes[0], scheduled=True, duty=duty),)
    plan = replace(plan, nodes=nodes, policy=partial(FixedPriority, plan.quantum_ns, servers))
    with executed(plan) as world:
        assert not differences(simulate(plan, STEPS), world)
