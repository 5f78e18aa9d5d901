"""Faults of rings and doorbells, on real rings: what is overwritten, who is blamed, and that traffic goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .stage import MS, Stage
from .test_injection import RESTART, fault, outcome


def run(folder: Path, kind: str, target: str, on_failure: str = "", **keys: Any) -> Stage:
    """Run with one fault; `on_failure` names partitions that are started again."""
    return Stage(folder, {"fault": fault(kind, target, **keys)}, **dict.fromkeys(on_failure, RESTART)).run()


@pytest.mark.parametrize("channel", ["start", "ab", "bc"])
def test_a_spoiled_tensor_is_refused_and_the_next_one_taken(tmp_path: Path, channel: str) -> None:
    stage = run(tmp_path, "corrupt_header", channel)
    assert outcome(stage)[0] == "recovered" and "frame_header" in stage.faults["fault"].detail
    assert [number for number in range(20) if number not in stage.arrived] in ([5], [6])
    assert all(stage.states(name) == ["ready"] for name in "abc")


def test_a_device_does_not_put_up_with_a_spoiled_tensor(tmp_path: Path) -> None:
    stage = run(tmp_path, "corrupt_header", "end", "c")
    assert stage.states("c") == ["ready", "failed", "restarting", "ready"] and outcome(stage)[0] == "recovered"
    assert stage.arrived[-5:] == [15, 16, 17, 18, 19]


@pytest.mark.parametrize("channel, struck", [("start", "a"), ("end", "c")])
def test_a_device_blames_the_partition_at_the_other_end(tmp_path: Path, channel: str, struck: str) -> None:
    stage = run(tmp_path, "corrupt_descriptor", channel, struck)
    assert outcome(stage)[0] == "recovered" and stage.partitions[struck].restarts == 1
    assert not stage.executive.halted and stage.arrived[-5:] == [15, 16, 17, 18, 19]


def test_a_broken_ring_is_mended_when_its_consumer_starts_again(tmp_path: Path) -> None:
    faults = {"fault": fault("corrupt_descriptor", "ab"), "kill": fault("kill", "b", "100ms")}
    stage = Stage(tmp_path, faults, b=RESTART).run()
    assert list(stage.states("a")) == ["ready", "degraded", "ready"]
    assert stage.channels["ab"].record.sessions == 2
    assert stage.arrived[-5:] == [15, 16, 17, 18, 19]


@pytest.mark.parametrize(
    "channel, end, struck",
    [("ab", "source", "a"), ("ab", "target", "b"), ("start", "target", "a"), ("end", "source", "c")],
)
def test_an_index_that_jumps_is_seen_at_once(tmp_path: Path, channel: str, end: str, struck: str) -> None:
    stage = run(tmp_path, "corrupt_index", channel, struck, end=end)
    assert outcome(stage) == ("recovered", 50, 50, 50)
    assert stage.partitions[struck].restarts == 1
    assert all(stage.partitions[name].restarts == 0 for name in "abc" if name != struck)
    assert stage.channels[channel].record.sessions == 2
    assert stage.arrived[-5:] == [15, 16, 17, 18, 19]


def test_without_a_restart_the_others_run_on(tmp_path: Path) -> None:
    stage = run(tmp_path, "corrupt_index", "bc")
    assert outcome(stage)[0] == "failed"
    assert stage.states("a") == stage.states("c") == ["ready"]
    assert stage.partitions["b"].failed and "broke the ring of channel bc" in stage.partitions["b"].failed


def test_a_lost_doorbell_is_lost_once(tmp_path: Path) -> None:
    stage = run(tmp_path, "lost_doorbell", "end")
    assert len(stage.events("lost-doorbell")) == 1
    assert outcome(stage) == ("unnoticed", 50, None, None)


def test_counts_of_lost_doorbells_add_up(tmp_path: Path) -> None:
    faults = {name: fault("lost_doorbell", "ab", count=2) for name in ("one", "two")}
    stage = Stage(tmp_path, faults).run()
    lost = len(stage.events("lost-doorbell"))
    assert lost and sum(stage.executive.doorbells.losing.values()) == 4 - lost


def test_a_storm_rings_at_every_boundary_while_it_lasts(tmp_path: Path) -> None:
    stage = run(tmp_path, "doorbell_storm", "bc", lasts="20ms", end="target")
    rung = [int(line.split()[0]) for line in stage.trace.lines if "doorbell bc c b" in line]
    assert set(range(50 * MS, 70 * MS, MS)) <= set(rung)
    assert stage.arrived == list(range(20))


def test_two_corruptions_of_one_channel_spoil_two_tensors(tmp_path: Path) -> None:
    faults = {name: fault("corrupt_header", "ab", at) for name, at in (("one", "50ms"), ("two", "60ms"))}
    stage = Stage(tmp_path, faults).run()
    assert len(stage.arrived) == 18
    assert outcome(stage, "one")[2] is not None and outcome(stage, "two")[2] is not None


def test_corruption_is_the_same_on_every_run(tmp_path: Path) -> None:
    for name in "xy":
        (tmp_path / name).mkdir()
    first, second = (run(tmp_path / name, "corrupt_descriptor", "bc", "abc") for name in "xy")
    assert first.trace.lines == second.trace.lines and first.faults == second.faults
