"""A guest's tensors that a full ring drops: each is counted, whether it was withdrawn or never got in."""

from __future__ import annotations

import numpy as np
import pytest

from .simulator import HERE, Finished, run

pytestmark = [pytest.mark.guest, pytest.mark.slow]

SCENARIO = f"""
name: overrun
time: {{quantum: 1ms, duration: 300ms}}
partitions:
  fast:
    machine: linux-x86_64
    memory: 256M
    speed: 1000 MIPS
    services: {{make: {{run: "{HERE}/services/overrun.py:make"}}}}
  slow:
    machine: linux-x86_64
    memory: 256M
    speed: 1000 MIPS
    services: {{follow: {{run: "{HERE}/services/overrun.py:follow"}}}}
devices:
  rows: {{kind: recording, source: rows.npy, rate: 1000Hz}}
channels:
  start: {{from: rows, to: fast.make, tensor: "uint8[8]", depth: 16}}
  taken: {{from: fast.make, to: slow.follow.row, tensor: "uint8[8]", depth: 2, overflow: drop_oldest}}
  looked_at: {{from: fast.make, to: slow.follow.newest, tensor: "uint8[8]", depth: 2, overflow: drop_oldest}}
"""


ROWS = 300


@pytest.fixture(scope="module")
def overrun(tmp_path_factory: pytest.TempPathFactory) -> list[Finished]:
    """The scenario, run twice."""
    folder = tmp_path_factory.mktemp("overrun")
    np.save(folder / "rows.npy", np.arange(ROWS, dtype=np.uint64).view(np.uint8).reshape(-1, 8))
    (folder / "overrun.yaml").write_text(SCENARIO)
    return [run(folder / name, folder / "overrun.yaml", f"{ROWS}ms") for name in ("first", "again")]


@pytest.mark.parametrize("name", ["taken", "looked_at"])
def test_what_was_produced_is_delivered_dropped_or_under_way(overrun: list[Finished], name: str) -> None:
    first = overrun[0]
    assert first.code == 0, first.err
    channels = first.figures["channels"]
    channel = channels[name]
    assert channels["start"]["delivered"] == ROWS and channels["start"]["dropped"] == 0
    assert channel["messages"] == ROWS, "one for each row, whatever became of it"
    assert 0 <= channel["messages"] - channel["delivered"] - channel["dropped"] <= channel["depth"]
    assert channel["producer"]["dropped"] == channel["dropped"] > 200
    assert channel["producer"]["stalls"] == 0


def test_some_were_dropped_as_their_consumer_had_claimed_all_slots(overrun: list[Finished]) -> None:
    """It holds one through its call, and has claimed another one that was in its future when the call began."""
    channels = overrun[0].figures["channels"]
    refused = {
        name: channels[name]["messages"] - channels[name]["producer"]["pushed"] for name in ("taken", "looked_at")
    }
    assert refused["taken"] == 0 and refused["looked_at"] >= 20, "which is a call's time"


def test_a_run_that_drops_repeats_like_any_other(overrun: list[Finished]) -> None:
    assert len({done.figures["digest"] for done in overrun}) == 1
