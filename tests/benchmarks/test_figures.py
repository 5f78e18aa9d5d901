"""The arithmetic of the benchmarks: medians, bounds, and that what is measured is what happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from benchmarks import command
from benchmarks.figure import Figure, number, table


def test_a_figure_is_the_median_and_is_held_against_its_bound() -> None:
    wall = Figure("wall", [9.0, 30.0, 10.0], "s", "target", 15.0, cpu_s=[3.0, 1.0, 2.0])
    assert (wall.value, wall.ratio, wall.met) == (10.0, 10.0 / 15.0, True)
    assert wall.cells() == ("wall", "10 s", "9 .. 30", "2.00 s", "target <= 15 s", "0.67", "yes")


@pytest.mark.parametrize(("value", "met"), [(99.0, False), (100.0, True), (101.0, True)])
def test_a_rate_has_to_reach_its_rival(value: float, met: bool) -> None:
    rate = Figure("rate", [value], "/s", "rival", 100.0, at_least=True)
    assert rate.met is met and rate.cells()[-1] == ("yes" if met else "NO")


def test_without_a_bound_nothing_is_judged() -> None:
    assert Figure("phase", [1.0], "s").met is None
    assert Figure("phase", [1.0], "s").cells()[4:] == ("", "", "")


@pytest.mark.parametrize(("value", "text"), [(0.01234, "0.0123"), (1.5, "1.5"), (1234567.8, "1,234,568")])
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


def test_columns_of_a_table_are_aligned() -> None:
    lines = table([Figure("a", [1.0], "s", "target", 2.0), Figure("longer name", [123456.0], "/s")]).splitlines()
    assert lines[0].index("measured") == lines[2].index("1 s") == lines[3].index("123,456 /s")


def test_memory_of_descendants_is_counted_while_they_live() -> None:
    child = "import time; block = bytearray(64 << 20); print(flush=True); time.sleep(30)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        members = command._family(process.pid)
        watch = command._MemoryWatch(process.pid)
        time.sleep(0.5)
        peak = watch.stop()
        for member in reversed(members):
            os.kill(member, signal.SIGKILL)
    assert len(members) == 2
    assert 64 << 20 < peak < 200 << 20
