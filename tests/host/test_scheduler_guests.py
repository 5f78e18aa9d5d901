"""Three Linux guests on two cores: each gets what the schedule says, in every major frame, and the same every time."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from sim.host.run import Run
from sim.report.record import RunRecord
from sim.scenario import load

SCENARIO = Path(__file__).parents[2] / "scenarios" / "partition_schedule.yaml"
MS = 1_000_000
FRAME_NS, QUANTUM_NS, SWITCH_NS = 20 * MS, MS, 20_000
WINDOWS = {"control": (0, [(0, 3), (10, 13)]), "vision": (0, [(3, 10), (13, 19)]), "logging": (1, [(5, 15)])}
"""Core, and start and end in ms, of the scenario's windows."""

pytestmark = [pytest.mark.guest, pytest.mark.slow]


class Silence:
    """Nobody looks at how the run goes."""

    def phase(self, text: str) -> None:
        pass

    def partition(self, name: str, state: str) -> None:
        pass

    def advance(self, now_ns: int, wall_s: float, counts: dict[str, int]) -> None:
        pass


def run(folder: Path, policy: str) -> RunRecord:
    """Run the scenario; every partition lives to its end."""
    folder.mkdir()
    scenario = load(SCENARIO, {"host.scheduler.policy": policy})
    record = Run(scenario, folder, Silence(), time.monotonic()).execute(cold=False)
    assert {name: own.failed for name, own in record.partitions.items()} == dict.fromkeys(WINDOWS)
    return record


@pytest.mark.parametrize("policy", ["arinc653", "fixed_priority"])
def test_measured_share_is_the_configured_one(tmp_path: Path, policy: str) -> None:
    record, again = (run(tmp_path / name, policy) for name in ("first", "again"))
    assert record.digest == again.digest
    for name, own in record.partitions.items():
        assert own.configured_share is not None
        assert own.slices == again.partitions[name].slices
        assert own.cores == (WINDOWS[name][0],) and {each.core for each in own.slices} == set(own.cores)
        frames: Counter[int] = Counter()
        for each in own.slices:
            assert each.start_ns // FRAME_NS == (each.stop_ns - 1) // FRAME_NS
            frames[each.start_ns // FRAME_NS] += each.stop_ns - each.start_ns
            if policy == "arinc653":
                start_ns, stop_ns = each.start_ns % FRAME_NS, (each.stop_ns - 1) % FRAME_NS + 1
                assert any(first * MS <= start_ns and stop_ns <= last * MS for first, last in WINDOWS[name][1])
        share_ns = own.configured_share * FRAME_NS
        for frame in range(3, record.duration_ns // FRAME_NS):  # the first picture takes its time to be there
            assert share_ns - QUANTUM_NS <= frames[frame] <= share_ns, (name, frame)
        assert own.busy_ns is not None
        assert own.busy_ns / record.duration_ns == pytest.approx(own.configured_share, abs=QUANTUM_NS / FRAME_NS)
