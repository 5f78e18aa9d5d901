"""The rule by which two runs are the same, in one environment and across environments, and how the outcome is told."""

from __future__ import annotations

from typing import Any

import pytest

from sim.baseline import Comparison, compare
from sim.baseline.words import Sides, headline, text

from .traces import ENVIRONMENT, MS, figures, recorded, stream

LINES = stream(10)
OTHER = [line.replace("taken frames 6 70020000", "taken frames 6 70026000") for line in LINES]
OTHER_QEMU = {"environment": {**ENVIRONMENT, "qemu": "QEMU 10.0.2"}}
SIDES = Sides("baseline", "this run")


def with_channel(**changes: Any) -> dict[str, Any]:
    """Return figures in which the channel's differ."""
    return {"channels": {"frames": {**figures(LINES)["channels"]["frames"], **changes}}}


def across(**changes: Any) -> Comparison:
    """Compare with a run of another QEMU, whose trace is another one in any case."""
    return compare(recorded(LINES), recorded(OTHER, **OTHER_QEMU, **changes))


def test_equal_traces_are_the_same() -> None:
    found = compare(recorded(LINES), recorded(LINES))
    assert found.same and found.trace is not None
    assert headline(found, SIDES) == f"all 40 events are the same, digest {recorded(LINES).digest}"


def test_the_first_difference_is_told_with_both_values() -> None:
    found = compare(recorded(LINES), recorded(OTHER))
    assert not found.same
    assert headline(found, SIDES) == (
        "event 27 differs, at 71 ms: taking of tensor 6 of channel frames: "
        "taken at 70.02 ms in baseline, 70.026 ms in this run"
    )
    shown = text(found, SIDES)
    assert "both                71 ms" not in shown
    assert "  both               70 ms  doorbell of channel frames from camera to vision" in shown
    assert "0.006 ms" in shown


def test_an_event_that_one_run_lacks_is_told() -> None:
    found = compare(recorded(LINES), recorded([*LINES[:5], *LINES[6:]]))
    assert headline(found, SIDES) == (
        "event 6 differs, at 20 ms: in baseline, doorbell of channel frames from camera to vision; "
        "in this run, tensor 1 of channel frames taken at 20.02 ms"
    )
    ended = compare(recorded(LINES), recorded(LINES[:-1]))
    assert "this run has ended, baseline goes on with tensor 9" in headline(ended, SIDES)


def test_settings_that_explain_a_difference_are_told_beside_it() -> None:
    found = compare(recorded(LINES), recorded(OTHER, seed=2, duration_s=0.5))
    assert headline(found, SIDES).endswith(
        "70.026 ms in this run; their settings differ: duration_s 1 in baseline, 0.5 in this run; "
        "seed 1 in baseline, 2 in this run"
    )


def test_what_is_expected_of_a_run_as_a_whole_is_no_figure_of_it() -> None:
    whole = {"text": "same as baseline x", "figure": "", "passed": True, "actual": None}
    assert across(expectations=[*figures(LINES)["expectations"], whole]).same


def test_figures_that_moved_are_listed_by_how_much() -> None:
    changes = with_channel(latency_us={"p50": 20.0, "p99": 36.0, "max": 31.0}, dropped=2)
    found = compare(recorded(LINES), recorded(OTHER, **changes))
    assert {one.name for one in found.figures} == {"channels.frames.latency_us.p99", "channels.frames.dropped"}
    assert "(+20.0%)" in text(found, SIDES)


@pytest.mark.parametrize("name", ["python", "quantum_ns", "firmware safety"])
def test_firmware_and_the_host_s_python_do_not_hinder_a_comparison(name: str) -> None:
    found = compare(recorded(LINES), recorded(OTHER, environment={**ENVIRONMENT, name: "other"}))
    assert found.obstacle == "" and not found.same and name in found.environment


@pytest.mark.parametrize("name", ["qemu", "image", "kernel", "simulator", "mcu labwired"])
def test_another_environment_is_compared_by_figures(name: str) -> None:
    found = compare(recorded(LINES), recorded(OTHER, environment={**ENVIRONMENT, name: "other"}))
    assert found.same and name in found.obstacle
    assert headline(found, SIDES).startswith("tensors hold the same, and the figures agree within 5%; events are not c")


def test_another_content_is_told_in_any_environment() -> None:
    """What a service computes depends on no instruction count; one sample fewer moves numbers, but no content."""
    fewer = [line.replace("frames 9 100000000 9", "frames 8 100000000 9") for line in LINES if " frames 8 " not in line]
    assert compare(recorded(LINES), recorded(fewer, **OTHER_QEMU)).same
    changed = [line.replace("2x2 ", "2x2 f") if " frames 8 100000000 9" in line else line for line in fewer]
    found = compare(recorded(LINES), recorded(changed, **OTHER_QEMU))
    assert not found.same
    (hashed,) = [line.split()[-1] for line in LINES if " tensor frames 9 " in line]
    assert headline(found, SIDES).startswith(
        f"tensor 8 of channel frames, of sample 9, holds something else: hash {hashed[:16]} in baseline, "
        f"f{hashed[:15]} in this run; so do 1 of 9 tensors of frames; events are not compared"
    )
    assert text(found, SIDES).count("100 ms  tensor ") == 2
    told = found.plain()
    assert told["compared"] == "figures" and told["channels"] == {"frames": {"other_content": 1}}
    assert (told["first_difference"]["a"]["sequence"], told["first_difference"]["b"]["sequence"]) == (9, 8)
    assert found.where is not None and changed[found.where[0] - 1].split()[1:4] == ["tensor", "frames", "8"]


def test_in_real_time_contents_are_chance() -> None:
    changed = [line.replace("2x2 ", "2x2 f") for line in LINES]
    assert compare(recorded(LINES), recorded(changed, time_mode="realtime")).figures == []


def test_equal_digests_are_the_same_in_any_environment() -> None:
    found = compare(recorded(LINES), recorded(LINES, **OTHER_QEMU))
    assert found.same and found.obstacle == ""


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        (with_channel(messages=41), True),
        (with_channel(messages=42), True),
        (with_channel(messages=50), False),
        (with_channel(dropped=1), False),
        (with_channel(occupancy_mean=0.26), True),
        (with_channel(occupancy_mean=0.30), False),
        (with_channel(latency_us={"p50": 20.0, "p99": 900.0, "max": 1000.0}), True),
        (with_channel(latency_us={"p50": 20.0, "p99": 1031.0, "max": 31.0}), False),
        (with_channel(latency_us={"p50": None, "p99": 30.0, "max": 31.0}), False),
        (with_channel(producer={"kicks": 4000}), True),
        (with_channel(source="camera.other"), True),
        ({"partitions": {"vision": {"state": "degraded", "failed": None}}}, False),
        ({"partitions": {"vision": {"state": "ready", "failed": "crashed"}}}, False),
        ({"partitions": {"vision": {"state": "ready", "instructions": 9, "failed": None}}}, True),
        ({"expectations": [{"text": "doorbells > 3", "passed": False, "actual": 1}]}, False),
        ({"metrics": {"detection": {"mean_iou": 0.88, "confusion": [[0, 0], [0, 0]]}}}, True),
        ({"metrics": {"detection": {"mean_iou": 0.5, "confusion": [[1, 2], [3, 4]]}}}, False),
        ({"links": {"new": {"tensors": 5}}}, True),
        ({"outcome": "failed"}, False),
    ],
)
def test_tolerances_across_environments(changes: dict[str, Any], same: bool) -> None:
    assert across(**changes).same is same


def test_a_channel_s_name_does_not_make_a_time_of_a_count() -> None:
    one, other = ({"channels": {"x_us_y": {"messages": count}}} for count in (10, 20))
    assert not compare(recorded(LINES, **one), recorded(OTHER, **OTHER_QEMU, **other)).same


def test_real_time_is_compared_by_figures() -> None:
    found = compare(recorded(LINES), recorded([], time_mode="realtime", digest="", quantum_ns=MS))
    assert found.obstacle == "in real time no run repeats another"


def test_other_settings_are_told() -> None:
    found = compare(recorded(LINES), recorded(OTHER, seed=3, duration_s=2.0))
    assert found.settings == {"seed": (1, 3), "duration_s": (1.0, 2.0)}
    assert not compare(recorded(LINES), recorded(OTHER, seed=3, **OTHER_QEMU)).same


def test_json_names_the_first_difference() -> None:
    first = compare(recorded(LINES), recorded(OTHER)).plain()["first_difference"]
    assert first["event"] == 27
    assert (first["a"]["t_ns"], first["a"]["channel"], first["a"]["sequence"]) == (71 * MS, "frames", 6)
    assert (first["a"]["facts"]["taken_ns"], first["b"]["facts"]["taken_ns"]) == ("70020000", "70026000")
    ended = compare(recorded(LINES), recorded(LINES[:-1])).plain()["first_difference"]
    assert ended["b"] is None


def test_what_a_file_says_cannot_steer_a_terminal() -> None:
    evil = [*LINES, "900000000 state \x1b[31mvision gone\n"]
    assert "\x1b" not in text(compare(recorded(LINES), recorded(evil)), SIDES)
