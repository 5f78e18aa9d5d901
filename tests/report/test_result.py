"""result.json: keys, figures, and what two runs of one digest have in common."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from sim.report.distribution import percentile
from sim.report.result import VERSION, WALL_KEYS, Result, plain, repeatable, result, schema

from .sample import sample

ISSUE_KEYS = {
    "scenario", "digest", "virtual_time_s", "wall_s", "boot", "partitions", "channels", "metrics", "expectations",
}  # fmt: skip


def test_result_has_what_a_program_may_rely_on() -> None:
    figures = result(sample(pictures=0))
    assert figures.keys() >= ISSUE_KEYS | {"environment", "quantum_ns", "seed"}
    assert figures["version"] == VERSION
    frames = figures["channels"]["frames"]
    assert frames.keys() >= {"messages", "dropped", "occupancy_max", "occupancy_mean", "latency_us"}
    assert frames["latency_us"].keys() == {"min", "p50", "p95", "p99", "p99_9", "max"}
    assert figures["boot"]["perception"] == {"kind": "warm", "seconds": 0.171}


def test_figures_are_those_of_the_record() -> None:
    record = sample(pictures=0)
    figures = result(record)
    for name, channel in record.channels.items():
        shown = figures["channels"][name]
        taken = [one.taken_ns - one.produced_ns for one in channel.messages if one.taken_ns is not None]
        assert shown["messages"] == len(channel.messages)
        assert shown["messages"] - shown["delivered"] >= shown["dropped"]
        assert shown["latency_us"]["max"] == max(taken) / 1000
        assert shown["latency_us"]["p99"] == sorted(taken)[-(-99 * len(taken) // 100) - 1] / 1000
        assert 0 < shown["occupancy_mean"] <= shown["occupancy_max"] <= channel.depth
    detector = figures["partitions"]["perception"]["services"]["detector"]
    calls = [span.end_ns - span.start_ns for span in record.partitions["perception"].spans]
    assert detector["calls"] == len(calls)
    assert detector["duration_us"]["p50"] == (percentile(calls, 50) or 0) / 1000
    assert figures["partitions"]["perception"]["cpu_share"] == sum(calls) / record.virtual_time_ns


def test_two_runs_of_one_digest_differ_only_in_wall_keys() -> None:
    first, second = sample(pictures=0), sample(pictures=0)
    second.wall_s, second.wall_phases = 55.5, {"run": 50.0, "report": 5.5}
    second.partitions["perception"].boot = "cold"
    second.partitions["perception"].boot_s = 4.75
    second.partitions["cockpit"].restore_s = 0.9
    assert result(first) != result(second)
    assert repeatable(result(first)) == repeatable(result(second))
    assert json.dumps(repeatable(result(first))) == json.dumps(repeatable(result(second)))
    assert {key for key in result(first) if result(first)[key] != result(second)[key]} == set(WALL_KEYS)  # type: ignore[literal-required]


def test_another_seed_changes_more_than_wall_keys() -> None:
    assert repeatable(result(sample(7, pictures=0))) != repeatable(result(sample(8, pictures=0)))


def test_json_round_trip_keeps_everything_in_order() -> None:
    figures = result(sample(pictures=0))
    text = json.dumps(figures, allow_nan=False)
    assert json.loads(text) == figures
    assert list(json.loads(text)) == list(Result.__annotations__)


def test_schema_accepts_results_and_nothing_else() -> None:
    adapter = TypeAdapter(Result)
    adapter.validate_json(json.dumps(result(sample(pictures=0))), strict=True)
    broken = json.loads(json.dumps(result(sample(pictures=0))))
    broken["channels"]["frames"]["dropped"] = "none"
    with pytest.raises(ValidationError):
        adapter.validate_python(broken, strict=True)
    assert set(schema()["required"]) == set(Result.__annotations__)


def test_plain_makes_anything_fit_for_json() -> None:
    given = {
        "a": np.float32(0.5), "b": np.arange(3), "c": float("nan"), "d": (1, float("inf")), "e": Path("x/y"),
        7: {np.int64(3)}, "f": np.bool_(True), "g": np.array([[1.0, np.nan]]),
    }  # fmt: skip
    expected = {
        "a": 0.5, "b": [0, 1, 2], "c": None, "d": [1, None], "e": "x/y", "7": [3], "f": True, "g": [[1.0, None]],
    }  # fmt: skip
    assert plain(given) == expected
    json.dumps(plain(given), allow_nan=False)
