"""The safety monitor: what it lets pass, what it does not, and how it recovers; on a Cortex-M4 in QEMU."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from firmware_rig import SERVICES, Rig, Wire

from virtio_shm import TensorSpec

NORMAL, DEGRADED = 0, 1
LATE, IMPLAUSIBLE, JUMPING = 1, 2, 4
WIRES = {
    "detections": Wire("detections", False, TensorSpec("float32", (16, 6)), "drop_oldest"),
    "status": Wire("status", True, TensorSpec("uint8", (8,)), "drop_oldest"),
}
PLATE = (100.0, 100.0, 180.0, 200.0, 3.0, 0.99)
OTHER = (400.0, 50.0, 470.0, 140.0, 7.0, 0.9)


def detections(*rows: tuple[float, ...]) -> np.ndarray:
    table = np.zeros((16, 6), np.float32)
    for number, row in enumerate(rows):
        table[number] = row
    return table


class Monitor:
    """The monitor with a picture every 33 ms."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        rig.run(2)

    def see(self, *rows: tuple[float, ...]) -> list[int]:
        """Send one picture's detections; return the answer."""
        return self.see_table(detections(*rows))

    def see_table(self, table: np.ndarray) -> list[int]:
        """Send any tensor; return the answer."""
        self._rig.receive("status")
        assert self._rig.send("detections", table)
        self._rig.run(2)
        [answer] = self._rig.receive("status")
        self._rig.run(31)
        return answer.tolist()

    def silence(self, milliseconds: int) -> list[tuple[int, list[int]]]:
        """Send nothing; return what it says and when, in ms."""
        self._rig.receive("status")
        heard = []
        for after in range(milliseconds):
            self._rig.run(1)
            heard += [(after, tensor.tolist()) for tensor in self._rig.receive("status")]
        return heard


@pytest.fixture
def monitor(tmp_path: Path) -> Iterator[Monitor]:
    with Rig("mps2-an386", SERVICES / "safety_monitor.c", WIRES, tmp_path) as rig:
        yield Monitor(rig)


def test_sound_detections_are_normal(monitor: Monitor) -> None:
    assert monitor.see(PLATE, OTHER)[:4] == [NORMAL, 0, 2, 255]
    mode, reasons, count, overlap, *number = monitor.see((104, 100, 184, 200, 3, 0.98), OTHER)
    assert (mode, reasons, count) == (NORMAL, 0, 2)
    assert 89 <= overlap <= 91  # 76 of 84 pixels
    assert number == [1, 0, 0, 0]
    assert monitor.see()[:4] == [NORMAL, 0, 0, 255]
    assert monitor.see(PLATE)[0] == NORMAL  # one that comes into view


@pytest.mark.parametrize(
    "row",
    [
        (np.nan, 100, 180, 200, 3, 0.9),
        (100, 100, np.inf, 200, 3, 0.9),
        (100, 100, 180, 200, np.nan, 0.9),
        (100, 100, 180, 200, 3, np.nan),
        (-np.inf, 100, 180, 200, 3, 0.9),
        (180, 100, 100, 200, 3, 0.9),
        (100, 100, 102, 200, 3, 0.9),
        (600, 100, 720, 200, 3, 0.9),
        (100, -80, 180, 200, 3, 0.9),
        (100, 100, 180, 200, 10, 0.9),
        (100, 100, 180, 200, -1, 0.9),
        (100, 100, 180, 200, 3.5, 0.9),
        (100, 100, 180, 200, 3e38, 0.9),
        (100, 100, 180, 200, 3, 1.01),
        (100, 100, 180, 200, 3, -0.5),
    ],
)
def test_implausible_rows_degrade_at_once(monitor: Monitor, row: tuple[float, ...]) -> None:
    assert monitor.see(PLATE)[0] == NORMAL
    assert monitor.see(PLATE, row)[:2] == [DEGRADED, IMPLAUSIBLE]


def test_a_row_after_the_end_is_implausible(monitor: Monitor) -> None:
    table = detections(PLATE)
    table[5] = OTHER
    assert monitor.see_table(table)[:2] == [DEGRADED, IMPLAUSIBLE]


def test_recovery_takes_three_good_pictures(monitor: Monitor) -> None:
    assert monitor.see((np.nan,) * 6)[:2] == [DEGRADED, IMPLAUSIBLE]
    assert [monitor.see(PLATE)[0] for _ in range(3)] == [DEGRADED, DEGRADED, NORMAL]


def test_a_plate_that_jumps_degrades(monitor: Monitor) -> None:
    assert monitor.see(PLATE)[0] == NORMAL
    assert monitor.see((300, 250, 378, 348, 3, 0.99))[:2] == [DEGRADED, JUMPING]


def test_a_plate_that_leaves_while_another_one_comes_does_not(monitor: Monitor) -> None:
    assert monitor.see(PLATE)[0] == NORMAL
    assert monitor.see((300, 250, 378, 348, 4, 0.99))[0] == NORMAL  # of another class
    assert monitor.see((100, 100, 150, 165, 4, 0.99))[0] == NORMAL  # much smaller


def test_silence_degrades_after_the_deadline_and_is_reported_again_and_again(monitor: Monitor) -> None:
    monitor.see(PLATE)
    heard = monitor.silence(300)
    late = [(after, answer[:2]) for after, answer in heard if answer[0] == DEGRADED]
    assert 65 <= late[0][0] <= 70  # 33 ms of the 100 have gone by
    assert all(reasons == [DEGRADED, LATE] for _, reasons in late)
    times = [after for after, _ in heard]
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) <= 52
    assert [monitor.see(PLATE)[0] for _ in range(3)] == [DEGRADED, DEGRADED, NORMAL]


def test_any_bytes_get_an_answer(monitor: Monitor) -> None:
    draw = np.random.default_rng(5)
    for _ in range(60):
        table = detections(PLATE, OTHER)
        for _ in range(draw.integers(1, 8)):
            table.view(np.uint32)[draw.integers(16), draw.integers(6)] = draw.integers(1 << 32, dtype=np.uint32)
        mode, reasons, count, *_ = monitor.see_table(table)
        assert mode in (NORMAL, DEGRADED) and reasons < 8 and count <= 16
