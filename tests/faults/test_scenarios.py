"""Every scenario of scenarios/faults ends as it says, and in the same way when it is run again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sim.scenario import load
from sim.scenario.faults import TARGETS
from tests.e2e.simulator import ROOT, command

SCENARIOS = sorted((ROOT / "scenarios" / "faults").glob("*.yaml"))


def test_there_is_one_for_each_kind() -> None:
    assert {path.stem: {fault.kind for fault in load(path).faults.values()} for path in SCENARIOS} == {
        kind: {kind} for kind in TARGETS
    }


@pytest.mark.slow
@pytest.mark.guest
@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_it_ends_as_it_says_twice(path: Path, tmp_path: Path) -> None:
    done = command("run", path, "--repeat", 2, "--out", tmp_path / "out")
    assert done.code == 0, done.out + done.err
    results = [json.loads(each.read_text()) for each in sorted((tmp_path / "out").rglob("result.json"))]
    assert len({each["digest"] for each in results}) == 1
    for result in results:
        assert all(fault["injected_us"] is not None for fault in result["faults"].values())
        assert str(tmp_path) not in json.dumps([result["faults"], result["partitions"]])


@pytest.mark.slow
@pytest.mark.guest
def test_a_guest_that_boots_within_the_run_goes_on_too(tmp_path: Path) -> None:
    kill = ROOT / "scenarios" / "faults" / "kill.yaml"
    cold = ["partitions.there.on_failure=restart_cold", "devices.clock.rate=5fps", "expectations=[]"]
    settings = [word for text in cold for word in ("--set", text)]
    done = command("run", kill, "--duration", "9s", "--repeat", 2, "--out", tmp_path / "out", *settings)
    assert done.code == 0, done.out + done.err
    result = json.loads(next((tmp_path / "out").rglob("result.json")).read_text())
    assert result["faults"]["killed"]["outcome"] == "recovered"
    assert 1e6 < result["faults"]["killed"]["recovery_us"] < 8.5e6, "it has booted"
    assert result["channels"]["pong"]["sessions"] == 2 and result["channels"]["end"]["messages"] > 2
