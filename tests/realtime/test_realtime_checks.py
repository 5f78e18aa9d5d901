"""What only virtual time can do is refused before a run by the wall clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim import scenario
from sim.scenario.problem import ScenarioErrors

RELAY = Path(__file__).parents[1] / "e2e" / "relay.yaml"
REALTIME = {"time.mode": "realtime"}


def test_a_scenario_without_such_things_is_fine() -> None:
    assert scenario.load(RELAY, REALTIME).time.mode == "realtime"


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("host", "{cores: 2, scheduler: {policy: fixed_priority}}", "fixed_priority works only in virtual time"),
        ("host", "{launcher: libvirt}", "libvirt works only in virtual time"),
        ("partitions.first.gdb", "12345", "gdb works only in virtual time"),
        ("partitions.first.on_failure", "restart", "restart works only in virtual time"),
        ("partitions.second.on_failure", "restart_cold", "restart_cold works only in virtual time"),
        ("faults.fall", "{kind: kill, target: first, at: 100ms}", "a fault works only in virtual time"),
    ],
)
def test_what_needs_virtual_time_is_refused(key: str, value: str, complaint: str) -> None:
    with pytest.raises(ScenarioErrors) as refused:
        scenario.load(RELAY, {**REALTIME, key: value})
    assert complaint in str(refused.value)
    scenario.load(RELAY, {"time.mode": "virtual", "partitions.first.on_failure": "restart"})
