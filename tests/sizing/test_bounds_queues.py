"""Bounds of small plans, worked out by hand; quantum 1 ms unless said otherwise. Times in ms."""

from __future__ import annotations

import pickle
import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from machines.native.link import BUFFERS
from sim.scenario.checks.supply import Supply
from sim.sizing.bounds import RingBound, bounds
from sim.sizing.model import engine
from sim.sizing.plan import (
    NOT_SENT,
    Accelerator,
    Calls,
    Device,
    Lane,
    Link,
    Node,
    Overflow,
    Plan,
    Ring,
    Sensor,
    Service,
    Sink,
)
from sim.sizing.plan import Path as Way

from .random_plans import random_plan

MS = 1_000_000


def ring(name: str, source: str, target: str, depth: int = 64, overflow: Overflow = "block") -> Ring:
    return Ring(name, name, source, target, 64, depth, overflow)


def service(
    name: str,
    required: Sequence[str],
    outputs: Sequence[str] = (),
    hold: float = 4,
    sampled: Sequence[str] = (),
    sends: bool = True,
) -> Service:
    """A service all of whose calls take `hold` ms and send at their end; if not `sends`, every other one does."""
    calls = 1 if sends else 2
    offsets = np.full((calls, len(outputs)), int(hold * MS), np.int64)
    if not sends:
        offsets[0] = NOT_SENT
    return Service(name, tuple(required), tuple(sampled), tuple(outputs), Calls(_held(hold, calls), offsets))


def _held(hold: float, calls: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.full(calls, int(hold * MS), np.int64)


def camera(outputs: Sequence[str], every: int = 10, name: str = "camera") -> Sensor:
    return Sensor(name, Fraction(every * MS), tuple(outputs), camera=True)


def plan(rings: Sequence[Ring], nodes: Sequence[Node], devices: Sequence[Device], *ways: Way) -> Plan:
    named = {each.name: each for each in rings}
    return Plan("by hand", MS, 1000 * MS, named, tuple(nodes), tuple(devices), {way.name: way for way in ways})


def chain(hold: float = 4, depth: int = 64, overflow: Overflow = "block", wake: float = 0) -> Plan:
    """A camera every 10 ms, a node, a display."""
    rings = [ring("frames", "camera", "perception", depth, overflow), ring("boxes", "perception", "display")]
    node = Node("perception", (service("detect", ["frames"], ["boxes"], hold),), int(wake * MS))
    devices = [camera(["frames"]), Sink("display", ("boxes",))]
    return plan(rings, [node], devices, Way("camera->display", "camera", ("frames", "boxes")))


def test_a_frame_is_taken_at_once_and_shown_within_a_quantum() -> None:
    found = bounds(chain())
    assert found.rings == {"frames": RingBound(1, 0), "boxes": RingBound(1, MS)}
    assert found.paths_ns == {"camera->display": (MS - 1) + 4 * MS + MS}


def test_a_node_that_sleeps_takes_a_frame_when_it_is_awake() -> None:
    assert bounds(chain(wake=0.5)).rings["frames"].delay_ns == MS // 2


def test_jitter_lets_two_frames_come_close() -> None:
    """With 8 ms of jitter two frames are 1 ms or more apart, so the second waits for most of the first's call."""
    late = chain()
    late = replace(late, devices=(replace(late.devices[0], jitter_ns=8 * MS), late.devices[1]))
    assert bounds(late).rings["frames"] == RingBound(2, 2 * MS)  # 10 - 8 ms apart, in whole quanta


def test_more_than_a_node_can_do_has_no_bound_but_a_delay_where_the_ring_drops() -> None:
    found = bounds(chain(hold=13, depth=3, overflow="drop_oldest"))
    assert found.rings["frames"] == RingBound(None, 2 * 13 * MS, "perception is asked for 1.30 times what it can do")
    assert found.rings["boxes"] == RingBound(1, MS)
    assert found.paths_ns["camera->display"] == (MS - 1) + 3 * 13 * MS + MS


def test_a_camera_that_may_have_to_wait_makes_ages_unbounded() -> None:
    found = bounds(chain(hold=13, depth=3, overflow="block"))
    assert (found.rings["frames"].backlog, found.rings["frames"].delay_ns) == (None, 2 * 13 * MS)
    assert found.paths_ns["camera->display"] is None


def test_by_rounds_a_service_waits_for_one_call_of_the_other_and_by_arrivals_for_no_more_than_comes() -> None:
    """Other frames every 10 ms, 3 ms of work each, before or after these with 4 ms: all done in 7 ms."""
    rings = [ring("frames", "camera", "node"), ring("others", "camera", "node")]
    node = Node("node", (service("detect", ["frames"]), service("track", ["others"], hold=3)))
    found = bounds(plan(rings, [node], [camera(["frames", "others"])]))
    assert found.rings == {"frames": RingBound(1, 3 * MS), "others": RingBound(1, 4 * MS)}


def test_a_join_waits_for_its_partner() -> None:
    """One leg comes at once, the other after 6 ms and, told within a quantum, so that both are there 8 ms later."""
    rings = [ring("direct", "camera", "join"), ring("raw", "camera", "slow"), ring("made", "slow", "join")]
    slow, join = (
        Node("slow", (service("make", ["raw"], ["made"], 6),)),
        Node("join", (service("pair", ["direct", "made"], hold=1),)),
    )
    found = bounds(plan(rings, [slow, join], [camera(["direct", "raw"])]))
    assert found.rings["direct"].backlog is not None and found.rings["direct"].delay_ns is not None
    assert 6 * MS <= found.rings["direct"].delay_ns <= 6 * MS + 2 * MS + 2  # a quantum each of sampling and of telling
    assert found.rings["direct"].backlog == 1


def test_a_join_of_inputs_of_which_some_may_be_missing_has_no_bound() -> None:
    rings = [
        ring("direct", "camera", "join", overflow="drop_newest"),
        ring("raw", "camera", "slow", 1, "drop_newest"),
        ring("made", "slow", "join", overflow="drop_newest"),
    ]
    node = Node("slow", (service("make", ["raw"], ["made"], 9.9),), MS)
    join = Node("join", (service("pair", ["direct", "made"], hold=1),))
    found = bounds(plan(rings, [node, join], [replace(camera(["direct", "raw"]), jitter_ns=5 * MS)]))
    assert found.rings["direct"].delay_ns is None
    assert found.rings["direct"].why == "pair joins inputs, and raw may be full and drops tensors then"


@pytest.mark.parametrize(("every", "matches"), [(20, True), (10, False)])
def test_a_join_with_what_every_other_call_sends_needs_half_the_rate(every: int, matches: bool) -> None:
    rings = [ring("direct", "radar", "join"), ring("raw", "camera", "slow"), ring("made", "slow", "join")]
    node = Node("slow", (service("make", ["raw"], ["made"], sends=False),))
    join = Node("join", (service("pair", ["direct", "made"], hold=1),))
    found = bounds(plan(rings, [node, join], [camera(["raw"]), camera(["direct"], every, "radar")]))
    assert (found.rings["direct"].delay_ns is not None) == matches
    if matches:  # the second frame comes 10 ms after the radar's sample, and 4 ms of work later what is made of it
        assert 14 * MS <= (found.rings["direct"].delay_ns or 0) <= 17 * MS + 2


def test_what_an_accelerator_makes_for_two_cameras_comes_twice_as_often() -> None:
    rings = [ring("left", "one", "npu"), ring("right", "two", "npu"), ring("boxes", "npu", "node")]
    rings.append(ring("ticks", "clock", "node"))
    npu = Accelerator("npu", ("left", "right"), ("boxes",), 2 * MS)
    devices = [camera(["left"], name="one"), camera(["right"], name="two"), camera(["ticks"], 5, "clock"), npu]
    join = Node("node", (service("pair", ["boxes", "ticks"], hold=1),))
    found = bounds(plan(rings, [join], devices))
    assert all(each.backlog is not None for each in found.rings.values())


def test_a_join_of_different_rates_has_no_bound() -> None:
    rings = [ring("fast", "camera", "join"), ring("slow", "radar", "join")]
    join = Node("join", (service("pair", ["fast", "slow"], hold=1),))
    found = bounds(plan(rings, [join], [camera(["fast"]), camera(["slow"], 20, "radar")]))
    assert {each.why for each in found.rings.values()} == {"pair joins inputs that come at different rates"}


def test_a_sampled_ring_waits_for_a_look_and_holds_one() -> None:
    rings = [ring("frames", "camera", "node"), ring("speed", "can", "node")]
    node = Node("node", (service("detect", ["frames"], hold=4, sampled=["speed"]),))
    found = bounds(plan(rings, [node], [camera(["frames"]), camera(["speed"], 20, "can")]))
    assert found.rings["speed"] == RingBound(2, 4 * MS)  # a call that has just begun


def test_results_that_are_fed_back_have_no_bound() -> None:
    rings = [ring("frames", "camera", "node"), ring("again", "node", "node")]
    node = Node("node", (service("detect", ["frames", "again"], ["again"]),))
    found = bounds(plan(rings, [node], [camera(["frames"])]))
    assert found.rings["again"] == RingBound(None, None, "again carries what is made of its own tensors")


def test_an_accelerator_begins_jobs_at_boundaries() -> None:
    """Two cameras at once, 2.5 ms a job: the second begins after 3 ms, and its result is there after 6."""
    rings = [ring("left", "one", "npu"), ring("right", "two", "npu"), ring("boxes", "npu", "display")]
    npu = Accelerator("npu", ("left", "right"), ("boxes",), 5 * MS // 2)
    devices = [camera(["left"], name="one"), camera(["right"], name="two"), npu, Sink("display", ("boxes",))]
    found = bounds(plan(rings, [], devices, Way("one->display", "one", ("left", "boxes"))))
    assert found.rings["left"] == found.rings["right"] == RingBound(1, 3 * MS)
    assert found.rings["boxes"].delay_ns == 0
    assert found.paths_ns == {"one->display": MS - 1 + 6 * MS}


def _linked(wire: float, latency: float) -> Plan:
    rings = [ring("here", "camera", "link"), ring("there", "link", "display")]
    link = Link("link", (Lane("here", "there", "sent", int(wire * MS)),), int(latency * MS), False)
    devices = [camera(["here"]), link, Sink("display", ("there",))]
    return plan(rings, [], devices, Way("camera->display", "camera", ("here", "there")))


def test_a_link_takes_its_wire_s_time_and_its_latency() -> None:
    found = bounds(_linked(2.5, 1))
    assert found.rings == {"here": RingBound(1, MS), "there": RingBound(1, 0)}
    assert found.paths_ns == {"camera->display": MS - 1 + 5 * MS // 2 + MS + MS}


def test_more_on_their_way_than_a_link_has_buffers_for_has_no_bound() -> None:
    assert bounds(_linked(1, 70)).rings["here"].backlog is not None
    why = "the 8 buffers of link for here may be full"
    assert bounds(_linked(1, 90)).rings["here"] == RingBound(None, None, why)


def test_the_model_s_link_has_as_many_buffers() -> None:
    header = (Path(engine.__file__).parent / "engine.h").read_text()
    assert re.findall(r"#define SZ_LINK_BUFFERS (\d+)", header) == [str(BUFFERS)]


def test_a_window_that_has_just_ended_keeps_a_frame_waiting() -> None:
    """5 of 10 ms: a frame that comes as the window ends waits for 5 ms, and 4 ms of work need no second window."""
    windows = Supply(10 * MS, ((0, 5 * MS),), MS)
    scheduled = random_plan(2)  # for its policy, which only says that there is one
    while scheduled.policy is None:
        scheduled = random_plan(int(scheduled.scenario.split()[1]) + 1)
    whole = chain()
    nodes = (replace(whole.nodes[0], scheduled=True),)
    whole = replace(whole, nodes=nodes, policy=scheduled.policy, supplies={"perception": windows.response_ns})
    assert bounds(whole).rings["frames"] == RingBound(1, 5 * MS)
    unknown = bounds(replace(whole, supplies={})).rings["frames"]
    assert unknown == RingBound(None, None, "it is not known when perception executes")


def test_supplies_can_be_sent_to_other_processes() -> None:
    supplies = [each for seed in range(8) for each in random_plan(seed).supplies.values()]
    assert supplies
    assert [pickle.loads(pickle.dumps(each))(MS) for each in supplies] == [each(MS) for each in supplies]


def test_a_wire_that_takes_no_time_keeps_nobody_waiting_whatever_comes() -> None:
    """The camera may have to wait, so any number may come at once; the wire is no obstacle, but its buffers are."""
    waiting = _linked(0, 1)
    shallow = {**waiting.rings, "here": replace(waiting.rings["here"], depth=0)}
    assert bounds(replace(waiting, rings=shallow)).rings["here"].delay_ns is None
