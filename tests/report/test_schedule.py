"""The schedule, health, faults and paths of a run in result.json, in drawings, in the timeline and in trace.json."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from sim.report import gantt, health
from sim.report.html import page
from sim.report.perfetto import trace
from sim.report.record import RunRecord
from sim.report.result import result
from sim.report.timeline import timeline

from .sample import HOSTILE, MS, sample
from .schedule import END_NS, FRAME_NS, KILLED_NS, NOTICED_NS, READY_NS, sample_with_schedule


def parsed(drawing: Markup | None) -> ElementTree.Element:
    assert drawing is not None
    return ElementTree.fromstring(drawing)


def titles(drawing: Markup | None, kind: str) -> list[str]:
    """Return the titles of the shapes of a class."""
    shapes = [one for one in parsed(drawing).iter() if kind in (one.get("class") or "").split()]
    return [shape.findtext("title") or "" for shape in shapes]


def test_shares_of_the_result() -> None:
    figures = result(sample_with_schedule())["partitions"]
    assert [figures[name]["configured_share"] for name in ("control", "planning", "logging")] == [0.5, 0.25, 0.5]
    assert figures["control"]["scheduled_share"] == figures["control"]["cpu_share"] == 0.5
    assert figures["planning"]["scheduled_share"] == pytest.approx(0.245)
    assert result(sample(pictures=0))["partitions"]["perception"]["scheduled_share"] is None


def test_two_vcpus_share_what_one_would_have_alone() -> None:
    record = sample_with_schedule()
    control = record.partitions["control"]
    control.vcpus, control.cores, control.busy_ns = 2, (0, 1), END_NS
    figures = result(record)["partitions"]["control"]
    assert (figures["cpu_share"], figures["scheduled_share"]) == (1.0, 0.25)


def test_faults_states_and_paths_of_the_result() -> None:
    figures = result(sample_with_schedule())
    cut = figures["faults"]["power_cut"]
    assert (cut["outcome"], cut["injected_us"], cut["detection_us"]) == ("recovered", 800_000.0, 40_000.0)
    assert cut["recovery_us"] == (READY_NS - KILLED_NS) / 1000
    assert figures["faults"]["late"]["injected_us"] is figures["faults"]["storm"]["recovery_us"] is None
    planning = figures["partitions"]["planning"]
    assert (planning["state"], planning["restarts"], len(planning["states"])) == ("ready", 1, 4)
    path = figures["paths"]["sensor_to_control"]
    assert (path["delivered"], path["missing"]) == (198, 1)
    assert path["late"] == sum(
        age > 12 * MS for _, age, _ in sample_with_schedule().paths["sensor_to_control"].arrivals
    )
    schedule = figures["schedule"]
    assert schedule is not None and schedule["major_frame_us"] == 20_000.0
    assert schedule["windows"][1] == {"partition": "planning", "core": 0, "offset_us": 12_000.0, "length_us": 5_000.0}
    assert result(sample(pictures=0))["schedule"] is None


def test_the_first_major_frames() -> None:
    record = sample_with_schedule()
    drawing = gantt.beginning(record)
    assert len(titles(drawing, "window")) == 3 * gantt.FRAMES
    assert len(titles(drawing, "slice")) == 3 * gantt.FRAMES
    assert "planning: window 5\u00a0ms at 12.000 ms" in titles(drawing, "window")
    assert "logging on core 1: 5.000 ms to 15.000 ms" in titles(drawing, "slice")
    (window,) = [one for one in parsed(drawing).iter("rect") if one.findtext("title", "").endswith("at 12.000 ms")]
    frame = gantt.COLUMNS / gantt.FRAMES
    assert float(window.get("width", "")) == pytest.approx(frame / 4, abs=0.01)
    assert float(window.get("x", "")) == pytest.approx(gantt.LEFT + frame * 0.6, abs=0.01)


def test_the_whole_run() -> None:
    drawing = gantt.whole(sample_with_schedule())
    assert titles(drawing, "slice") == [
        "control on core 0: 50.0 % of the run",
        "planning on core 0: 24.5 % of the run",
        "logging on core 1: 50.0 % of the run",
    ]


def test_without_a_schedule_there_is_nothing_to_draw() -> None:
    assert gantt.beginning(sample(pictures=0)) is gantt.whole(sample(pictures=0)) is None
    text = page(sample(pictures=0), result(sample(pictures=0)))
    assert 'id="schedule"' not in text and 'id="health"' not in text


def test_a_schedule_without_major_frames() -> None:
    record = sample_with_schedule()
    assert record.schedule is not None
    record.schedule.policy, record.schedule.major_frame_ns, record.schedule.windows = "fixed_priority", None, []
    assert titles(gantt.beginning(record), "window") == []
    assert len(titles(gantt.beginning(record), "slice")) == 12
    assert titles(gantt.whole(record), "slice")[0] == "control on core 0: 50.0 % of the run"


bars = st.lists(st.integers(0, 1000), min_size=2, max_size=20, unique=True).map(sorted)


@given(bars, st.integers(1, 50))
def test_the_columns_hold_what_the_slices_do(edges: list[int], columns: int) -> None:
    slices = [gantt.Bar(*pair, "a") for pair in zip(edges[::2], edges[1::2], strict=False)]
    held = gantt.shares(slices, 1000, columns)
    assert sum(held) / columns == pytest.approx(sum(bar.stop_ns - bar.start_ns for bar in slices) / 1000)
    assert all(-1e-9 <= share <= 1 + 1e-9 for share in held)


def test_states_over_time() -> None:
    record = sample_with_schedule()
    assert health.eventful(record) and not health.eventful(sample(pictures=0))
    shown = titles(health.drawing(record), "restarting")
    assert shown == ["planning restarting from 0.840000 s for 175\u00a0ms"]
    assert titles(health.drawing(record), "failed")[0].endswith("has not answered for 40 ms (watchdog)")
    assert titles(health.drawing(record), "strike") == [
        "power_cut struck at 0.800000 s",
        "storm struck at 1.200000 s",
    ]


def test_names_of_faults_do_not_run_into_each_other() -> None:
    record = sample_with_schedule()
    for number in range(4):
        fault = sample_with_schedule().faults["power_cut"]
        fault.injected_ns = END_NS - 4 * MS + number * MS
        record.faults[f"at_the_very_end_{number}"] = fault
    names = [one for one in parsed(health.drawing(record)).iter("text") if one.get("class") == "strike-name"]
    rows = {one.get("y") for one in names if (one.text or "").startswith("at_the")}
    assert len(rows) == 4
    assert {one.get("text-anchor") for one in names if (one.text or "").startswith("at_the")} == {"end"}


def test_the_page_tells_schedule_health_faults_paths_and_where_to_look() -> None:
    record = sample_with_schedule()
    text = page(record, result(record))
    for word in ("arinc653", "power_cut", "doorbell storm", "recovered", "sensor_to_control", "line 1234 of trace.log"):
        assert word in text
    plain = re.sub(r"<[^>]+>", " ", text)
    assert "24.50\u00a0%" in plain and "-0.50 points" in plain
    assert "sample 50 of sensor, taken at 0.500000 s, never arrived; 1 in all" in plain


def test_hostile_names_stay_text() -> None:
    record = sample_with_schedule(hostile=True)
    text = page(record, result(record))
    assert HOSTILE not in text and text.count("<script") == 2
    assert ElementTree.fromstring(health.drawing(record)) is not None


def test_the_timeline_has_cores_and_marks() -> None:
    shown = timeline(sample_with_schedule())
    cores = [lane for lane in shown["lanes"] if lane["kind"] == "core"]
    assert [lane["name"] for lane in cores] == ["core 0", "core 1"]
    assert [cores[0]["names"][who] for _, _, who in cores[0]["slices"][:3]] == ["control", "planning", "control"]
    assert len(set(cores[0]["hues"])) == 3
    assert shown["marks"] == [
        (KILLED_NS, "power_cut", 1),
        (NOTICED_NS, "planning failed", 0),
        (NOTICED_NS, "planning restarting", 0),
        (READY_NS, "planning ready", 0),
        (1200 * MS, "storm", 1),
    ]
    assert timeline(sample(pictures=0))["marks"] == []


def test_tracks_of_cores_states_and_faults() -> None:
    record = sample_with_schedule()
    events = trace(record)["traceEvents"]
    slices = [event for event in events if event.get("cat") == "schedule"]
    assert len(slices) == sum(len(one.slices) for one in record.partitions.values())
    for tid in {event["tid"] for event in slices}:
        track = [(event["ts"], event["ts"] + event["dur"]) for event in slices if event["tid"] == tid]
        assert all(earlier[1] <= later[0] for earlier, later in pairwise(track))
    faults = [(event["name"], event["ts"]) for event in events if event.get("cat") == "fault"]
    assert ("power_cut struck", KILLED_NS / 1000) in faults and ("power_cut well again", READY_NS / 1000) in faults
    states = [event for event in events if event.get("cat") == "state" and event["ph"] == "X"]
    assert sum(event["dur"] for event in states) == 3 * END_NS / 1000
    changes = [event["name"] for event in events if event.get("cat") == "state" and event["ph"] == "i"]
    assert changes == ["planning failed", "planning restarting", "planning ready"]


def test_a_run_of_no_time_at_all() -> None:
    record = sample_with_schedule()
    record.virtual_time_ns = 0
    for partition in record.partitions.values():
        partition.slices.clear()
    record.channels.clear()
    assert page(record, result(record)) and trace(record)
    assert page(RunRecord("none"), result(RunRecord("none")))


def test_frames_are_whole_in_long_runs() -> None:
    record = sample_with_schedule()
    record.virtual_time_ns = 5000 * FRAME_NS
    share = titles(gantt.whole(record), "slice")[0]
    assert share == "control on core 0: 1.0 % of the run"
