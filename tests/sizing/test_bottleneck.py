"""Who is the bottleneck: demand of nodes, accelerators and links from what was busy and what was lost."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from sim.sizing import model
from sim.sizing.plan import Accelerator, Calls, Lane, Link, Node, Plan, Ring, Sensor, Service, Sink
from sim.sizing.sensitivity.bottleneck import Load, busiest
from tests.sizing.responses import MS


def ring(name: str, source: str, target: str, channel: str = "") -> Ring:
    return Ring(name, channel or name, source, target, 100, 2, "drop_oldest")


def guest_plan(call_ms: int, second_ms: int = 0) -> Plan:
    """Return a sensor of 100 samples a second and a guest with one or two services that take them."""
    times = [call_ms, second_ms] if second_ms else [call_ms]
    rings = {f"in_{number}": ring(f"in_{number}", "eye", "guest") for number in range(len(times))}
    services = tuple(
        Service(f"see_{number}", (f"in_{number}",), (), (), Calls(np.array([ms * MS]), np.zeros((1, 0), np.int64)))
        for number, ms in enumerate(times)
    )
    eye = Sensor("eye", Fraction(10 * MS), tuple(rings))
    return Plan("one", MS, 2000 * MS, rings, (Node("guest", services),), (eye,))


def load_of(plan: Plan, shares: dict[str, float] | None = None) -> Load:
    found = busiest(plan, model.simulate(plan), shares or {})
    assert found is not None
    return found


@pytest.mark.parametrize("call_ms", [2, 9, 13, 40])
def test_demand_is_rate_times_call_whether_it_can_be_served_or_not(call_ms: int) -> None:
    found = load_of(guest_plan(call_ms))
    assert found.demand == pytest.approx(call_ms / 10, rel=0.03)
    assert (found.name, found.given, found.inputs) == ("guest.see_0", 1.0, {"in_0"})


def test_a_node_of_two_services_is_named_itself_and_needs_time_for_both() -> None:
    found = load_of(guest_plan(4, 9))
    assert found.name == "guest" and found.demand == pytest.approx(1.3, rel=0.03)


def test_only_what_came_after_the_shorter_run_counts() -> None:
    plan = guest_plan(4)
    outcome = model.simulate(plan)
    half = model.simulate(replace(plan, duration_ns=plan.duration_ns // 2))
    found = busiest(plan, outcome, {}, half)
    assert found is not None and found.demand == pytest.approx(0.4, rel=0.01)


@pytest.mark.parametrize("full_duplex", [True, False])
def test_a_link_needs_its_busiest_wire(full_duplex: bool) -> None:
    """A tensor every 10 ms in each direction, 12 ms of one wire and 3 ms of the other, or 15 ms of the one there is."""
    names = (("there@eye", "there", "eye", "board"), ("back@board", "back", "other", "out"))
    rings = {}
    for before, after, source, target in names:
        rings[before] = ring(before, source, "wire", after)
        rings[after] = ring(after, "wire", target, after)
    lanes = (Lane("there@eye", "there", "sent", 12 * MS), Lane("back@board", "back", "received", 3 * MS))
    devices = (
        Sensor("eye", Fraction(10 * MS), ("there@eye",)),
        Sensor("other", Fraction(10 * MS), ("back@board",)),
        Link("wire", lanes, 0, full_duplex),
        Sink("out", ("back",)),
        Sink("board", ("there",)),
    )
    found = load_of(Plan("link", MS, 2000 * MS, rings, (), devices))
    assert found.name == "wire"
    assert found.demand == pytest.approx(1.2 if full_duplex else 1.5, rel=0.05)


def test_an_accelerator_needs_a_job_for_each_tensor() -> None:
    rings = {"in": ring("in", "eye", "npu"), "out": ring("out", "npu", "sink")}
    devices = (
        Sensor("eye", Fraction(10 * MS), ("in",)),
        Accelerator("npu", ("in",), ("out",), 25 * MS),
        Sink("sink", ("out",)),
    )
    found = load_of(Plan("npu", MS, 2000 * MS, rings, (), devices))
    assert found.name == "npu" and found.demand == pytest.approx(2.5, rel=0.05)


def test_who_has_less_time_is_the_bottleneck_before_who_needs_more() -> None:
    plan = guest_plan(4)
    rings = {**plan.rings, "other": ring("other", "eye", "npu")}
    devices = (Sensor("eye", Fraction(10 * MS), ("in_0", "other")), Accelerator("npu", ("other",), (), 6 * MS))
    both = Plan("both", MS, 2000 * MS, rings, plan.nodes, devices)
    assert load_of(both).name == "npu"
    assert load_of(both, {"guest": 0.5}).name == "guest.see_0", "0.4 of 0.5 is more than 0.6 of 1"


def test_nobody_is_a_bottleneck_where_nothing_takes_time() -> None:
    plan = Plan("none", MS, 100 * MS, {"in": ring("in", "eye", "out")}, (), (
        Sensor("eye", Fraction(10 * MS), ("in",)), Sink("out", ("in",))))  # fmt: skip
    assert busiest(plan, model.simulate(plan), {}) is None


@pytest.mark.parametrize(
    ("demand", "given", "words"),
    [
        (1.01, 1.0, "a would be busy 101 % of the time"),
        (1.004, 1.0, "a is busy 100 % of the time"),
        (0.52, 0.5, "a would need 52 % of the time and is given 50 %"),
        (0.4, 0.5, "a needs 40 % of the time and is given 50 %"),
    ],
)
def test_words(demand: float, given: float, words: str) -> None:
    assert Load("a", demand, given, frozenset()).words == words
