"""The engine as C: sanitizers, its histogram, its sensors."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from machines.native.camera import Camera
from machines.native.plates import PlateSource
from machines.native.recording import RecordingDevice
from sim.report.distribution import P99_9, percentile
from sim.sizing.model.engine import interface, load
from sim.sizing.model.engine.library import SOURCE
from sim.sizing.model.engine.lowering import Lowered
from sim.sizing.plan import Plan, Ring, Sensor, Sink

HERE = Path(__file__).parent
SANITIZED = ("-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined")
RATES = st.fractions(Fraction(1, 100), 100_000, max_denominator=1001)
NANOSECONDS = st.one_of(st.integers(0, 2000), st.integers(0, 10**9), st.integers(0, 2**48 - 1))


def test_random_plans_under_sanitizers(tmp_path: Path) -> None:
    """No access out of bounds, no overflow, no leak; what must hold of every outcome holds."""
    clang = shutil.which("clang")
    if clang is None:
        pytest.skip("clang is not installed")
    program, sources = tmp_path / "random_plans", (HERE / "engine" / "random_plans.c", *sorted(SOURCE.glob("*.c")))
    line = [clang, *SANITIZED, "-fno-sanitize-recover=all", "-o", program, *sources]
    subprocess.run(line, check=True)
    done = subprocess.run([program, "1000"], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1000 plans")


@given(st.lists(NANOSECONDS, min_size=1, max_size=300))
def test_percentiles_are_never_too_small_and_hardly_too_great(values: list[int]) -> None:
    times = summarise(values)
    assert (times.count, times.min_ns, times.max_ns) == (len(values), min(values), max(values))
    for found, percent in (
        (times.p50_ns, 50),
        (times.p95_ns, 95),
        (times.p99_ns, 99),
        (times.p99_9_ns, P99_9),
    ):
        exact = percentile(values, percent)
        assert exact is not None
        assert exact <= found <= exact + exact // 256


def test_small_times_are_exact() -> None:
    values = list(range(512))
    assert summarise(values).p95_ns == percentile(values, 95)


def test_times_beyond_the_last_bin_are_kept_apart_by_the_greatest() -> None:
    times = summarise([1, 2**50])
    assert (times.min_ns, times.p50_ns, times.max_ns) == (1, 1, 2**50)
    assert times.p99_ns <= 2**50


def test_no_times() -> None:
    times = summarise([])
    assert (times.count, times.min_ns, times.p50_ns, times.max_ns) == (0, 0, 0, 0)


def summarise(values: list[int]) -> interface.TimesResult:
    array = np.array(values, np.int64)
    times = interface.TimesResult()
    code = load().sz_summarise(ctypes.cast(array.ctypes.data, interface.Ints64), len(values), ctypes.byref(times))
    assert code == 0
    return times


@given(
    RATES,
    st.integers(0, 2**31 - 1),
    st.integers(0, 2**63 - 1),
    st.integers(0, 10**7),
)
def test_cameras_take_pictures_when_the_model_says(rate: Fraction, jitter_ns: int, seed: int, index: int) -> None:
    jitter_ns = min(jitter_ns, 10**9 // rate - 1)
    camera = Camera("camera", PlateSource(160, 120, 0), (160, 120), rate, "gray8", jitter_ns, seed)
    interval = 1_000_000_000 / rate
    plan = interface.DevicePlan(
        kind=interface.SENSOR,
        interval_numerator=interval.numerator,
        interval_denominator=interval.denominator,
        jitter_ns=jitter_ns,
        seed=seed,
        count=-1,
    )
    assert load().sz_sample_ns(ctypes.byref(plan), index) == camera.next_ns(index)


@given(RATES, st.integers(1, 10**6), st.integers(0, 10**6))
def test_recordings_play_when_the_model_says(rate: Fraction, count: int, sample: int) -> None:
    recording = RecordingDevice("recording", np.zeros((2, 3), np.int8), rate, 0, count)
    interval = 1_000_000_000 / rate
    plan = interface.DevicePlan(
        kind=interface.SENSOR,
        interval_numerator=interval.numerator,
        interval_denominator=interval.denominator,
        count=count,
    )
    assert load().sz_sample_ns(ctypes.byref(plan), sample) == recording._due_ns(sample)


def test_an_interval_of_many_digits_stays_in_range() -> None:
    interval = Fraction(10**30 + 1, 3 * 10**24 + 7)  # 333 us
    rings = {"ring": Ring("ring", "ring", "sensor", "sink", 16, 2, "block")}
    plan = Plan("digits", 1000, 1000, rings, (), (Sensor("sensor", interval, ("ring",)), Sink("sink", ("ring",))))
    lowered = Lowered(plan, 0)
    sensor = lowered.structure.devices[0]
    assert (
        load().sz_sample_ns(ctypes.byref(sensor), 1_000_000) == 1_000_000 * interval.numerator // interval.denominator
    )
