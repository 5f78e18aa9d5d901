"""Expectations: the small language, and what comes of each against a result."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.expectations import evaluate, parse

RESULT: dict[str, Any] = {
    "virtual_time_s": 10.0,
    "quantum_ns": 1_000_000,
    "channels": {
        "frames": {
            "messages": 300,
            "dropped": 0,
            "rate_hz": 29.8,
            "latency_us": {"p50": 500.0, "p99": 1000.0, "max": None},
            "shape": [1],
        }
    },
    "metrics": {"detection": {"mean_iou": 0.71, "nan": math.nan}},
    "partitions": {"cockpit": {"failed": None, "state": "ready", "up": True, "share": 0.51}},
}


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("channels.frames.dropped == 0", True),
        ("channels.frames.dropped != 0", False),
        ("channels.frames.messages >= 300", True),
        ("channels.frames.messages > 300", False),
        ("channels.frames.messages<301", True),
        ("channels.frames.latency_us.p99 <= 1ms", True),
        ("channels.frames.latency_us.p99 < 1ms", False),
        ("channels.frames.latency_us.p99 <= 999us", False),
        ("channels.frames.latency_us.p99 == 1000000ns", True),
        ("channels.frames.latency_us.p50 > 0", True),
        ("virtual_time_s == 10s", True),
        ("virtual_time_s >= 10001ms", False),
        ("quantum_ns == 1ms", True),
        ("metrics.detection.mean_iou >= 0.6", True),
        ("metrics.detection.mean_iou >= 72%", False),
        ("metrics.detection.mean_iou > -1", True),
        ("partitions.cockpit.failed == null", True),
        ("partitions.cockpit.failed != none", False),
        ("partitions.cockpit.state == ready", True),
        ("partitions.cockpit.state == 'not ready'", False),
        ("partitions.cockpit.up == true", True),
        ("partitions.cockpit.up == 1", False),
        ("channels.frames.dropped == false", False),
        ("channels.frames.rate_hz >= 29.5Hz", True),
        ("partitions.cockpit.share == 50% +- 1%", True),
        ("partitions.cockpit.share == 50% ± 1%", True),
        ("partitions.cockpit.share == 50% +- 0.9%", False),
        ("partitions.cockpit.share != 50% +- 0.9%", True),
        ("channels.frames.latency_us.p99 == 1.1ms +- 100us", True),
        ("channels.frames.latency_us.p99 == 1.1ms +- 99us", False),
        ("channels.frames.latency_us.max == 1ms +- 1s", False),
        ("partitions.cockpit.failed == 1 +- 1", False),
        ("partitions.cockpit.state contains 'ead'", True),
        ("partitions.cockpit.state lacks ead", False),
        ("partitions.cockpit.state matches /^r.*y$/", True),
        ("partitions.cockpit.state matches /READY/", False),
        ("partitions.cockpit.state matches /READY/i", True),
        ("partitions.cockpit.failed lacks panic", True),
        ("partitions.cockpit.failed contains panic", False),
        ("channels.frames.dropped contains 0", False),
    ],
)
def test_outcome(text: str, passed: bool) -> None:
    (outcome,) = evaluate([text], RESULT)
    assert (outcome.text, outcome.passed) == (text, passed), outcome.reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("channels.frames.droped == 0", "channels.frames has no 'droped'; did you mean 'dropped'?"),
        ("chanels.frames.dropped == 0", "the result has no 'chanels'; did you mean 'channels'?"),
        ("virtual_time_s.p99 == 1s", "virtual_time_s has no 'p99'; it is a single figure"),
        ("channels.frames.latency_us.max <= 1ms", "channels.frames.latency_us.max has no value in this run"),
        ("channels.frames.latency_us == 1ms", "channels.frames.latency_us is no single figure"),
        ("channels.frames.shape == 1", "channels.frames.shape is no single figure"),
        ("metrics.detection.nan >= 0", "metrics.detection.nan is nan, which is no number to compare"),
        ("partitions.cockpit.state >= 1", "partitions.cockpit.state is ready, which is no number to compare"),
        ("channels.frames.latency_us.p99 <= 500us", "channels.frames.latency_us.p99 is 1000us, expected <= 500us"),
        ("metrics.detection.mean_iou >= 0.8", "metrics.detection.mean_iou is 0.71, expected >= 0.8"),
        ("partitions.cockpit.failed == true", "partitions.cockpit.failed is null, expected == true"),
        ("partitions.cockpit.share == 40% +- 5%", "partitions.cockpit.share is 51%, expected == 40% +- 5%"),
        ("partitions.cockpit.state lacks ready", 'partitions.cockpit.state is ready, expected without "ready"'),
        ("partitions.cockpit.state matches /up/", "partitions.cockpit.state is ready, expected with /up/"),
        ("channels.frames.dropped contains 0", "channels.frames.dropped is 0, which is no text to look into"),
    ],
)
def test_reason_of_a_failure(text: str, reason: str) -> None:
    (outcome,) = evaluate([text], RESULT)
    assert (outcome.passed, outcome.reason) == (False, reason)


def test_several_keep_their_order_and_values() -> None:
    outcomes = evaluate(["channels.frames.messages == 1", parse("virtual_time_s > 0s")], RESULT)
    assert [(outcome.passed, outcome.actual) for outcome in outcomes] == [(False, 300), (True, 10.0)]


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("", "is no comparison"),
        ("channels.frames.dropped", "is no comparison"),
        ("channels.frames.dropped = 0", "is no comparison"),
        ("0 == channels.frames.dropped", "is no comparison"),
        ("channels..dropped == 0", "has an empty part"),
        ("channels.frames.dropped == 0 frames", "has no unit; write 0"),
        ("channels.frames.dropped == 0 + 1", "is no value"),
        ("channels.frames.dropped == __import__('os')", "is no value"),
        ("channels.frames.latency_us.p99 <= 40", "40 has no unit"),
        ("channels.frames.latency_us.p99 <= 40msec", "unknown unit 'msec'"),
        ("partitions.cockpit.state > ready", "'>' compares numbers, not 'ready'"),
        ("partitions.cockpit.up >= true", "'>=' compares numbers, not 'true'"),
        ("channels.frames.dropped == 1e999", "1e999 is out of range"),
        ("partitions.cockpit.share >= 50% +- 1%", "'>=' takes no tolerance"),
        ("partitions.cockpit.share == 50% +- 1", "write both as percentages, or neither"),
        ("partitions.cockpit.share == 50% +- -1%", "it is not negative"),
        ("partitions.cockpit.state == ready +- 1", "'ready' is no number"),
        ("channels.frames.latency_us.p99 == 1ms +- 5", "5 has no unit"),
        ("partitions.cockpit.console contains /panic/", "write matches /panic/"),
        ("partitions.cockpit.console matches panic", "write /panic/, say"),
        ("partitions.cockpit.console matches /(/", "is no regular expression"),
        ("partitions.cockpit.console contains ''", "looks for nothing"),
        ("partitions.cockpit.console contains", "is no comparison"),
    ],
)
def test_what_is_no_expectation(text: str, phrase: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(text)
    assert phrase in str(caught.value)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        expression = parse(text)
    except ValueError:
        return
    evaluate([expression], RESULT)


@settings(deadline=None)
@given(st.floats(-1e15, 1e15), st.integers(-(10**12), 10**12), st.sampled_from([">=", "<=", "==", "!=", ">", "<"]))
def test_numbers_compare_as_in_python(actual: float, wanted: int, sign: str) -> None:
    (outcome,) = evaluate([f"metrics.m.x {sign} {wanted}"], {"metrics": {"m": {"x": actual}}})
    assert outcome.passed == eval(f"{actual!r} {sign} {wanted}")
