"""Firmware of every core in QEMU: channels, timers, sleep and every way to fail."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from firmware_rig import BROKEN, SERVICES, Rig, Wire

from machines.errors import ParticipantFailed
from virtio_shm import Consumer, RingError, TensorSpec

BOARDS = (
    "mps2-an385", "mps2-an386", "mps2-an500", "mps2-an505", "mps3-an547", "nrf52840", "stm32f746",
    "esp32", "esp32s3", "esp32c3",
)  # fmt: skip
ONE_PER_CORE = ("mps2-an385", "mps2-an386", "mps2-an500", "mps2-an505", "mps3-an547", "esp32c3", "esp32s3")
BYTES = TensorSpec("uint8", (64,))


def picture(number: int) -> np.ndarray:
    return ((np.arange(64) + number) % 256).astype(np.uint8)


def exchange(rig: Rig, count: int, most_ms: int = 500) -> list[np.ndarray]:
    """Send `count` tensors to `there` and return what comes from `back`."""
    sent, got = 0, []
    for _ in range(most_ms):
        while sent < count and rig.send("there", picture(sent)):
            sent += 1
        rig.run(1)
        got += rig.receive("back")
        if len(got) >= count:
            break
    return got


ECHO = {"there": Wire("tensor", False, BYTES), "back": Wire("result", True, BYTES)}


@pytest.mark.parametrize("board", BOARDS)
def test_echo_returns_100_tensors_unchanged_and_sleeps(board: str, tmp_path: Path) -> None:
    with Rig(board, SERVICES / "echo.c", ECHO, tmp_path) as rig:
        got = exchange(rig, 100)
        rig.run(3)
        status = rig.node.status
        assert len(got) == 100
        assert all((tensor == picture(number)).all() for number, tensor in enumerate(got))
        assert status.idle and status.wake_ns == 0
        assert 0 < status.stack_high_water < status.stack_bytes
        assert rig.console == "firmware runs, 2 channels\n"


def test_the_same_run_takes_the_same_instructions(tmp_path: Path) -> None:
    counts = []
    for _ in range(2):
        with Rig("mps2-an386", SERVICES / "echo.c", ECHO, tmp_path) as rig:
            exchange(rig, 20)
            counts.append((rig.node.instructions, rig.now_ns))
    assert counts[0] == counts[1]


def test_a_full_channel_holds_the_firmware_back_and_nothing_is_lost(tmp_path: Path) -> None:
    with Rig("mps2-an386", SERVICES / "echo.c", ECHO, tmp_path) as rig:
        sent = 0
        for _ in range(30):
            while rig.send("there", picture(sent)):
                sent += 1
            rig.run(1)
        assert sent < 12  # both rings are full, and one tensor is in between
        assert rig.node.status.idle
        got = rig.receive("back")
        while len(got) < sent and rig.now_ns < 200_000_000:
            rig.run(1)
            got += rig.receive("back")
        assert [int(tensor[0]) for tensor in got] == list(range(sent))


def test_an_output_feeds_several_channels(tmp_path: Path) -> None:
    wires = {**ECHO, "also": Wire("result", True, BYTES, "drop_oldest")}
    with Rig("mps2-an386", SERVICES / "echo.c", wires, tmp_path) as rig:
        got = exchange(rig, 3)
        also = rig.receive("also")
        assert [int(tensor[0]) for tensor in got] == [int(tensor[0]) for tensor in also] == [0, 1, 2]


@pytest.mark.parametrize("overflow", ["drop_newest", "drop_oldest"])
def test_a_tensor_that_one_of_several_channels_drops_counts_once(overflow: str, tmp_path: Path) -> None:
    """However often the service asks for its memory before it sends it; alone, a channel drops one at each question."""
    wires = {**ECHO, "also": Wire("result", True, BYTES, overflow, depth=2)}
    with Rig("mps2-an386", BROKEN / "asks_twice.c", wires, tmp_path) as rig:
        assert len(exchange(rig, 2)) == 2
        also = rig.ends["also"]
        assert isinstance(also, Consumer)
        held = [also.take(), also.take()]
        assert len(exchange(rig, 4)) == 4, "which finds no room in the other channel"
        for frame in held:
            assert frame is not None
            also.give_back(frame)
        assert len(exchange(rig, 1)) == 1
        frame = also.take()
        assert frame is not None and frame.sequence == 2 + 4


def test_an_open_output_is_no_fault(tmp_path: Path) -> None:
    with Rig("mps2-an386", SERVICES / "echo.c", {"there": ECHO["there"]}, tmp_path) as rig:
        rig.run(2)
        assert rig.send("there", picture(0))
        rig.run(2)
        assert rig.node.status.idle


def test_timers_wake_at_their_time(tmp_path: Path) -> None:
    wires = {"beats": Wire("beats", True, TensorSpec("uint64", (1,)))}
    with Rig("mps2-an386", BROKEN / "heartbeat.c", wires, tmp_path, {"period_us": 2500}) as rig:
        times = []
        for _ in range(50):
            rig.run(1)
            times += [int(tensor[0]) for tensor in rig.receive("beats")]
    assert len(times) == 19
    for number, time_ns in enumerate(times, start=1):
        assert 0 <= time_ns - number * 2_500_000 < 1_100_000  # a timer rings at the quantum's end


def test_an_optional_input_keeps_its_newest_tensor(tmp_path: Path) -> None:
    number = TensorSpec("int32", (1,))
    wires = {
        "there": Wire("value", False, number),
        "scale": Wire("factor", False, number),
        "back": Wire("product", True, number),
    }
    with Rig("mps2-an386", BROKEN / "scaled.c", wires, tmp_path) as rig:
        rig.run(2)
        products = []
        for factor in (None, 3, 5):
            if factor is not None:
                assert rig.send("scale", np.array([factor - 1], np.int32))
                assert rig.send("scale", np.array([factor], np.int32))
                rig.run(2)
            for value in (7, 8):
                assert rig.send("there", np.array([value], np.int32))
            rig.run(2)
            products += [int(tensor[0]) for tensor in rig.receive("back")]
    assert products == [7, 8, 21, 24, 35, 40]


@pytest.mark.parametrize("board", ONE_PER_CORE)
@pytest.mark.parametrize(
    ("service", "says"),
    [
        ("overflow", "overflowed its stack"),
        ("wild", "touched memory that is not there at .* \\(on_start\\+.*address 0xe8000000"),
        ("illegal", "executed what is no instruction at .* \\(on_start"),
        ("panic", "gave up at .* \\(on_start.*code 0x2a"),
    ],
)
def test_faults_say_what_happened_and_where(board: str, service: str, says: str, tmp_path: Path) -> None:
    with (
        Rig(board, BROKEN / f"{service}.c", {}, tmp_path) as rig,
        pytest.raises(ParticipantFailed, match=says),
    ):
        rig.run(200)
    assert "\nfault " in (tmp_path / f"{board}.console.log").read_text()


@pytest.mark.parametrize("board", ["mps2-an385", "mps2-an386", "mps2-an500", "mps3-an547", "esp32c3", "esp32s3"])
def test_a_write_through_a_null_pointer_is_a_fault(board: str, tmp_path: Path) -> None:
    with (
        Rig(board, BROKEN / "null.c", {}, tmp_path) as rig,
        pytest.raises(ParticipantFailed, match=r"touched memory .* \(on_start\+.*address 0x00000000"),
    ):
        rig.run(5)


def test_a_hanging_firmware_is_found_by_the_watchdog(tmp_path: Path) -> None:
    with (
        Rig("mps2-an386", BROKEN / "hang.c", {}, tmp_path) as rig,
        pytest.raises(ParticipantFailed, match="main loop has not come round"),
    ):
        rig.run(1100)


@pytest.mark.parametrize(
    ("wires", "code"),
    [
        ({"x": Wire("nothing", False, BYTES)}, 1),
        ({"x": Wire("result", False, BYTES)}, 1),
        ({"x": ECHO["there"], "y": ECHO["there"]}, 1),
        ({"x": Wire("tensor", False, TensorSpec("uint8", (65,)))}, 2),
        ({"x": ECHO["back"]}, 4),
    ],
)
def test_channels_that_do_not_fit_the_ports_are_refused(wires: dict[str, Wire], code: int, tmp_path: Path) -> None:
    with (
        Rig("mps2-an386", SERVICES / "echo.c", wires, tmp_path) as rig,
        pytest.raises(ParticipantFailed, match=f"refused a channel .*code {code:#x}"),
    ):
        rig.run(5)


def test_a_wrong_control_page_is_refused(tmp_path: Path) -> None:
    with (
        Rig("mps2-an386", SERVICES / "echo.c", ECHO, tmp_path) as rig,
        pytest.raises(ParticipantFailed, match="no control page that it understands"),
    ):
        rig.page._memory[4] = 9  # its version
        rig.run(5)


def test_a_channel_that_is_broken_by_its_other_end_does_not_stop_the_firmware(tmp_path: Path) -> None:
    with Rig("mps2-an386", SERVICES / "echo.c", ECHO, tmp_path) as rig:
        assert len(exchange(rig, 2)) == 2
        rig._regions[0].view[1024 + 16 * 4 + 2] += 77  # the available index
        rig._rung.add(0)
        with pytest.raises(RingError, match="needs_reset"):
            rig.run(3)
        assert rig.node.status.idle
        assert "input tensor: the other side broke the rules" in rig.console
