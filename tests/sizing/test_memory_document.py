"""docs/sizing_memory.md shows what the account says, and its worked example adds up."""

from __future__ import annotations

import re

import pytest

from sim.scenario import load
from sim.scenario.units import parse_bandwidth
from sim.sizing.account import Account, account
from sim.sizing.account.table import account_lines
from tests.docs.documents import ROOT, blocks

from .accounts import IVI_CAMERA, plan_with_rings

DOCUMENT = ROOT / "docs/sizing_memory.md"
TEXT = DOCUMENT.read_text()


@pytest.fixture(scope="module")
def found() -> Account:
    scenario = load(IVI_CAMERA)
    return account(scenario, plan_with_rings(scenario), {"frames": 30.0})


def test_the_tables_are_those_of_the_account(found: Account) -> None:
    shown = blocks(DOCUMENT, "text")
    assert len(shown) == 2
    for block in shown:
        assert block in "\n".join(account_lines(found))


def test_the_worked_example_is_the_ring_of_frames(found: Account) -> None:
    frames = found.regions["frames"]
    written = {
        part: int(size.replace(",", "")) for part, size in re.findall(r"^\| (\w[\w ]*)\b.* ([\d,]+) \|$", TEXT, re.M)
    }
    for part in ("header", "descriptors", "receipts", "payloads", "padding", "rounding"):
        assert written[part] == getattr(frames, part), part
    assert written["available ring"] == frames.available and written["used ring"] == frames.used
    assert written["frame headers"] == frames.frame_headers
    totals = dict(re.findall(r"^\| \*\*(\w+)\*\* \| \| \*\*([\d,]+)\*\* \|$", TEXT, re.M))
    assert totals == {"region": f"{frames.region:,}", "mapped": f"{frames.mapping:,}"}
    gaps = re.search(r"\| padding \| (\d+) after the available ring, (\d+) after the used ring", TEXT)
    assert gaps is not None
    layout = plan_with_rings(load(IVI_CAMERA)).rings["frames"].layout
    assert int(gaps[1]) == layout.used - layout.available - frames.available
    assert int(gaps[2]) == layout.receipts - layout.used - frames.used


def test_the_bandwidth_of_the_example(found: Account) -> None:
    frames = found.traffic["frames"]
    assert f"= {frames.written_bytes_per_s:,.0f} bytes per second" in TEXT
    assert f"{found.bandwidth_used_bytes_per_s / 1e6:.1f} MB/s together" in TEXT
    share = found.bandwidth_used_bytes_per_s / parse_bandwidth("25.6 GB/s")
    assert f"That is {100 * share:.2f} % of the 25.6 GB/s" in TEXT


def test_the_copies_of_the_example() -> None:
    scenario = load(IVI_CAMERA)
    plan = plan_with_rings(scenario)
    copies = {
        name: each.copies for name, each in account(scenario, plan, dict.fromkeys(plan.rings, 1.0)).traffic.items()
    }
    assert (copies["frames"], copies["picture"], copies["motion@cabin"], copies["motion"]) == (0, 1, 2, 1)
