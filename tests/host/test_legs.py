"""The rings that a channel consists of: one, or one on each side of every link that it crosses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sim.host.channel import End
from sim.host.legs import has_link, legs_of, link_name
from sim.scenario import load
from sim.scenario.model import Scenario

ECHO = Path(__file__).parents[2] / "guests" / "mcu" / "services" / "echo.c"
SCENARIO = f"""
name: legs
time: {{duration: 10ms}}
partitions:
  chip: {{machine: mps2-an386, services: {{echo: {{run: {ECHO}}}}}}}
  near: {{machine: esp32s3, services: {{echo: {{run: {ECHO}}}}}}}
  far: {{machine: esp32c3, services: {{echo: {{run: {ECHO}}}}}}}
devices:
  sensor: {{kind: recording, source: rows.npy, rate: 10Hz}}
  sink: {{kind: sink}}
  second: {{kind: sink}}
channels:
  start: {{from: sensor, to: chip.echo.tensor, tensor: "uint8[64]"}}
  up: {{from: chip.echo.result, to: near.echo.tensor, tensor: "uint8[64]"}}
  across: {{from: near.echo.result, to: far.echo.tensor, tensor: "uint8[64]"}}
  end: {{from: far.echo.result, to: sink, tensor: "uint8[64]"}}
  copy: {{from: near.echo.result, to: second, tensor: "uint8[64]"}}
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    np.save(tmp_path / "rows.npy", np.zeros((3, 64), np.uint8))
    (tmp_path / "legs.yaml").write_text(SCENARIO)
    return load(tmp_path / "legs.yaml", {})


def test_only_boards_off_the_chip_have_a_link(scenario: Scenario) -> None:
    linked = [node for node in (*scenario.partitions, *scenario.devices) if has_link(scenario, node)]
    assert linked == ["near", "far"]


def test_a_channel_has_a_ring_on_each_side_of_every_link(scenario: Scenario) -> None:
    near, far = link_name("near"), link_name("far")
    assert [(leg.name, leg.source, leg.target) for leg in legs_of(scenario)] == [
        ("start", End("sensor", 1), End("chip", 0)),
        ("up@chip", End("chip", 1), End(near, 1)),
        ("up", End(near, 2), End("near", 0)),
        ("across@near", End("near", 1), End(near, 3)),
        (f"across@{near}", End(near, 4), End(far, 1)),
        ("across", End(far, 2), End("far", 0)),
        ("end", End("far", 1), End("sink", 1)),
        ("copy", End("near", 2), End("second", 1)),
    ]


def test_ends_are_shown_by_their_full_name(scenario: Scenario) -> None:
    shown = {leg.name: leg.shown for leg in legs_of(scenario)}
    assert shown["across@near"] == ("near.echo.result", link_name("near"))
    assert shown[f"across@{link_name('near')}"] == (link_name("near"), link_name("far"))
    assert shown["across"] == (link_name("far"), "far.echo.tensor")


def test_no_two_ends_of_a_node_share_a_doorbell(scenario: Scenario) -> None:
    ends = [end for leg in legs_of(scenario) for end in (leg.source, leg.target)]
    assert len(ends) == len(set(ends))


def test_no_partition_can_be_called_like_a_link(scenario: Scenario) -> None:
    assert not link_name("near").isidentifier()
