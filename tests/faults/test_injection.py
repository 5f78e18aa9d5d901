"""When faults strike, whom they are blamed for, what comes of them, and how several get along."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sim.scenario.faults import Event, parse_event

from .stage import MS, Stage

RESTART = {"on_failure": "restart"}


def fault(kind: str, target: str, at: str | None = "50ms", **keys: Any) -> dict[str, Any]:
    return {"kind": kind, "target": target, **({"at": at} if at else {}), **keys}


def outcome(stage: Stage, name: str = "fault") -> tuple[str, int | None, int | None, int | None]:
    """Return outcome, and when it struck, was detected and healed, in ms."""
    found = stage.faults[name]
    times = (found.injected_ns, found.detected_ns, found.recovered_ns)
    return found.outcome, *(None if each is None else each // MS for each in times)  # type: ignore[return-value]


def test_without_faults_everything_arrives(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {}).run()
    assert stage.arrived == list(range(20)) and not stage.faults


def test_a_killed_partition_is_gone_where_nobody_starts_it_again(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"fault": fault("kill", "b")}).run()
    assert outcome(stage) == ("failed", 50, 50, None)
    assert stage.arrived == list(range(5)) and stage.partitions["b"].failed == "killed by a fault of the scenario"


@pytest.mark.parametrize("victim", "abc")
def test_a_killed_partition_that_is_started_again_goes_on(tmp_path: Path, victim: str) -> None:
    stage = Stage(tmp_path, {"fault": fault("kill", victim, "53ms")}, **{victim: RESTART}).run()
    assert outcome(stage) == ("recovered", 53, 53, 53)
    assert stage.states(victim) == ["ready", "failed", "restarting", "ready"]
    assert all(stage.states(other) == ["ready"] for other in "abc" if other != victim)
    assert set(range(20)) - set(stage.arrived) <= {5}
    assert stage.arrived[-10:] == list(range(10, 20))


def test_restarts_have_an_end(tmp_path: Path) -> None:
    faults = {"first": fault("kill", "b", "30ms"), "second": fault("kill", "b", "90ms")}
    stage = Stage(tmp_path, faults, b={**RESTART, "restarts": 1}).run()
    assert outcome(stage, "first") == ("recovered", 30, 30, 30)
    assert outcome(stage, "second") == ("failed", 90, 90, None)
    assert stage.partitions["b"].restarts == 1 and stage.partitions["b"].failed


def test_one_boundary_may_have_two_kills(tmp_path: Path) -> None:
    faults = {"first": fault("kill", "b"), "second": fault("kill", "b")}
    stage = Stage(tmp_path, faults, b=RESTART).run()
    assert outcome(stage, "first") == ("recovered", 50, 50, 50)
    assert outcome(stage, "second") == ("unnoticed", 50, None, None)


def test_a_run_that_wants_to_ends_with_its_partition(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"fault": fault("kill", "b")}, b={"on_failure": "fail_run"}).run()
    assert stage.executive.halted == "b: killed by a fault of the scenario"
    assert stage.executive.now_ns == 50 * MS


# -- events --------------------------------------------------------------------------------------------------------


def test_an_event_of_a_channel_and_a_time_after_it(tmp_path: Path) -> None:
    plain = Stage(tmp_path, {"fault": fault("kill", "c", None, when="ab carries 7")}).run()
    later = Stage(tmp_path, {"fault": fault("kill", "c", "5ms", when="ab carries 7")}).run()
    assert outcome(plain)[1] == 61, "number 7 is sample 6, which a passes on in the quantum after its time"
    assert outcome(later)[1] == 66


def test_an_event_counts_on_where_a_producer_that_was_started_again_numbers_anew(tmp_path: Path) -> None:
    faults = {"first": fault("kill", "b"), "then": fault("kill", "c", None, when="bc carries 12")}
    stage = Stage(tmp_path, faults, b=RESTART, c=RESTART).run()
    messages = stage.channels["bc"].record.messages
    assert max(message.sequence for message in messages) < 15, "numbers have begun anew"
    assert outcome(stage, "then")[1] == messages[11].produced_ns // MS + 1


def test_an_event_of_a_partition_strikes_once(tmp_path: Path) -> None:
    faults = {
        "first": fault("kill", "a"),
        "then": fault("kill", "c", "10ms", when="a is failed"),
        "again": fault("kill", "a", "90ms"),
    }
    stage = Stage(tmp_path, faults, a=RESTART, c=RESTART).run()
    assert outcome(stage, "first")[1] == 50 and outcome(stage, "then")[1] == 60
    assert stage.partitions["c"].restarts == 1
    assert [line.split()[0] for line in stage.events("fault")] == ["first", "then", "again"]


def test_every_partition_is_ready_at_the_start(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"fault": fault("kill", "b", "30ms", when="c is ready")}).run()
    assert outcome(stage)[1] == 30


def test_an_event_that_does_not_come(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"fault": fault("kill", "b", None, when="ab carries 1000")}).run()
    assert outcome(stage) == ("pending", None, None, None)
    assert not stage.events("fault")


@pytest.mark.parametrize("text", ["perception is restarting", "frames carries 10"])
def test_events_are_written_as_they_are_read(text: str) -> None:
    assert str(parse_event(f"  {text.replace(' ', '  ')} ")) == text


@pytest.mark.parametrize(
    "text", ["", "a", "a is", "is ready", "a is Ready", "a carries x", "a carries -1", 7, None, []]
)
def test_other_texts_are_no_events(text: object) -> None:
    with pytest.raises(ValueError, match="is no event; write"):
        parse_event(text)


def test_an_event_knows_what_it_is_of() -> None:
    assert parse_event("a is hung") == Event("a", "hung") and parse_event("ab carries 3") == Event("ab", None, 3)


# -- blame ---------------------------------------------------------------------------------------------------------


def test_a_fault_that_nobody_notices_is_not_blamed_for_another(tmp_path: Path) -> None:
    faults = {"quiet": fault("lost_doorbell", "ab", "10ms"), "loud": fault("kill", "b")}
    stage = Stage(tmp_path, faults, b=RESTART).run()
    assert outcome(stage, "quiet") == ("unnoticed", 10, None, None)
    assert outcome(stage, "loud") == ("recovered", 50, 50, 50)


def test_a_fault_of_a_life_that_is_over_harms_the_next_one_no_more(tmp_path: Path) -> None:
    last = fault("corrupt_index", "bc", "90ms")
    faults = {"hang": fault("hang", "b", "20ms"), "kill": fault("kill", "b"), "last": last}
    stage = Stage(tmp_path, faults, b={**RESTART, "restarts": 1}).run()
    assert outcome(stage, "hang") == ("unnoticed", 20, None, None)
    assert outcome(stage, "kill") == ("recovered", 50, 50, 50)
    assert outcome(stage, "last") == ("failed", 90, 90, None)


def test_neighbours_that_suffer_too_must_be_well_again(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"fault": fault("corrupt_descriptor", "ab")}).run()
    assert stage.partitions["a"].state == stage.partitions["b"].state == "degraded"
    assert outcome(stage)[0] == "degraded" and stage.states("c") == ["ready"]
    assert stage.faults["fault"].detail.startswith("the descriptor of the next tensor is overwritten; b degraded: ")


# -- several at once -----------------------------------------------------------------------------------------------


def test_the_end_of_one_throttle_does_not_undo_another(tmp_path: Path) -> None:
    faults = {"slow": fault("slow", "b", "20ms", lasts="60ms", share="10%"), "hang": fault("hang", "b", lasts="100ms")}
    stage = Stage(tmp_path, faults, eager="b").run(180)
    executed = [None if each is None else each.stop_ns - each.start_ns for each in stage.lives["b"][0].slices]
    assert executed == [None] * 20 + [MS // 10] * 30 + [0] * 100 + [None] * 30


def test_a_partition_that_is_started_again_is_not_throttled_any_more(tmp_path: Path) -> None:
    faults = {"slow": fault("slow", "b", "20ms", lasts="100ms", share="10%"), "kill": fault("kill", "b")}
    stage = Stage(tmp_path, faults, eager="b", b=RESTART).run(180)
    assert set(stage.lives["b"][1].slices) == {None}


def test_the_end_of_one_stop_does_not_undo_another(tmp_path: Path) -> None:
    faults = {
        "short": fault("consumer_stops", "taken", "20ms", lasts="40ms"),
        "long": fault("consumer_stops", "taken", "30ms", lasts="100ms"),
    }
    stage = Stage(tmp_path, faults).run()
    taken = {each.taken_ns // MS for each in stage.channels["end"].record.messages if each.taken_ns is not None}
    assert not taken & set(range(20, 130)) and 130 in taken
    assert stage.arrived == list(range(20)), "they have waited"


def test_what_is_wrong_with_a_sensor_adds_up(tmp_path: Path) -> None:
    faults = {
        "frozen": fault("sensor_frozen", "samples", "55ms", lasts="100ms"),
        "noise": fault("sensor_noise", "samples", "95ms", lasts="30ms", amplitude=5),
    }
    arrived = Stage(tmp_path, faults).run().arrived
    assert arrived[:10] == [0, 1, 2, 3, 4, 5, 5, 5, 5, 5] and arrived[13:] == [5, 5, 5, 16, 17, 18, 19]
    assert arrived[10:13] != [5, 5, 5] and all(0 <= each <= 10 for each in arrived[10:13])


# -- under a schedule ----------------------------------------------------------------------------------------------

_WINDOWS = [("a", 0, 3), ("b", 3, 4), ("c", 7, 3)]
SCHEDULE = {
    "cores": 1,
    "scheduler": {
        "policy": "arinc653",
        "major_frame": "10ms",
        "windows": [
            {"partition": name, "core": 0, "offset": f"{offset}ms", "length": f"{length}ms"}
            for name, offset, length in _WINDOWS
        ],
    },
}


def executed(stage: Stage, name: str) -> list[tuple[float, float]]:
    """Return when a partition had its core, in ms."""
    return [(each.start_ns / MS, each.stop_ns / MS) for each in stage.partitions[name].slices]


def test_in_a_window_a_slow_partition_executes_its_share_and_a_hung_one_nothing(tmp_path: Path) -> None:
    faults = {
        "slow": fault("slow", "b", "20ms", lasts="20ms", share="25%"),
        "hang": fault("hang", "b", "60ms", lasts="20ms"),
    }
    stage = Stage(tmp_path, faults, eager="ab", host=SCHEDULE).run(100)
    quarter = [(t, t + 0.25) for t in (23, 24, 25, 26, 33, 34, 35, 36)]
    assert executed(stage, "b") == [(3, 7), (13, 17), *quarter, (43, 47), (53, 57), (83, 87), (93, 97)]
    assert executed(stage, "a") == [(t, t + 3) for t in range(0, 100, 10)], "nobody else notices"


def test_a_partition_has_its_core_also_while_its_machine_pauses_as_it_is_too_fast(tmp_path: Path) -> None:
    """What a fault takes away it does not have; of what is left it executes three fifths."""
    faults = {"slow": fault("slow", "b", "10ms", lasts="10ms", share="50%")}
    stage = Stage(tmp_path, faults, eager="b", host=SCHEDULE, b={"speed": "600 MIPS"}).run(30)
    assert executed(stage, "b") == [(3, 7), *((t, t + 0.5) for t in (13, 14, 15, 16)), (23, 27)]
    parts = [each.stop_ns - each.start_ns for each in stage.lives["b"][0].slices if each is not None]
    assert [part for part in parts if part] == [MS * 6 // 10] * 4 + [MS * 3 // 10] * 4 + [MS * 6 // 10] * 4


def test_a_partition_that_is_started_again_has_its_windows_as_ever(tmp_path: Path) -> None:
    stage = Stage(tmp_path, {"fault": fault("kill", "b", "45ms")}, eager="b", host=SCHEDULE, b=RESTART).run(100)
    assert outcome(stage) == ("recovered", 45, 45, 45)
    assert executed(stage, "b")[-6:] == [(43, 47), (53, 57), (63, 67), (73, 77), (83, 87), (93, 97)]
    assert stage.arrived[-2:] == [8, 9]
