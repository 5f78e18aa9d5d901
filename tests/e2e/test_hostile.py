"""A guest that writes rubbish over its channel harms nobody else, and is the one who is blamed."""

from __future__ import annotations

from pathlib import Path

import pytest

from .simulator import RELAY, Finished, run
from .test_outcomes import with_service

pytestmark = [pytest.mark.guest, pytest.mark.slow]


@pytest.mark.parametrize("damage", ["everything", "own_half", "other_half", "silence"])
def test_the_guest_that_broke_a_ring_is_blamed(relayed: Finished, tmp_path: Path, damage: str) -> None:
    done = run(tmp_path, RELAY, "200ms", *with_service(f"garbage.py:{damage}"))
    assert done.code == 1, done.out
    partitions = done.figures["partitions"]
    assert "channel start" in partitions["first"]["failed"]
    assert partitions["second"]["failed"] is None
    assert not [note for note in done.figures["notes"] if note.startswith("clock")], "the camera did nothing wrong"
    assert done.figures["virtual_time_s"] == 0.2
    assert done.figures["channels"]["end"]["delivered"] >= 2


def test_a_run_with_a_hostile_guest_repeats_like_any_other(relayed: Finished, tmp_path: Path) -> None:
    again = [run(tmp_path / name, RELAY, "200ms", *with_service("garbage.py:everything")) for name in "ab"]
    assert again[0].figures["digest"] == again[1].figures["digest"]
