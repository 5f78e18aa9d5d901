"""Headroom: how far each direction goes where that is known by arithmetic."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.scenario import load
from sim.sizing import model
from sim.sizing.answer.answering import answer_question
from sim.sizing.cameras import with_cameras
from sim.sizing.model.outcome import Outcome
from sim.sizing.plan import Accelerator, Calls, Node, Plan, Ring, Sensor, Service, Sink
from sim.sizing.plan import Path as Way
from sim.sizing.reduction import plan_of
from sim.sizing.search import search
from sim.sizing.search.depths import Trial, Trials, limits_of, with_depths
from sim.sizing.sensitivity.directions import FACTOR, FURTHEST, directions
from sim.sizing.sensitivity.headroom import Headroom, headrooms
from sim.sizing.sensitivity.headroom_words import breaks_first
from sim.sizing.target import Target, parse_target
from sim.sizing.target.requirement import Requirement
from sim.sizing.timing.source import timing_of
from tests.sizing import small_system
from tests.sizing.responses import MS, NO_DROPS

NONE_DROPPED = Target("drops=0", (NO_DROPS,), (), {})
PERIOD_MS = 1000 / 30
SURROUND = Path(__file__).parents[2] / "scenarios" / "surround_12cam.yaml"


def row(hold_ns: Sequence[int], job_ns: int = MS, camera: bool = True, jitter_ns: int = 0) -> Plan:
    """Return a sensor of 30 samples a second, a guest whose calls take so long, an accelerator and a sink in a row."""
    rings = {
        "frames": Ring("frames", "frames", "eye", "guest", 1000, 2, "drop_oldest"),
        "views": Ring("views", "views", "guest", "npu", 100, 2, "drop_oldest"),
        "results": Ring("results", "results", "npu", "out", 10, 2, "drop_oldest"),
    }
    hold = np.array(hold_ns)
    service = Service("see", ("frames",), (), ("views",), Calls(hold, hold.reshape(-1, 1)))
    devices = (
        Sensor("eye", Fraction(10**9, 30), ("frames",), camera=camera, jitter_ns=jitter_ns),
        Accelerator("npu", ("views",), ("results",), job_ns),
        Sink("out", ("results",)),
    )
    way = Way("eye->out", "eye", ("frames", "views", "results"))
    return Plan("row", MS, 4000 * MS, rings, (Node("guest", (service,)),), devices, {"eye->out": way})


def proposed_for(plan: Plan, target: Target = NONE_DROPPED) -> Trial:
    return search(Trials(plan, target, model.simulate), limits_of(plan)).trial


def found(plan: Plan, target: Target = NONE_DROPPED, room_bytes: int | None = None) -> dict[str, Headroom]:
    rows = headrooms(proposed_for(plan, target), target, model.simulate, room_bytes).rows
    return {each.subject: each for each in rows}


def brackets(one: Headroom, limit: float) -> bool:
    """Tell whether a limit lies between the last that holds and the first that fails, 5 % apart.

    Who falls behind by less than 0.2 % is not seen to do so.
    """
    return one.fails is not None and one.holds <= 1.002 * limit < 1.002 * one.fails <= one.holds * 1.0522


def test_ten_milliseconds_of_thirty_three() -> None:
    rows = found(row([10 * MS]))
    assert next(iter(rows)) == "cameras", "three times what there is now, all others hold 3.3 times that"
    assert (rows["cameras"].present, rows["cameras"].holds, rows["cameras"].fails) == (1, 3, 4)
    assert brackets(rows["guest.see"], 3.333) and brackets(rows["all services"], 3.333)
    assert brackets(rows["eye"], 100)
    assert rows["guest.see"].bottleneck.startswith("guest.see would be busy 10")
    assert rows["guest.see"].breaks.endswith("all on frames") and rows["guest.see"].busy > 1
    npu = rows["npu"]
    assert npu.fails is None and FURTHEST / float(FACTOR) < npu.factor <= FURTHEST, "16 ms are enough"
    assert (npu.breaks, npu.bottleneck, npu.busy) == ("", "", 0.0)
    assert list(rows)[-1] == "npu"


def test_the_sentence() -> None:
    rows = headrooms(proposed_for(row([15 * MS])), NONE_DROPPED, model.simulate).rows
    assert rows[0].subject == "cameras"
    said = re.fullmatch(
        r"breaks first: 3 cameras \(2 hold\): guest would be busy (\d+) % of the time", breaks_first(rows)
    )
    assert said and 133 <= int(said[1]) <= 135, "3 x 15 ms of 33.3 ms"


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 31), st.integers(1, 20))
def test_a_service_holds_as_long_as_a_call_fits_a_period(call_ms: int, job_ms: int) -> None:
    rows = found(row([call_ms * MS], job_ms * MS))
    for subject, limit in (("guest.see", PERIOD_MS / call_ms), ("npu", PERIOD_MS / job_ms)):
        one = rows[subject]
        assert brackets(one, limit) or (one.fails is None and limit > FURTHEST / float(FACTOR))
    assert rows["cameras"].holds == min(PERIOD_MS // call_ms, PERIOD_MS // job_ms, FURTHEST)
    factors = [each.factor for each in rows.values() if each.fails is not None]
    assert factors == sorted(factors)


def test_without_a_camera_there_is_no_number_of_cameras() -> None:
    rows = found(row([10 * MS], camera=False))
    assert set(rows) == {"all services", "guest.see", "npu", "eye"}
    assert brackets(rows["eye"], 100)


def test_what_never_breaks_is_told_as_far_as_it_was_tried() -> None:
    rows = headrooms(proposed_for(row([MS // 100], MS // 100)), NONE_DROPPED, model.simulate).rows
    assert all(each.fails is None and not each.breaks for each in rows)
    assert next(each for each in rows if each.subject == "cameras").holds == FURTHEST
    assert breaks_first(rows) == "breaks first: nothing; each direction holds up to 15.4 times what there is now"


def test_the_age_of_samples_breaks_before_anybody_is_always_busy() -> None:
    """A call and a job take 11 ms; 25 ms are allowed, and the accelerator looks at boundaries of 1 ms."""
    at_most = Requirement("p99(eye->out)<25ms", "p99", "<", 25.0 * MS, path="eye->out")
    target = Target("drops=0,p99(eye->out)<25ms", (NO_DROPS, at_most), (), {"eye->out": ("frames", "views", "results")})
    one = found(row([10 * MS]), target)["guest.see"]
    assert one.fails is not None and 2.1 < one.holds < 2.4
    assert one.breaks.startswith("p99(eye->out) is 2") and 0.6 < one.busy < 0.8
    assert one.bottleneck.startswith("guest.see is busy")
    assert "p99(eye->out) is" in breaks_first([one])


def test_depths_are_sized_anew_at_every_step() -> None:
    """Of ten calls, one takes ten times as long as the others: 19 ms on average, with room for what waits meanwhile."""
    plan = row([*[10 * MS] * 9, 100 * MS])
    proposed = proposed_for(plan)
    one = found(plan)["guest.see"]
    assert brackets(one, PERIOD_MS / 19) and one.extra_bytes > 0
    assert one.depths["frames"] > proposed.depths["frames"]
    slower = replace(plan, nodes=tuple(_slower(node, one.holds) for node in plan.nodes))
    assert model.simulate(with_depths(slower, one.depths)).dropped == 0
    assert model.simulate(with_depths(slower, proposed.depths)).dropped > 0


def _slower(node: Node, factor: float) -> Node:
    return replace(node, services=tuple(replace(each, calls=each.calls.scaled(factor)) for each in node.services))


def test_memory_of_the_machine_ends_what_time_would_allow() -> None:
    plan = row([MS])
    two = with_cameras(proposed_for(plan).plan, 2).memory_bytes
    one = found(plan, room_bytes=two)["cameras"]
    assert (one.holds, one.fails) == (2, 3)
    assert one.breaks.startswith("rings take ") and one.breaks.endswith("of the machine's memory are left for them")
    unlimited = found(plan)["cameras"]
    assert unlimited.holds > 10


def test_scheduled_partitions_hold_as_far_as_their_windows_go(tmp_path: Path) -> None:
    """200 calls a second of 2 ms and of 1 ms, in 10 of every 20 ms each: 40 % and 20 % of the time where 50 % are."""
    file = small_system.write(tmp_path)
    rows = _answered(file)
    front, back = rows["front.detect"], rows["back.draw"]
    assert front.fails is not None and back.fails is not None
    assert front.holds <= 1.26 and front.fails == pytest.approx(front.holds * 1.05)
    assert back.holds <= 2.51 and back.fails == pytest.approx(back.holds * 1.05)
    assert front.holds > 1.1 and back.holds > 2.2, "little is lost where windows begin and end"
    assert "of the time and is given 50 %" in front.bottleneck and "front.detect" in front.bottleneck
    assert "of the time and is given 50 %" in back.bottleneck and "back.draw" in back.bottleneck


def _answered(file: Path) -> dict[str, Headroom]:
    scenario = load(file)
    timing = timing_of(scenario, file, None, Path)
    answer = answer_question(scenario, file, parse_target("drops=0", scenario), timing).answer
    return {each.subject: each for each in answer.headrooms}


def test_cameras_whose_pictures_one_call_takes_are_faster_together_only() -> None:
    plan = row([10 * MS])
    rings = {**plan.rings, "more": replace(plan.rings["frames"], name="more", channel="more", source="other")}
    service = replace(plan.nodes[0].services[0], required=("frames", "more"))
    eye = next(each for each in plan.devices if isinstance(each, Sensor))
    other = replace(eye, name="other", outputs=("more",))
    joined = replace(plan, rings=rings, nodes=(Node("guest", (service,)),), devices=(eye, other, *plan.devices[1:]))
    subjects = {each.subject for each in directions(joined, NONE_DROPPED) if each.unit == "Hz"}
    assert subjects == {"all cameras"}
    apart = replace(service, required=("frames",), sampled=("more",))
    single = replace(joined, nodes=(Node("guest", (apart,)),))
    assert {each.subject for each in directions(single, NONE_DROPPED) if each.unit == "Hz"} == {
        "all cameras",
        "eye",
        "other",
    }


def test_a_rate_ends_where_its_jitter_is_a_period() -> None:
    one = found(row([MS], jitter_ns=20 * MS))["eye"]
    assert one.fails is None and one.holds < 50 <= one.holds * float(FACTOR)
    assert "eye" not in found(row([MS], jitter_ns=33 * MS))


def test_a_proposal_that_misses_the_target_has_no_headroom() -> None:
    missed = Trials(row([40 * MS]), NONE_DROPPED, model.simulate).at({})
    assert headrooms(missed, NONE_DROPPED, model.simulate).rows == ()
    assert breaks_first(()) == ""


class Counted:
    """The model, and how much it was asked for."""

    def __init__(self) -> None:
        self.events = self.simulations = 0

    def __call__(self, plan: Plan) -> Outcome:
        outcome = model.simulate(plan)
        self.events += outcome.events
        self.simulations += 1
        return outcome


@pytest.mark.parametrize(
    ("target", "most_events"), [("drops=0", 8_000_000), ("p99(camera_to_cluster)<40ms", 50_000_000)]
)
def test_twelve_cameras_take_some_hundred_simulations(target: str, most_events: int) -> None:
    scenario = load(SURROUND)
    asked = parse_target(target, scenario)
    plan = plan_of(scenario, timing_of(scenario, SURROUND, None, Path), asked.paths)
    counted = Counted()
    again = headrooms(proposed_for(plan, asked), asked, counted)
    assert counted.simulations < 500 and counted.events < most_events
    isp = next(each for each in again.rows if each.subject == "isp.surround")
    assert isp.holds <= 1.002 * PERIOD_MS / 7
    assert again.duration_ns > plan.duration_ns, "in half a second nobody falls behind"


def test_how_long_was_simulated_is_told() -> None:
    scenario = load(SURROUND)
    timing = timing_of(scenario, SURROUND, None, Path)
    answer = answer_question(scenario, SURROUND, parse_target("drops=0", scenario), timing).answer
    assert any("instead of 500 ms, to see who falls behind slowly" in note for note in answer.notes)
    cameras = answer.headrooms[0]
    assert (cameras.subject, cameras.holds, cameras.fails) == ("cameras", 12, 13)
    assert "'head_unit' does not take from 'objects'" in cameras.breaks, "a list of objects is made of 12 views"
