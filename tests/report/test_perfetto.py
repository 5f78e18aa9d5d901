"""trace.json against the rules of the Trace Event Format."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import Any

import pytest

from sim.report.perfetto import CHANNELS, trace
from sim.report.record import RunRecord

from .microcontrollers import sample_with_microcontrollers
from .sample import sample
from .schedule import sample_with_schedule

Event = dict[str, Any]
REQUIRED = {
    "M": {"name", "pid", "tid", "args"}, "X": {"name", "cat", "pid", "tid", "ts", "dur"},
    "b": {"name", "cat", "id", "pid", "tid", "ts"}, "n": {"name", "cat", "id", "pid", "tid", "ts"},
    "e": {"name", "cat", "id", "pid", "tid", "ts"}, "i": {"name", "pid", "tid", "ts", "s"},
    "s": {"name", "cat", "id", "pid", "tid", "ts"}, "f": {"name", "cat", "id", "pid", "tid", "ts", "bp"},
    "C": {"name", "pid", "tid", "ts", "args"},
}  # fmt: skip


@pytest.fixture(
    scope="module",
    params=["plain", "hostile", "microcontrollers", "hostile microcontrollers", "schedule", "hostile schedule"],
)
def record(request: pytest.FixtureRequest) -> RunRecord:
    hostile = request.param.startswith("hostile")
    if request.param.endswith("schedule"):
        return sample_with_schedule(hostile=hostile)
    if request.param.endswith("microcontrollers"):
        return sample_with_microcontrollers(hostile=hostile)
    return sample(pictures=0, hostile=hostile)


@pytest.fixture(scope="module")
def events(record: RunRecord) -> list[Event]:
    found: list[Event] = json.loads(json.dumps(trace(record), allow_nan=False))["traceEvents"]
    return found


def test_every_event_has_what_its_phase_requires(events: list[Event]) -> None:
    for event in events:
        assert event.keys() >= REQUIRED[event["ph"]], event
        assert isinstance(event["pid"], int) and isinstance(event["tid"], int)
        if event["ph"] != "M":
            assert event["ts"] >= 0
        if event["ph"] == "X":
            assert event["dur"] >= 0
        if event["ph"] == "C":
            assert all(isinstance(value, int) for value in event["args"].values())
    times = [event["ts"] for event in events if "ts" in event]
    assert times == sorted(times)


def test_every_track_has_a_name(events: list[Event], record: RunRecord) -> None:
    processes = {event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"}
    threads = {(event["pid"], event["tid"]) for event in events if event["name"] == "thread_name"}
    hosts = int(record.schedule is not None or bool(record.faults))
    assert len(set(processes.values())) == 1 + len(record.partitions) + len(record.devices) + hosts
    for event in events:
        assert event["pid"] in processes
        if event["ph"] in "Xisf":
            assert (event["pid"], event["tid"]) in threads, event


def test_asynchronous_slices_open_and_close_once(events: list[Event], record: RunRecord) -> None:
    begun: Counter[tuple[str, int]] = Counter()
    for event in events:
        key = (event.get("cat", ""), event.get("id", 0))
        if event["ph"] == "b":
            begun[key] += 1
        elif event["ph"] in "ne":
            assert begun[key] == 1, event
            begun[key] -= event["ph"] == "e"
    assert len(begun) == sum(len(channel.messages) for channel in record.channels.values())
    assert not any(begun.values())


def test_slices_of_a_thread_do_not_overlap(events: list[Event]) -> None:
    ends: defaultdict[tuple[int, int], float] = defaultdict(float)
    for event in events:
        if event["ph"] == "X" and event["cat"] == "service":
            place = event["pid"], event["tid"]
            assert event["ts"] >= ends[place] - 1e-6
            ends[place] = event["ts"] + event["dur"]


@pytest.mark.parametrize("honest", [sample(pictures=0), sample_with_microcontrollers()], ids=["linux", "mixed"])
def test_flows_bind_to_slices_at_both_ends(honest: RunRecord) -> None:
    events = trace(honest)["traceEvents"]
    slices = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            start = round(event["ts"] * 1000)
            slices[event["pid"], event["tid"]].append((start, start + max(1, round(event["dur"] * 1000))))
    begun, ended = {}, {}
    for event in events:
        if event["ph"] in "sf":
            t_ns = round(event["ts"] * 1000)
            assert any(start <= t_ns < end for start, end in slices[event["pid"], event["tid"]]), event
            (begun if event["ph"] == "s" else ended)[event["id"]] = event["ts"]
    assert begun.keys() == ended.keys()
    assert all(begun[key] <= ended[key] for key in begun), "an arrow must not lead back in time"
    taken = sum(len(channel.latencies_ns) for channel in honest.channels.values())
    assert len(begun) >= taken - 4, "only tensors around the end of the run may lack a call"


def test_times_keep_their_nanoseconds(events: list[Event], record: RunRecord) -> None:
    spans = [span for partition in record.partitions.values() for span in partition.spans]
    shown = {round(event["ts"] * 1000) for event in events if event["ph"] == "X" and event["cat"] == "service"}
    assert shown == {span.start_ns for span in spans}


def test_counters_follow_the_occupancy(events: list[Event], record: RunRecord) -> None:
    for name, channel in record.channels.items():
        counted = [
            (round(event["ts"] * 1000), event["args"]["slots"])
            for event in events
            if event["ph"] == "C" and event["name"] == f"{name} slots in use"
        ]
        assert counted == channel.steps()
        assert all(event["pid"] == CHANNELS for event in events if event["ph"] == "C")


def test_doorbells_are_instants_on_their_target(events: list[Event], record: RunRecord) -> None:
    reached = [bell for bell in record.doorbells if bell.target in {*record.partitions, *record.devices}]
    assert sum(event["ph"] == "i" and event["name"] == "doorbell" for event in events) == len(reached) > 0
