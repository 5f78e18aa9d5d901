"""Every shipped scenario can be sized, whatever its services take, and the parts of an answer agree with each other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sim.host.legs import legs_of
from sim.scenario import load
from sim.scenario.model import DEPTHS, Scenario
from sim.sizing import model
from sim.sizing.answer.answering import answer_question
from sim.sizing.plan.ports import ports_of, services_of
from sim.sizing.reduction import plan_of
from sim.sizing.report.size_data import answer_json
from sim.sizing.search import TargetOutOfReach
from sim.sizing.search.depths import Trials, with_depths
from sim.sizing.target import parse_target
from sim.sizing.timing import ServiceTiming, Timing

SCENARIOS = Path(__file__).parents[2] / "scenarios"
SHIPPED = sorted(SCENARIOS.rglob("*.yaml"))
US = 1000


def timing_for(scenario: Scenario, call_ns: int) -> Timing:
    """Return that every call of every service takes so long and sends everything at its end."""
    legs = legs_of(scenario)
    services = {}
    for partition, service in services_of(scenario):
        outputs = ports_of(scenario, legs, partition, service).outputs
        services[f"{partition}.{service}"] = ServiceTiming(outputs, (call_ns,), ((call_ns,) * len(outputs),), 15 * US)
    return Timing(scenario.name, services, origin="made up")


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: str(file.relative_to(SCENARIOS)))
def test_every_shipped_scenario_has_an_answer(file: Path) -> None:
    scenario = load(file, {"time.duration": "1s"}) if "faults" not in file.parts else load(file)
    if not scenario.channels:
        pytest.skip("it has nothing to size")
    timing = timing_for(scenario, 300 * US)
    target = parse_target("drops=0", scenario)
    try:
        modelled = answer_question(scenario, file, target, timing)
    except TargetOutOfReach as error:
        assert "\n" not in str(error) and "at best" in str(error)
        return
    answer = modelled.answer
    assert [each.channel for each in answer.proposals] == list(modelled.proposed.depths)
    assert set(modelled.proposed.depths) == set(scenario.channels)
    assert all(each.depth in DEPTHS for each in answer.proposals)
    assert sum(each.bytes for each in answer.proposals) == answer.account.shared_bytes
    assert sum(each.bytes_now for each in answer.proposals) == answer.account_now.shared_bytes
    plan = with_depths(plan_of(scenario, timing), modelled.proposed.depths)
    assert model.simulate(plan).dropped == 0, "what is proposed was simulated"
    for each in answer.proposals:
        assert each.bound is None or each.occupancy_max <= each.bound
        assert (each.why == "least depth") == (each.depth == 2)
        if each.depth > 2:
            half = with_depths(plan, {each.channel: each.depth // 2})
            assert model.simulate(half).dropped or any("filled up" in note for note in answer.notes)
    for curve in answer.curves:
        assert len(curve.depths) == len(curve.dropped) == len(curve.age_p99_ns)
    assert json.dumps(answer_json(answer), allow_nan=False)


def test_what_the_scenario_has_is_told_beside_the_proposal() -> None:
    file = SCENARIOS / "ivi_camera.yaml"
    scenario = load(file, {"time.duration": "2s", "channels.frames.depth": "2"})
    timing = timing_for(scenario, 14_000 * US)
    target = parse_target("drops=0,p99(front_camera->display)<100ms", scenario)
    modelled = answer_question(scenario, file, target, timing)
    answer = modelled.answer
    assert answer.target == target.text and answer.timing == "made up" and answer.scenario_file == str(file)
    present = Trials(plan_of(scenario, timing, target.paths), target, model.simulate).at({})
    assert answer.verdicts_now == present.verdicts
    assert answer.verdicts == modelled.proposed.verdicts and all(each.met for each in answer.verdicts)
    frames = answer.proposals[0]
    assert (frames.channel, frames.depth_now, frames.margin) == ("frames", 2, 2 - frames.depth)
    assert answer.curves[0].label == "p99 of the age of front_camera->display"
    assert set(answer.now.series) == set(answer.proposed.series) == set(answer.account.regions)
