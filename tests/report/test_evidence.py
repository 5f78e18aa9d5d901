"""What a failed expectation says: what happened, when, and where in the trace it is told."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from sim.expectations import judge
from sim.expectations import text as texts
from sim.report.record import ExpectationRecord, InferenceRecord, RunRecord, WorstRecord
from sim.scenario.model import Expectation, Scenario

from .microcontrollers import sample_with_microcontrollers
from .sample import MS, sample
from .schedule import FRAME_NS, KILLED_NS, NOTICED_NS, sample_with_schedule


def judged(record: RunRecord, check: str, trace: list[str] | None = None) -> ExpectationRecord:
    """Return what comes of one expectation of a run."""
    scenario = Scenario.model_construct(expectations=(Expectation(check=check, why="it matters"),))
    (found,) = judge(scenario, record, trace or [])
    return found


def trace_of(record: RunRecord) -> list[str]:
    """Return lines like those that the executive writes, of tensors, states and drops."""
    events: list[tuple[int, str]] = []
    for name, channel in record.channels.items():
        for one in channel.messages:
            events.append((one.produced_ns, f"tensor {name} {one.sequence} {one.produced_ns}"))
            if one.dropped and one.returned_ns is not None:
                events.append((one.returned_ns, f"revoked {name} {one.sequence}"))
            if one.taken_ns is not None:
                events.append((one.taken_ns, f"taken {name} {one.sequence} {one.taken_ns}"))
    for name, partition in record.partitions.items():
        events += [(one.t_ns, f"state {name} {one.state}") for one in partition.states]
    boundaries = sorted((-(-t_ns // MS) * MS, text) for t_ns, text in events)
    return [f"{t_ns} {text}\n" for t_ns, text in boundaries]


def told(found: ExpectationRecord, trace: list[str]) -> str:
    """Return the line of the trace that an expectation points at."""
    assert found.trace_line is not None
    return trace[found.trace_line - 1]


def test_one_that_holds_points_nowhere() -> None:
    found = judged(sample(pictures=0), "channels.detections.dropped == 0", ["0 doorbell x\n"])
    assert found.passed and found.why == "it matters" and found.figure == "channels.detections.dropped"
    assert (found.seen_ns, found.trace_line, found.evidence) == (None, None, "")


@pytest.mark.parametrize(("allowed", "number"), [(0, 0), (1, 1)])
def test_the_drop_that_is_one_too_many(allowed: int, number: int) -> None:
    record = sample(pictures=0)
    drops = [message for message in record.channels["frames"].messages if message.dropped]
    assert len(drops) == 2
    trace = trace_of(record)
    found = judged(record, f"channels.frames.dropped <= {allowed}", trace)
    assert not found.passed and found.seen_ns == drops[number].returned_ns
    assert found.evidence.startswith(f"drop {number + 1} of 2: tensor {drops[number].sequence} (sample ")
    assert told(found, trace).split()[1:] == ["revoked", "frames", str(drops[number].sequence)]


@pytest.mark.parametrize("figure", ["latency_us", "age_us"])
def test_the_worst_tensor(figure: str) -> None:
    record = sample(pictures=0)
    messages = [one for one in record.channels["picture"].messages if one.taken_ns is not None]
    worst = max(messages, key=lambda one: (one.latency_ns if figure == "latency_us" else one.age_ns) or 0)
    trace = trace_of(record)
    found = judged(record, f"channels.picture.{figure}.p99 <= 300us", trace)
    assert not found.passed and found.seen_ns == worst.taken_ns
    assert (
        f"tensor {worst.sequence}" in found.evidence and f" of {len(messages)} are beyond the limit" in found.evidence
    )
    assert told(found, trace).split()[1:4] == ["taken", "picture", str(worst.sequence)]


def test_the_longest_silence_of_a_slow_channel() -> None:
    record = sample(pictures=0)
    record.channels["picture"].messages = record.channels["picture"].messages[:100]
    last_ns = max(one.taken_ns or 0 for one in record.channels["picture"].messages)
    found = judged(record, "channels.picture.rate_hz >= 29Hz", trace_of(record))
    assert found.seen_ns == last_ns and found.trace_line is not None and "longest silence: 6.6" in found.evidence
    record.channels["picture"].messages = []
    found = judged(record, "channels.picture.delivered > 0")
    assert found.evidence == "nothing ever arrived by channel picture" and found.seen_ns is None
    assert judged(record, "channels.picture.latency_us.max <= 1ms").evidence == found.evidence


def test_intervals_that_are_too_long_or_too_short() -> None:
    record = sample_with_schedule()
    late = judged(record, "channels.orders.interval_us.max <= 15ms")
    assert late.evidence.startswith("longest silence: 2") and late.seen_ns is not None
    early = judged(record, "channels.orders.interval_us.min >= 5ms")
    times = sorted(one.taken_ns for one in record.channels["orders"].messages if one.taken_ns is not None)
    closest = min(later - earlier for earlier, later in pairwise(times))
    assert early.actual == closest / 1000 and "between what was taken at" in early.evidence


def test_gaps_and_sessions_are_told_by_the_trace_only() -> None:
    record = sample_with_schedule()
    record.channels["orders"].gaps, record.channels["orders"].sessions = 2, 2
    trace = ["0 tensor orders 0\n", "5000000 lost orders 2\n", "9000000 session orders 4\n"]
    gap, session = (judged(record, f"channels.orders.{figure}", trace) for figure in ("gaps == 0", "sessions == 1"))
    assert (gap.trace_line, gap.seen_ns) == (2, 5 * MS) and "never seen: 2" in gap.evidence
    assert (session.trace_line, session.seen_ns) == (3, 9 * MS)


@pytest.mark.parametrize(
    ("check", "state", "t_ns"),
    [
        ("partitions.planning.state == failed", "restarting", NOTICED_NS),
        ("partitions.planning.state != ready", "ready", 1015 * MS),
        ("partitions.planning.restarts == 0", "restarting", NOTICED_NS),
    ],
)
def test_the_change_of_state(check: str, state: str, t_ns: int) -> None:
    record = sample_with_schedule()
    trace = trace_of(record)
    found = judged(record, check, trace)
    assert not found.passed and found.seen_ns == t_ns
    assert f"planning {state} at {t_ns / 1e9:.6f} s" in found.evidence
    assert told(found, trace) == f"{t_ns} state planning {state}\n"


def test_a_partition_that_left_the_state_that_it_should_be_in() -> None:
    record = sample_with_schedule()
    record.partitions["planning"].states.pop()
    found = judged(record, "partitions.planning.state == ready", trace_of(record))
    assert found.seen_ns == NOTICED_NS and "has not answered" in found.evidence and found.trace_line is not None


def test_the_worst_major_frame() -> None:
    found = judged(sample_with_schedule(), "partitions.planning.scheduled_share >= 25%")
    assert found.seen_ns == KILLED_NS and KILLED_NS % FRAME_NS == 0
    assert found.evidence.startswith("it had its core for 24.5 % of the run, and for 0\u00a0s of 20\u00a0ms")


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ("faults.power_cut.outcome == failed", ["kill struck planning at 0.800000 s", "noticed 40", "well again 215"]),
        ("faults.storm.recovery_us <= 1s", ["doorbell_storm struck logging at 1.200000 s", "well again never"]),
        ("faults.late.outcome == recovered", ["hang on control was to strike at 3.000000 s and never did"]),
    ],
)
def test_what_came_of_a_fault(check: str, words: list[str]) -> None:
    found = judged(sample_with_schedule(), check)
    assert not found.passed and all(word in found.evidence for word in words), found.evidence


def test_paths() -> None:
    record = sample_with_schedule()
    trace = trace_of(record)
    missing = judged(record, "paths.sensor_to_control.missing == 0", trace)
    assert missing.seen_ns == 500 * MS and "sample 50 of sensor" in missing.evidence
    assert told(missing, trace).split()[2] == "orders"
    t_ns, age_ns, number = max(record.paths["sensor_to_control"].arrivals, key=lambda arrival: arrival[1])
    for check in ("paths.sensor_to_control.age_us.max <= 12ms", "paths.sensor_to_control.late == 0"):
        found = judged(record, check, trace)
        assert (found.passed, found.seen_ns) == (False, t_ns) and f"sample {number} of sensor" in found.evidence
        assert told(found, trace).split()[1:3] == ["taken", "orders"]
        assert age_ns > 12 * MS


def test_services_and_inferences() -> None:
    record = sample_with_microcontrollers(frames=60)
    call = max(record.partitions["perception"].spans, key=lambda span: span.end_ns - span.start_ns)
    found = judged(record, "partitions.perception.services.detector.duration_us.max <= 1us")
    assert found.seen_ns == call.start_ns and "worst: call of detector" in found.evidence
    made: list[InferenceRecord] = record.partitions["cabin"].mcu.inferences  # type: ignore[union-attr]
    found = judged(record, "microcontrollers.cabin.inferences.duration_us.p99 <= 1us")
    assert found.seen_ns in {one.start_ns for one in made} and "worst: inference" in found.evidence


def test_the_first_tensor_that_differs() -> None:
    record = sample(pictures=0, frames=60)
    record.metrics = {"same": {"equal": 0, "first_difference": "tensor 7 of preview is not that of detections"}}
    trace = trace_of(record)
    found = judged(record, "metrics.same.equal == 1", trace)
    assert found.seen_ns == record.channels["preview"].messages[7].produced_ns
    assert told(found, trace).split()[1:4] == ["tensor", "preview", "7"]
    record.metrics["same"]["first_difference"] = "tensor 7000 of preview is not that of detections"
    assert judged(record, "metrics.same.equal == 1", trace).evidence.startswith("tensor 7000")


def test_the_worst_answer_of_a_metric() -> None:
    record = sample(pictures=0, frames=60)
    message = record.channels["detections"].messages[9]
    said = "worst: sample 9 of camera: of 3 objects 1 found, 1 as what they are, 0 false"
    record.worst = {"detection": WorstRecord(said, "detections", message.sequence, message.produced_ns)}
    trace = trace_of(record)
    found = judged(record, "metrics.detection.mean_iou >= 99%", trace)
    assert (found.evidence, found.seen_ns) == (said, message.produced_ns)
    assert told(found, trace).split()[1:4] == ["tensor", "detections", str(message.sequence)]
    record.worst = {"detection": WorstRecord("nothing ever came through channel unheard", "unheard")}
    found = judged(record, "metrics.detection.mean_iou >= 99%", trace)
    assert found.evidence == "nothing ever came through channel unheard" and found.trace_line is None


@pytest.mark.parametrize(("check", "number"), [("messages == 5", 5), ("messages < 5", 4), ("messages <= 5", 5)])
def test_the_first_tensor_too_many(check: str, number: int) -> None:
    record = sample(pictures=0, frames=60)
    trace = trace_of(record)
    found = judged(record, f"channels.preview.{check}", trace)
    assert found.seen_ns == record.channels["preview"].messages[number].produced_ns
    assert told(found, trace).split()[1:4] == ["tensor", "preview", str(number)]


def test_a_figure_of_no_one_moment_has_no_evidence() -> None:
    record = sample(pictures=0)
    for check in ("doorbells == 0", "metrics.detection.mean_iou >= 99%", "channels.frames.region_bytes < 1"):
        found = judged(record, check, trace_of(record))
        assert (found.passed, found.seen_ns, found.trace_line, found.evidence) == (False, None, None, "")


CONSOLE = b"booting\r\n\x1b[31mKernel panic\xff - not syncing\r\nlast words\n"


@pytest.mark.parametrize(
    ("check", "passed", "evidence"),
    [
        ('console contains "Kernel panic"', True, ""),
        ('console lacks "Kernel panic"', False, "line 2: \ufffd[31mKernel panic\ufffd - not syncing"),
        ("console matches /kernel PANIC/i", True, ""),
        ("console contains watchdog", False, "it ends with line 3: last words"),
        ("console lacks watchdog", True, ""),
        ("console matches /^last words$/", True, ""),
        ("log contains 'detector: busy scene'", True, ""),
        ("log lacks 'busy scene'", False, "line 3: detector: busy scene: 14 plates in view, 46.2 ms for one frame"),
    ],
)
def test_consoles_and_logs(tmp_path: Path, check: str, passed: bool, evidence: str) -> None:
    record = sample(pictures=0, frames=30)
    record.partitions["perception"].console = tmp_path / "console"
    (tmp_path / "console").write_bytes(CONSOLE)
    found = judged(record, f"partitions.perception.{check}")
    assert (found.passed, found.evidence) == (passed, evidence), found.reason
    assert (found.seen_ns == 3_903_114_000) == ("busy scene:" in evidence), (
        "an agent's log has its time, a console none"
    )


def test_a_console_that_is_not_there_is_empty() -> None:
    record = sample(pictures=0, frames=30)
    assert judged(record, "partitions.perception.console lacks panic").passed
    assert judged(record, "partitions.perception.console contains panic").evidence == "it is empty"


def test_a_console_without_end_is_read_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "MOST_BYTES", 100)
    monkeypatch.setattr(texts, "LINE_BYTES", 8)
    record = sample(pictures=0, frames=30)
    record.partitions["perception"].console = tmp_path / "console"
    (tmp_path / "console").write_bytes(b"early\n" + b"x" * 500 + b"late")
    assert judged(record, "partitions.perception.console contains early").passed
    for check in ("contains late", "lacks late"):
        found = judged(record, f"partitions.perception.console {check}")
        assert not found.passed and "too long to be read whole" in found.reason


@pytest.mark.parametrize(
    ("check", "passed"),
    [
        ("doorbells >= 0", False),
        ("partitions.cockpit.state == failed", True),
        ("partitions.cockpit.failed contains crashed", True),
        ("partitions.cockpit.failed == null", False),
        ("partitions.perception.state == ready", False),
    ],
)
def test_an_unwell_partition_fails_the_run_unless_it_is_expected(check: str, passed: bool) -> None:
    record: Any = sample(pictures=0, frames=30)
    assert record.unwell == ()
    record.partitions["cockpit"].failed = "crashed"
    record.partitions["cockpit"].states = sample_with_schedule().partitions["planning"].states[:2]
    record.expectations = []
    assert not record.passed and record.unwell == ("cockpit",)
    record.expectations = [judged(record, check)]
    assert record.passed == passed
