"""Expectations about microcontrollers, links and sinks: which figures a scenario's result will have."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.scenario import ScenarioErrors, load

ECHO = Path(__file__).parents[2] / "guests" / "mcu" / "services" / "echo.c"
SCENARIO = f"""
name: mcus
time: {{duration: 1s}}
partitions:
  cabin: {{machine: esp32s3, services: {{echo: {{run: {ECHO}}}}}}}
  lonely: {{machine: esp32c3, services: {{echo: {{run: {ECHO}}}}}}}
  safety: {{machine: mps2-an386, services: {{echo: {{run: {ECHO}}}}}}}
  linux: {{machine: linux-x86_64, memory: 128M, speed: 1000 MIPS}}
devices:
  samples: {{kind: camera, source: plates, size: 8x8, rate: 10Hz, format: gray8}}
  log: {{kind: sink}}
channels:
  first: {{from: safety.echo.result, to: cabin.echo.tensor, tensor: "uint8[64]"}}
  second: {{from: cabin.echo.result, to: safety.echo.tensor, tensor: "uint8[64]"}}
  third: {{from: lonely.echo.result, to: log, tensor: "uint8[64]"}}
expectations: ["CHECK"]
"""


def told(folder: Path, check: str) -> list[str]:
    """Return what is said of an expectation; other mistakes of the scenario are not about it."""
    path = folder / "mcus.yaml"
    path.write_text(SCENARIO.replace("CHECK", check))
    try:
        load(path)
    except ScenarioErrors as errors:
        line = next(number for number, text in enumerate(path.read_text().splitlines(), 1) if "expectations:" in text)
        return [problem.message for problem in errors.problems if problem.line == line]
    return []


@pytest.mark.parametrize(
    "check",
    [
        "microcontrollers.cabin.inferences.instructions.max <= 200000",
        "microcontrollers.lonely.inferences.duration_us.p99 <= 40ms",
        "microcontrollers.safety.stack_high_water < 4096",
        "microcontrollers.safety.clock_scaled == false",
        "partitions.cabin.services.echo.calls > 3",
        "links.cabin.sent.tensors == 10",
        "links.cabin.received.busy_share <= 50%",
        "links.cabin.sent.worst_transit_us <= 1ms",
        "devices.log.digest == '0f1e2d3c'",
        "devices.log.tensors == 10",
    ],
)
def test_figures_that_the_result_has(tmp_path: Path, check: str) -> None:
    assert told(tmp_path, check) == []


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ("microcontrollers.linux.stack_bytes > 1", "unknown 'linux' in 'microcontrollers'"),
        ("microcontrollers.saftey.stack_bytes > 1", "unknown 'saftey' in 'microcontrollers'; did you mean 'safety'?"),
        ("microcontrollers.cabin.stack > 1", "unknown 'stack' in 'microcontrollers.cabin'"),
        ("microcontrollers.cabin > 1", "'microcontrollers.cabin' has several figures"),
        ("microcontrollers.cabin.inferences.instructions.p50.x > 1", "is a single figure"),
        ("links.safety.sent.tensors > 1", "unknown 'safety' in 'links'; only cabin is known"),
        ("links.lonely.sent.tensors > 1", "unknown 'lonely' in 'links'"),
        ("links.linux.sent.tensors > 1", "unknown 'linux' in 'links'"),
        ("links.cabin.sent > 1", "'links.cabin.sent' has several figures"),
        ("devices.log.digst == x", "unknown 'digst' in 'devices.log'; did you mean 'digest'?"),
        ("partitions.cabin.services.eco.calls > 1", "unknown 'eco' in 'partitions.cabin.services'"),
    ],
)
def test_figures_that_it_has_not(tmp_path: Path, check: str, message: str) -> None:
    (line,) = told(tmp_path, check)
    assert message in line
