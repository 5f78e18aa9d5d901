"""Axes that change what a scenario declares of its execution times."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.commands.sweep import Options, sweep_scenario
from sim.scenario import load
from sim.sizing.errors import SizingError
from sim.sizing.sweep.knobs import FACTOR
from sim.sizing.timing.source import declared_anew, timing_of

SURROUND = Path("scenarios/surround_12cam.yaml")
ISP_TIME = "partitions.isp.services.surround.time"


def test_a_variant_has_the_times_that_it_declares() -> None:
    scenario = load(SURROUND)
    timing = timing_of(scenario, SURROUND, None, Path)
    slow = declared_anew(load(SURROUND, {ISP_TIME: "30ms"}), timing)
    assert slow.services["isp.surround"].hold_ns == (30_000_000,)
    assert slow.services["fusion.objects"] == timing.services["fusion.objects"]


def test_a_declared_time_as_an_axis_makes_a_difference(tmp_path: Path) -> None:
    options = Options(SURROUND, [f"{ISP_TIME}=1ms,30ms"], overrides={"time.duration": "100ms"}, jobs=1, out=tmp_path)
    sweep_scenario(options)
    head, *rows = [line.split(",") for line in (tmp_path / "sweep.csv").read_text().splitlines()]
    ages = [int(row[head.index('"age_p99_ns"')]) for row in rows]
    assert ages[1] >= ages[0] + 29_000_000


def test_a_declared_time_is_no_axis_where_times_are_measured(tmp_path: Path) -> None:
    ivi, axis = Path("scenarios/ivi_camera.yaml"), "partitions.cockpit.services.head_unit.time=1ms,2ms"
    with pytest.raises(SizingError, match=r"the time of cockpit.head_unit is measured; declare `time` at it"):
        sweep_scenario(Options(ivi, [axis], out=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_real_time_is_no_value_of_an_axis(tmp_path: Path) -> None:
    with pytest.raises(SizingError, match=r"--grid time.mode=realtime: it runs in real time"):
        sweep_scenario(Options(SURROUND, ["time.mode=virtual,realtime"], out=tmp_path / "out"))


@pytest.mark.parametrize("text", ["1e99999999", "1E9", "9" * 5000, "nan", "1/0"])
def test_a_factor_that_no_memory_holds_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no factor"):
        FACTOR.parse(text)
