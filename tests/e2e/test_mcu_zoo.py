"""The shipped scenarios of microcontrollers: every core computes the same, and the report says what it cost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .microcontrollers import failures, sinks
from .simulator import ROOT, Finished, run

pytestmark = pytest.mark.slow

ZOO = ROOT / "scenarios" / "mcu_zoo.yaml"
CORES = {"cortex_m3", "cortex_m4", "cortex_m7", "cortex_m33", "cortex_m55", "riscv", "esp32", "esp32s3"}


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The zoo with its own duration, as a person would run it."""
    return run(tmp_path_factory.mktemp("zoo"), ZOO, "1100ms", "--json")


def test_every_core_computes_the_same(zoo: Finished) -> None:
    assert (zoo.code, failures(zoo)) == (0, {}), zoo.err
    figures = json.loads(zoo.out)
    assert set(figures["microcontrollers"]) == CORES
    assert len(set(sinks(zoo).values())) == 1
    assert figures["metrics"]["same"]["equal"] == 1
    assert all(expectation["passed"] for expectation in figures["expectations"])


def test_the_result_says_what_inferences_cost(zoo: Finished) -> None:
    for name, told in json.loads(zoo.out)["microcontrollers"].items():
        inferences = told["inferences"]
        assert (inferences["count"], inferences["lost"]) == (10, 0), name
        assert 10_000 < inferences["instructions"]["p50"] <= inferences["instructions"]["max"] < 1_000_000, name
        took_us = inferences["instructions"]["max"] / told["mips"]
        assert inferences["duration_us"]["max"] == pytest.approx(took_us, rel=0.01), name
        assert 0 < told["stack_high_water"] <= told["stack_bytes"], name
        assert 0 < told["arena_high_water"] <= told["arena_bytes"], name
        assert 0 < told["flash_bytes"] <= told["board_flash_bytes"], name
        assert 0 < told["ram_bytes"] <= told["board_ram_bytes"], name


def test_another_clock_costs_the_same_instructions(zoo: Finished, tmp_path: Path) -> None:
    slow = run(tmp_path, ZOO, "1100ms", "--set", "partitions.cortex_m4.speed=7.8125 MIPS")
    assert slow.code == 0, slow.out + slow.err
    told, before = (done.figures["microcontrollers"]["cortex_m4"] for done in (slow, zoo))
    assert (told["clock_scaled"], before["clock_scaled"]) == (True, False)
    assert told["inferences"]["instructions"] == before["inferences"]["instructions"]
    assert told["inferences"]["duration_us"]["p50"] == pytest.approx(
        4 * before["inferences"]["duration_us"]["p50"], rel=0.01
    )
    computed = told["inferences"]["computed_us"]["p50"]
    assert computed == pytest.approx(before["inferences"]["duration_us"]["p50"], rel=0.01), "at the board's own clock"
    assert sinks(slow) == sinks(zoo)
