"""The model by hand: small plans whose figures anyone can work out."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from sim.host.scheduler import Policy
from sim.host.scheduler.arinc653 import Arinc653
from sim.scenario.schedule import Window
from sim.sizing.errors import SizingError
from sim.sizing.model import simulate
from sim.sizing.model.outcome import Outcome
from sim.sizing.plan import (
    LONGEST_NS,
    NOT_SENT,
    Calls,
    Node,
    Overflow,
    Path,
    Plan,
    Ring,
    Sensor,
    Service,
    Sink,
    scaled_ns,
)

from .plans import random_plan

US, MS, SECOND = 1_000, 1_000_000, 1_000_000_000
ROOT = str(pathlib.Path(__file__).parents[2])


def calls(hold_ns: int, *offsets_ns: int) -> Calls:
    return Calls(np.array([hold_ns]), np.array([offsets_ns]).reshape(1, len(offsets_ns)))


def chain(
    hold_ns: int,
    offset_ns: int = NOT_SENT,
    *,
    wake_ns: int = 0,
    overflow: Overflow = "block",
    interval_ns: int = MS,
    count: int | None = None,
    duration_ns: int = 20 * MS,
) -> Plan:
    """Return a sensor, a node with one service, and a sink."""
    rings = {
        "in": Ring("in", "in", "sensor", "node", 64, 2, overflow),
        "out": Ring("out", "out", "node", "sink", 64, 2, "block"),
    }
    service = Service("service", ("in",), (), ("out",), calls(hold_ns, offset_ns))
    return Plan(
        "chain",
        MS,
        duration_ns,
        rings,
        (Node("node", (service,), wake_ns),),
        (Sensor("sensor", Fraction(interval_ns), ("in",), count=count), Sink("sink", ("out",))),
        {"sensor->sink": Path("sensor->sink", "sensor", ("in", "out"), MS - 1)},
    )


def test_one_sample_through_a_chain() -> None:
    """Sent at 0, taken at 10 us, its result sent at 260 us, given back at 310 us; the sink is rung at 1 ms."""
    outcome = simulate(chain(300 * US, 250 * US, wake_ns=10 * US, count=1))
    first, last = outcome.rings["in"], outcome.rings["out"]
    assert (first.offered, first.delivered, first.dropped, first.stalls, first.occupancy_max) == (1, 1, 0, 0, 1)
    assert (first.latency.max_ns, first.age.max_ns) == (10 * US, 10 * US)
    assert first.level_ns.tolist() == [20 * MS - 310 * US, 310 * US, 0]
    assert (last.latency.max_ns, last.age.max_ns) == (740 * US, MS)
    assert last.level_ns.tolist() == [20 * MS - 740 * US, 740 * US, 0]
    assert outcome.nodes["node"].busy_ns == 310 * US
    assert outcome.nodes["node"].calls == {"service": 1}
    path = outcome.paths["sensor->sink"]
    assert (path.delivered, path.missing, path.late, path.age.p50_ns) == (1, 0, 1, MS)


FULL = chain(3_500 * US, count=4)
"""A sample each ms, a call takes 3.5 ms: the second of four fills the ring at 1 ms, the third comes too early."""


def test_a_full_ring_that_blocks() -> None:
    """Samples are taken at 0, 3.5, 7 and 10.5 ms; the third is sent at 4 ms, when its slot is free, the fourth at 8."""
    outcome = simulate(FULL, 20)
    ring = outcome.rings["in"]
    assert (ring.offered, ring.delivered, ring.dropped, ring.stalls, ring.occupancy_max) == (4, 4, 0, 2, 2)
    assert (ring.latency.min_ns, ring.latency.p95_ns, ring.latency.max_ns) == (0, 3 * MS, 3 * MS)
    assert ring.age.max_ns == 7_500 * US
    assert ring.level_ns.tolist() == [6 * MS, 6 * MS, 8 * MS]
    assert ring.occupancy_mean == 1.1
    assert outcome.series["in"].levels.tolist() == [1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 1, 1, 1, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(("overflow", "latency_ns"), [("drop_newest", 2_500 * US), ("drop_oldest", 500 * US)])
def test_a_full_ring_that_drops(overflow: Overflow, latency_ns: int) -> None:
    """Two samples are lost; at 3.5 ms the second one is taken, or the fourth."""
    ring = replace(FULL.rings["in"], overflow=overflow)
    outcome = simulate(replace(FULL, rings={**FULL.rings, "in": ring})).rings["in"]
    assert (outcome.offered, outcome.delivered, outcome.dropped, outcome.stalls) == (4, 2, 2, 0)
    assert (outcome.latency.min_ns, outcome.latency.max_ns) == (0, latency_ns)
    assert outcome.level_ns.tolist() == [13 * MS, 4_500 * US, 2_500 * US]


def in_window() -> Policy:
    window = Window.model_construct(partition="node", core=0, offset_ns=4 * MS, length_ns=2 * MS)
    return Arinc653(MS, 10 * MS, [window])


def test_a_node_executes_in_its_window() -> None:
    """Rung at 0, 10, 20 ms; it has its core from 4 to 6 ms of each 10: a call of 2.5 ms ends in the next window."""
    plan = chain(2_500 * US, wake_ns=100 * US, interval_ns=10 * MS, duration_ns=30 * MS)
    (node,) = plan.nodes
    outcome = simulate(replace(plan, nodes=(replace(node, scheduled=True),), policy=in_window))
    ring = outcome.rings["in"]
    assert outcome.nodes["node"].busy_ns == 6 * MS
    assert outcome.nodes["node"].calls == {"service": 2}  # ended at 14.6 and 25.1 ms
    assert (ring.delivered, ring.latency.min_ns, ring.latency.max_ns) == (3, 4_100 * US, 5_100 * US)
    assert ring.level_ns.tolist() == [0, 20_300 * US, 9_700 * US]


def test_the_same_again_is_the_same() -> None:
    plan = random_plan(5)
    assert shown(simulate(plan, 10)) == shown(simulate(plan, 10))


def shown(outcome: Outcome) -> str:
    with np.printoptions(threshold=sys.maxsize):
        return repr(outcome)


def test_a_loop_in_which_nothing_takes_time_is_an_error() -> None:
    rings = {
        "in": Ring("in", "in", "sensor", "node", 64, 2, "block"),
        "loop": Ring("loop", "loop", "node", "node", 64, 2, "block"),
    }
    services = (
        Service("first", ("in",), (), ("loop",), calls(0, 0)),
        Service("again", ("loop",), (), ("loop",), calls(0, 0)),
    )
    plan = Plan("loop", MS, 10 * MS, rings, (Node("node", services),), (Sensor("sensor", Fraction(MS), ("in",)),))
    with pytest.raises(SizingError, match="loop: it does not come to rest"):
        simulate(plan)


def test_what_a_policy_raises_is_raised() -> None:
    class Broken(Arinc653):
        def decide(self, now_ns: int, demands: object) -> dict[str, object]:  # type: ignore[override]
            raise ZeroDivisionError("of the policy")

    plan = chain(MS)
    nodes = (replace(plan.nodes[0], scheduled=True),)
    with pytest.raises(ZeroDivisionError, match="of the policy"):
        simulate(replace(plan, nodes=nodes, policy=lambda: Broken(MS, 10 * MS, [])))


def test_an_interrupt_while_a_policy_is_asked_is_one() -> None:
    class Interrupted(Arinc653):
        def account(self, *asked: object) -> None:
            raise KeyboardInterrupt

    plan = chain(MS)
    nodes = (replace(plan.nodes[0], scheduled=True),)
    always = Window.model_construct(partition="node", core=0, offset_ns=0, length_ns=10 * MS)
    with pytest.raises(KeyboardInterrupt):
        simulate(replace(plan, nodes=nodes, policy=lambda: Interrupted(MS, 10 * MS, [always])))


def test_times_that_are_scaled_stay_within_the_engine() -> None:
    longest = calls(1 << 53, 1 << 53).scaled(1000.0)
    assert longest.hold_ns[0] == longest.offsets_ns[0, 0] == LONGEST_NS == scaled_ns(1 << 53, 1e9)
    assert (
        calls(3, NOT_SENT).scaled(1.5).hold_ns[0] == 4 and calls(3, NOT_SENT).scaled(1.5).offsets_ns[0, 0] == NOT_SENT
    )
    plan = chain(MS)
    service = replace(plan.nodes[0].services[0], calls=longest)
    outcome = simulate(replace(plan, nodes=(replace(plan.nodes[0], services=(service,)),)))
    assert outcome.rings["out"].offered == 0 and outcome.nodes["node"].busy_ns <= plan.duration_ns


MEMORY = """
import resource
from fractions import Fraction
from sizing.test_model import SECOND, MS, chain
from sim.sizing.model import simulate
for seconds in (10, 1000):
    outcome = simulate(chain(3 * MS, MS, duration_ns=seconds * SECOND))
    print(outcome.events, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_simulated_time() -> None:
    """A hundred times as long is a hundred times as many events, and not a megabyte more."""
    path = f"{ROOT}:{ROOT}/tests"
    done = subprocess.run(
        [sys.executable, "-c", MEMORY],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    (short, before), (long, after) = (map(int, line.split()) for line in done.stdout.splitlines())
    assert long > 99 * short
    assert after - before < 1024
