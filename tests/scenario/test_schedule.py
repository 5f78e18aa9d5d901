"""The schedule in a scenario: how it is written, and that what `sim check` says of it is true."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from sim.scenario import Scenario, ScenarioErrors, load
from sim.scenario.schedule import Schedule, Scheduler
from tests.e2e.simulator import command

ROOT = Path(__file__).parents[2]
BAD = ROOT / "tests" / "bad"
SCENARIO = ROOT / "scenarios" / "partition_schedule.yaml"


def message(path: Path, overrides: dict[str, str]) -> str:
    """Return the only mistake of a scenario."""
    with pytest.raises(ScenarioErrors) as caught:
        load(path, overrides)
    (problem,) = caught.value.problems
    return problem.message


@pytest.mark.parametrize(("written", "cores"), [(0, (0,)), ([1], (1,)), ([1, 0], (1, 0)), ((0, 63), (0, 63))])
def test_cores(written: Any, cores: tuple[int, ...]) -> None:
    schedule = Schedule.model_validate({"core": written})
    assert schedule.cores == cores
    again = schedule.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    assert again == {"core": cores[0] if len(cores) == 1 else [*cores]}
    assert Schedule.model_validate(again) == schedule


@pytest.mark.parametrize("written", [True, -1, 64, 0.5, "0", [], [0, 0], [[0]], {0: 1}, "null"])
def test_what_is_no_core(written: Any) -> None:
    with pytest.raises(ValidationError):
        Schedule.model_validate({"core": written})


def test_defaults() -> None:
    scheduler = Scheduler()
    assert (scheduler.policy, scheduler.doorbell, scheduler.context_switch_ns) == ("dedicated", "wait", 0)
    assert Schedule().model_dump(exclude_none=True) == {}


def test_a_schedule_is_written_back(tmp_path: Path) -> None:
    scenario = load(SCENARIO)
    path = tmp_path / "again.yaml"
    path.write_text(yaml.safe_dump(scenario.to_yaml_data()))
    again: Scenario = load(path)
    assert (again.host, again.linux_guests) == (scenario.host, scenario.linux_guests)


@pytest.mark.parametrize("policy", ["arinc653", "fixed_priority"])
def test_one_file_for_several_policies(policy: str) -> None:
    assert load(SCENARIO, {"host.scheduler.policy": policy}).host.scheduler.policy == policy


def test_a_policy_does_not_look_at_the_keys_of_another() -> None:
    broken = {"host.scheduler.windows.0.offset": "3ms", "partitions.control.schedule.priority": "20"}
    assert "two windows overlap" in message(SCENARIO, broken)
    assert "has priority 20" in message(SCENARIO, {**broken, "host.scheduler.policy": "fixed_priority"})
    load(SCENARIO, {**broken, "host.scheduler.policy": "dedicated", "host.cores": "3"})


def test_another_policy_is_proven_without_a_run() -> None:
    slow = "partitions.control.schedule.deadline=1ms"
    done = command("check", SCENARIO, "--set", "host.scheduler.policy=fixed_priority", "--set", slow)
    assert done.code == 2 and "can take 9040us under this schedule" in done.out, done.out
    assert command("check", SCENARIO, "--set", "host.scheduler.policy=fixed_priority").code == 0
    assert "is no assignment" in command("check", SCENARIO, "--set", "host").err


def test_dedicated_cores_are_as_many_as_are_needed_unless_the_host_has_fewer() -> None:
    found = message(SCENARIO, {"host.scheduler.policy": "dedicated"})
    assert found.startswith("3 vCPUs with a core of their own each, and the host has 2 cores; cores: 3")
    load(SCENARIO, {"host.scheduler.policy": "dedicated", "host.cores": "null"})


def test_all_overlaps_are_found(tmp_path: Path) -> None:
    """The second and the third window are both within the first one, and do not touch each other."""
    windows = [("control", 0, 0, 10), ("vision", 0, 1, 2), ("vision", 0, 5, 2), ("logging", 1, 0, 20)]
    keys = ("partition", "core", "offset", "length")
    data = yaml.safe_load(SCENARIO.read_text())
    data["host"]["scheduler"]["windows"] = [
        dict(zip(keys, (name, core, f"{at}ms", f"{length}ms"), strict=True)) for name, core, at, length in windows
    ]
    path = tmp_path / "overlapping.yaml"
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(ScenarioErrors) as caught:
        load(path)
    assert [problem.message.split(":")[0] for problem in caught.value.problems] == ["two windows overlap on core 0"] * 2


@pytest.mark.parametrize(
    ("file", "partition"),
    [
        ("schedule_window_deadline", "left"),
        ("schedule_priority_deadline", "right"),
        ("schedule_dedicated_deadline", "left"),
    ],
)
def test_what_is_advised_holds_and_a_little_more_does_not(file: str, partition: str) -> None:
    path, keys = BAD / f"{file}.yaml", f"partitions.{partition}.schedule"
    found = message(path, {})
    advised = re.search(r"; a deadline of (\d+[mu]s)( or work of (\d+[mu]s))? would hold", found)
    assert advised, found
    load(path, {f"{keys}.deadline": advised[1]})
    if advised[3]:
        load(path, {f"{keys}.work": advised[3]})
        more = f"{int(advised[3][:-2]) * {'ms': 1000, 'us': 1}[advised[3][-2:]] + 1}us"
        assert "would hold" in message(path, {f"{keys}.work": more})
    less = f"{int(advised[1][:-2]) * {'ms': 1000, 'us': 1}[advised[1][-2:]] - 1}us"
    assert "would hold" in message(path, {f"{keys}.deadline": less})


@pytest.mark.parametrize(("policy", "longest"), [("arinc653", "7020us"), ("fixed_priority", "8020us")])
def test_a_watchdog_is_longer_than_the_wait_for_a_core(policy: str, longest: str) -> None:
    """Control has 3 ms, is 7 ms without, and then there is a switch; its budget is the same, noticed within 1 ms."""
    wanted = {"host.scheduler.policy": policy, "host.scheduler.context_switch": "20us"}
    found = message(SCENARIO, {**wanted, "partitions.control.watchdog": "1ms"})
    assert f"for {longest}, and the watchdog" in found, found
    assert message(SCENARIO, {**wanted, "partitions.control.watchdog": longest})
    load(SCENARIO, {**wanted, "partitions.control.watchdog": f"{int(longest[:-2]) + 1}us"})
