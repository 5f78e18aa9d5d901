"""What strikes a partition while it is started again, before its services are loaded, or after it is gone for good."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from machines.participant import State
from machines.qemu.guest import LinuxGuest

from .stage import MS, Resident, Stage
from .test_injection import fault, outcome

LOADING_MS = 6
RESTART = {"on_failure": "restart", "ready_within": "40ms"}


class Loading(Resident, LinuxGuest):
    """A guest that needs some time on its processor until it says that its services are loaded."""

    instructions = busy_ns = 0  # type: ignore[assignment]
    state = State.RUNNING  # type: ignore[assignment]

    def settle(self) -> None:
        """Run, and say so when the time has come; it does not if it has executed nothing."""
        ready_ns = self.born_ns + LOADING_MS * MS
        before_ns = self.at_ns
        super().settle()
        last = self.slices[-1]
        if before_ns < ready_ns <= self.at_ns and (last is None or last.start_ns < last.stop_ns):
            self._stage.supervisor.hear(self._stage.executive.horizon_ns, self.name, {"type": "armed"})


class Loaded(Stage):
    """A run in which a restart takes time."""

    def _revive(self, old: Resident, at_ns: int, power_on: bool) -> Resident:
        node = Loading(old.name, self, at_ns, eager=True)
        self.lives[old.name].append(node)
        return node


def run(folder: Path, faults: dict[str, Any], **keys: Any) -> Loaded:
    stage = Loaded(folder, faults, b={**RESTART, **keys})
    stage.run()
    return stage


def changes(stage: Stage) -> list[tuple[int, str]]:
    return [(each.t_ns // MS, each.state) for each in stage.partitions["b"].states]


def test_a_start_takes_its_time(tmp_path: Path) -> None:
    stage = run(tmp_path, {"fault": fault("kill", "b")})
    assert changes(stage) == [(0, "ready"), (50, "failed"), (50, "restarting"), (56, "ready")]
    assert outcome(stage) == ("recovered", 50, 50, 56)


def test_a_second_kill_before_it_is_ready_is_noticed_and_healed_like_the_first(tmp_path: Path) -> None:
    faults = {"first": fault("kill", "b"), "second": fault("kill", "b", "2ms", when="b is restarting")}
    stage = run(tmp_path, faults)
    again = [(52, "failed"), (52, "restarting"), (58, "ready")]
    assert changes(stage) == [(0, "ready"), (50, "failed"), (50, "restarting"), *again]
    assert outcome(stage, "first") == ("recovered", 50, 50, 58)
    assert outcome(stage, "second") == ("recovered", 52, 52, 58)


def test_one_that_hangs_before_it_is_ready_is_started_again_in_time(tmp_path: Path) -> None:
    faults = {"first": fault("kill", "b"), "second": fault("hang", "b", "2ms", when="b is restarting")}
    stage = run(tmp_path, faults)
    again = [(90, "hung"), (90, "failed"), (90, "restarting"), (96, "ready")]
    assert changes(stage) == [(0, "ready"), (50, "failed"), (50, "restarting"), *again]
    assert outcome(stage, "second") == ("recovered", 52, 90, 96)
    assert "not ready 40 ms after it was started again" in stage.faults["second"].detail


def test_a_fault_that_harms_nobody_is_not_blamed_for_a_cold_start(tmp_path: Path) -> None:
    faults = {"first": fault("kill", "b"), "storm": fault("doorbell_storm", "ab", "40ms", lasts="30ms")}
    stage = run(tmp_path, faults, on_failure="restart_cold")
    again = [(50, "failed"), (50, "restarting"), (50, "booting"), (56, "ready")]
    assert changes(stage) == [(0, "ready"), *again]
    assert outcome(stage, "first") == ("recovered", 50, 50, 56)
    assert outcome(stage, "storm") == ("unnoticed", 40, None, None)


def test_what_strikes_a_partition_that_is_gone_does_nothing_and_says_so(tmp_path: Path) -> None:
    late = {"kill": {}, "slow": {"share": "10%", "lasts": "10ms"}, "hang": {}}
    faults = {"fault": fault("kill", "b"), **{kind: fault(kind, "b", "80ms", **keys) for kind, keys in late.items()}}
    stage = run(tmp_path, faults, restarts=0)
    assert outcome(stage) == ("failed", 50, 50, None)
    for kind in late:
        assert outcome(stage, kind) == ("unnoticed", 80, None, None)
        assert stage.faults[kind].detail == "nothing to strike: b has failed before"
    assert not stage.events("fault-end")
