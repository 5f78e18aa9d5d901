"""A memory account in words: rows that add up, no line too wide."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sim.scenario import load
from sim.sizing.account import Account, account, region
from sim.sizing.account.table import WIDTH, account_lines

from .accounts import IVI_CAMERA, ROOT, plan_with_rings, shipped


def section(lines: list[str], head: str) -> list[list[str]]:
    """Return the words of the rows below a headline, those of the columns' names first."""
    start = lines.index(head) + 1
    return [line.split() for line in lines[start : lines.index("", start)]]


def number(text: str) -> int:
    return int(text.replace(",", ""))


PARTS = ["header", "tables", "frames", "payloads", "padding", "rounding", "mapped"]


@pytest.mark.parametrize("path", [path for path in shipped() if path.stem != "idle"], ids=lambda path: path.stem)
def test_every_row_adds_up_and_fits(path: Path) -> None:
    scenario = load(path)
    plan = plan_with_rings(scenario)
    found = account(scenario, plan, dict.fromkeys(plan.rings, 29.97))
    lines = account_lines(found)
    assert max(map(len, lines)) <= WIDTH
    head, *rows, total = section(lines, "Rings, in bytes")
    assert head == ["ring", "depth", "payload", *PARTS]
    assert [row[0] for row in rows] == list(found.regions)
    for name, depth, payload, *figures in rows:
        *parts, mapped = map(number, figures)
        assert sum(parts) == mapped == found.regions[name].mapping
        assert (int(depth), number(payload)) == (found.regions[name].depth, found.regions[name].payload_bytes)
    columns = zip(*(row[3:] for row in rows), strict=True)
    assert [sum(map(number, column)) for column in columns] == list(map(number, total[1:]))
    assert number(total[-1]) == found.shared_bytes
    assert [row[0] for row in section(lines, "Partitions, in bytes")[1:]] == list(found.partitions)


def test_totals_and_shares() -> None:
    scenario = load(IVI_CAMERA, {"host.bandwidth": "1 GB/s"})
    plan = plan_with_rings(scenario)
    lines = account_lines(account(scenario, plan, {"frames": 30.0, "picture": 30.0}))
    assert "memory: 512 MiB of guests and 6.28 MiB of rings, 518 MiB together: 33.7% of 1.5 GiB" in lines
    assert "bandwidth: 72.59 MB/s written and read: 7.26% of 1 GB/s" in lines
    assert ["picture", "30.00", "8.64", "MB/s", "8.64", "MB/s", "1"] in section(lines, "Traffic")
    cabin = ["cabin", "-", "8,192", "12,288", "196,608", "508", "524,288"]
    assert cabin in section(lines, "Partitions, in bytes")
    assert lines[-1].startswith("bandwidth: ")


def test_a_share_too_small_for_two_places() -> None:
    scenario = load(IVI_CAMERA, {"host.bandwidth": "25.6 GB/s"})
    lines = account_lines(account(scenario, plan_with_rings(scenario), {"motion": 1.0}))
    assert lines[-1] == "bandwidth: 264.00 B/s written and read: under 0.01% of 25.6 GB/s"


def test_a_system_without_rings() -> None:
    scenario = load(ROOT / "scenarios/idle.yaml")
    assert account_lines(account(scenario, plan_with_rings(scenario))) == [
        "Partitions, in bytes",
        "partition          own  rings  carve-out  of  arena  of RAM",
        "first      268,435,456      0          -   -      -       -",
        "second     268,435,456      0          -   -      -       -",
        "",
        "memory: 512 MiB of guests and 0 B of rings, 512 MiB together",
    ]


def test_no_traffic_where_no_rates_are_known() -> None:
    scenario = load(IVI_CAMERA)
    lines = account_lines(account(scenario, plan_with_rings(scenario)))
    assert "Traffic" not in lines and lines[-1].startswith("memory: ")


def test_shortages_come_last() -> None:
    scenario = load(IVI_CAMERA, {"host.memory": "520M"})
    plan = plan_with_rings(scenario)
    deeper = replace(plan, rings=plan.rings | {"frames": replace(plan.rings["frames"], depth=16)})
    found = account(scenario, deeper)
    assert len(found.shortages) == 1
    assert account_lines(found)[-1] == f"too little: {found.shortages[0]}"


def test_the_largest_rings_and_the_longest_names_fit() -> None:
    names = [f"{'very_' * 20}long_{number}@front_camera_controller@link" for number in range(3)]
    regions = {name: region(name, 32768, 8_192 - number) for number, name in enumerate(names)}
    found = Account(regions, {}, {}, 0, sum(each.mapping for each in regions.values()), None, None)
    assert max(map(len, account_lines(found))) <= WIDTH
