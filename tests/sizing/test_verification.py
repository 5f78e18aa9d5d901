"""Prediction beside emulation: the same definitions on both sides, and what is off is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sim.report.record import ChannelRecord, EndCounters, MessageRecord, RunRecord
from sim.report.result import result
from sim.scenario import load
from sim.sizing.answer import Compared
from sim.sizing.answer.verification import compare, error_words, is_wrong, outcome_of, remarks
from sim.sizing.model.outcome import Outcome, RingOutcome, Times
from sim.sizing.plan import Path as Way
from sim.sizing.plan import Plan, Ring
from tests.sizing import small_system

MS = 1_000_000


@pytest.fixture
def run(tmp_path: Path) -> tuple[RunRecord, Plan, Outcome]:
    """Return a run of ten samples of which the fourth was dropped, its plan, and its outcome."""
    scenario = load(small_system.write(tmp_path))
    frames, picture = [], []
    for number in range(10):
        begin = number * 5 * MS
        dropped = number == 3
        frames.append(
            MessageRecord(
                number,
                begin,
                None if dropped else begin + MS,
                begin + (4 + number) * MS,
                begin,
                number,
                dropped=dropped,
            )
        )
        if not dropped:
            arrival = begin + (10 + number) * MS
            picture.append(MessageRecord(number, arrival, arrival, arrival + MS, begin, number))
    record = RunRecord("small", duration_ns=100 * MS, virtual_time_ns=100 * MS)
    for name, messages in (("frames", frames), ("boxes", []), ("picture", picture)):
        record.channels[name] = ChannelRecord("a", "b", "uint8", (8,), 4, "drop_oldest", 4096, messages)
    record.channels["frames"].producer = EndCounters(stalls=2)
    rings = {name: Ring(name, name, "a", "b", 8, 4, "drop_oldest") for name in scenario.channels}
    plan = Plan("small", MS, 100 * MS, rings, (), (), {"rows->out": Way("rows->out", "rows", tuple(rings), 15 * MS)})
    return record, plan, outcome_of(record, scenario, plan)


def test_a_run_is_told_as_its_report_tells_it(run: tuple[RunRecord, Plan, Outcome]) -> None:
    record, _, outcome = run
    told = result(record)["channels"]["frames"]
    found = outcome.rings["frames"]
    assert (found.offered, found.delivered, found.dropped) == (told["messages"], told["delivered"], told["dropped"])
    assert (found.offered, found.delivered, found.dropped, found.stalls) == (10, 9, 1, 2)
    assert found.occupancy_max == told["occupancy_max"] == 3
    assert found.latency == Times(9, *[MS] * 6)
    assert outcome.dropped == 1


def test_paths_that_only_the_target_has_are_followed(run: tuple[RunRecord, Plan, Outcome]) -> None:
    record, _, outcome = run
    path = outcome.paths["rows->out"]
    assert (path.delivered, path.missing, path.age.count) == (9, 1, 9)
    assert (path.age.min_ns, path.age.p50_ns, path.age.max_ns) == (10 * MS, 15 * MS, 19 * MS)
    assert record.paths == {}, "the record is the run's own"


def test_every_ring_and_path_is_compared(run: tuple[RunRecord, Plan, Outcome]) -> None:
    _, plan, outcome = run
    compared = compare(plan, outcome, outcome)
    assert [each.error for each in compared] == [0.0] * len(compared)
    assert not remarks(compared)
    assert [each.figure for each in compared if ".boxes." not in each.figure and ".picture." not in each.figure] == [
        "channels.frames.occupancy_max",
        "channels.frames.latency.p99",
        "channels.frames.delivered",
        "channels.frames.dropped",
        "paths.rows->out.age.p99",
        "paths.rows->out.age.max",
        "paths.rows->out.delivered",
    ]


def test_what_is_off_is_said(run: tuple[RunRecord, Plan, Outcome]) -> None:
    _, plan, emulated = run
    rings = {name: replace(ring, occupancy_max=ring.occupancy_max + 2) for name, ring in emulated.rings.items()}
    paths = {name: replace(path, age=replace(path.age, p99_ns=20 * MS)) for name, path in emulated.paths.items()}
    said = remarks(compare(plan, replace(emulated, rings=rings, paths=paths), emulated))
    assert said == (
        "paths.rows->out.age.p99: 20 ms predicted, 19 ms emulated, which is 1 ms or 5.3 % off",
        "channels.frames.occupancy_max: 5 predicted, 3 emulated",
        "channels.boxes.occupancy_max: 2 predicted, 0 emulated",
        "channels.picture.occupancy_max: 3 predicted, 1 emulated",
    )


def test_of_many_that_are_off_some_are_named() -> None:
    many = [Compared(f"channels.{name}.occupancy_max", 5, 1) for name in "abcdefgh"]
    right = Compared("channels.a.dropped", 0, 0)
    *named, rest = remarks([*many, right])
    assert named == [f"channels.{name}.occupancy_max: 5 predicted, 1 emulated" for name in "abcdef"]
    assert rest == "2 more of 9 predicted figures are off"


@pytest.mark.parametrize(
    ("one", "wrong", "words"),
    [
        (Compared("channels.a.occupancy_max", 3, 2), False, "50.0 %"),
        (Compared("channels.a.occupancy_max", 4, 2), True, "100.0 %"),
        (Compared("channels.a.latency.p99", 105, 100), False, "5.0 %"),
        (Compared("channels.a.latency.p99", 94, 100), True, "6.0 %"),
        (Compared("paths.a.age.max", 200, 100), False, "100.0 %"),
        (Compared("channels.a.dropped", 0, 0), False, "0.0 %"),
        (Compared("channels.a.dropped", 3, 0), False, "3"),
    ],
)
def test_how_much_is_too_much(one: Compared, wrong: bool, words: str) -> None:
    assert is_wrong(one) == wrong
    assert error_words(one) == words


def test_nothing_that_was_measured_is_no_time() -> None:
    empty = RingOutcome(0, 0, 0, 0, 0, 0, np.zeros(5, np.int64), Times(0, *[0] * 6), Times(0, *[0] * 6))
    plan = Plan("none", MS, MS, {"a": Ring("a", "a", "x", "y", 8, 4, "block")}, (), ())
    outcome = Outcome({"a": empty}, {}, {}, 0, MS, {})
    assert not remarks(compare(plan, outcome, outcome))
