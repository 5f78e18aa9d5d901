"""Boards in the real labwired: start, console, counter, doorbells, sleep, and what goes wrong."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import multiprocessing
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from tiny_firmware import Tiny, entry

from machines.boards import Doorbell
from machines.errors import EnvironmentLacks, ParticipantFailed
from machines.labwired import mcu

BOARDS = ["esp32", "esp32s3", "esp32c3", "nrf52840", "stm32f746"]
ECHO, COUNT, BUSY, BREAK, SLEEPY, TELL = range(1, 7)  # commands of tiny.c

PowerOn = Callable[..., Tiny]


@pytest.fixture
def power_on(tmp_path: Path) -> Iterator[PowerOn]:
    """Make boards that are closed in the end."""
    made: list[Tiny] = []

    def start(name: str, speed_mips: Fraction = Fraction(125)) -> Tiny:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Tiny(name, folder, speed_mips))
        return made[-1]

    yield start
    for tiny in made:
        tiny.close()


@pytest.mark.parametrize("board", BOARDS)
def test_it_starts_speaks_and_sleeps(board: str, power_on: PowerOn) -> None:
    tiny = power_on(board)
    assert not tiny.page.status().ready, "it stands before its first instruction"
    standing = tiny.run(1_000_000)
    assert tiny.page.status().ready and standing.idle
    assert standing.instructions < 1000, "what it sleeps through is not emulated"
    assert tiny.mcu.console.read_text() == "tiny is up\n"


@pytest.mark.parametrize("board", BOARDS)
def test_tensors_go_both_ways(board: str, power_on: PowerOn) -> None:
    tiny = power_on(board)
    tiny.run(1_000_000)
    for count in (1, 17, 400):
        sent = [(count << 16) + index for index in range(count)]
        tiny.write(16, *sent)
        standing = tiny.command(ECHO, count)
        assert tiny.words(512, count) == tuple(word ^ 0xFFFFFFFF for word in sent)
        assert standing.idle
    assert tiny.answered == 3


@pytest.mark.parametrize("board", BOARDS)
def test_the_firmwares_counter_is_that_of_the_host(board: str, power_on: PowerOn) -> None:
    tiny = power_on(board)
    before = tiny.run(1_000_000).instructions
    after = tiny.command(COUNT).instructions
    seen = tiny.words(512, 64)
    assert before < seen[0] and seen[-1] <= after
    assert len({later - one for one, later in pairwise(seen)}) == 1, "one per instruction"


@pytest.mark.parametrize("board", BOARDS)
def test_time_is_an_exact_number_of_instructions(board: str, power_on: PowerOn) -> None:
    tiny = power_on(board)
    began = tiny.run(1_000_000).instructions
    at = tiny.command(BUSY, 10_000_000, duration_ns=8_000).instructions
    assert at - began == 1000
    for count in range(1, 9):  # 0.375 instructions each
        assert tiny.run(3).instructions == at + count * 3 // 8
    assert tiny.run(80_000).instructions == at + 3 + 10_000


def test_the_counter_goes_on_beyond_32_bits_of_owed_time(power_on: PowerOn) -> None:
    """A sleeper is granted much and executes little; nothing of it is owed later."""
    tiny = power_on("esp32c3")
    for _ in range(5):
        assert tiny.run(3_600_000_000_000).idle
    assert tiny.command(BUSY, 1, duration_ns=100_000).instructions < 5000


@pytest.mark.parametrize("board", ["nrf52840", "stm32f746"])
def test_the_doorbell_is_an_interrupt_on_cortex_m(board: str, power_on: PowerOn) -> None:
    tiny = power_on(board)
    tiny.run(1_000_000)
    assert tiny.run(100_000).idle
    assert tiny.words(4, 1) == (0,), "none was pending so far"
    for count in (1, 2, 3):
        tiny.ring()
        assert tiny.run(100_000).idle
        assert tiny.words(4, 1) == (count,), "seen once and cleared by the firmware"
        assert tiny.answered == count


@pytest.mark.parametrize("board", BOARDS)
def test_a_sleep_that_was_begun_without_the_news_is_not_believed(board: str, power_on: PowerOn) -> None:
    tiny = power_on(board)
    tiny.run(1_000_000)
    tiny.command(SLEEPY)
    standing = tiny.command(ECHO, 1)
    assert not standing.idle and tiny.page.status().idle
    assert standing.instructions > 125_000, "emulated to the end of its time"


@pytest.mark.parametrize("board", ["esp32s3", "esp32c3", "nrf52840"])
def test_no_doorbell_is_lost_wherever_the_core_stands(board: str, power_on: PowerOn) -> None:
    tiny = power_on(board, Fraction(1000))  # an instruction is a nanosecond
    tiny.run(1_000_000)
    for instructions in range(1, 120):
        tiny.command(BUSY, 1, duration_ns=instructions)
        tiny.ring()
        assert tiny.run(1_000_000).idle
        assert tiny.answered == 2 * instructions


def test_a_long_text_comes_out(power_on: PowerOn) -> None:
    for board in ("esp32", "esp32s3"):
        tiny = power_on(board)
        tiny.command(TELL, 100)
        assert tiny.mcu.console.read_text() == "tiny is up\n" + ("abcdefghijklmnop" * 7)[:100]


def test_its_process_is_limited_and_its_files_are_private(power_on: PowerOn) -> None:
    tiny = power_on("esp32s3")
    tiny.run(1_000_000)
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 16 << 20,
        resource.RLIMIT_AS: 4 << 30,
        resource.RLIMIT_NOFILE: 128,
    }
    for which, most in wanted.items():
        assert resource.prlimit(tiny.mcu.pid, which) == (most, most)
    files = list(tiny.mcu.console.parent.glob("*.log"))
    assert len(files) == 2
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_firmware_that_fills_its_console_runs_on(power_on: PowerOn) -> None:
    """The limit is lowered here, so that it is met soon."""
    tiny = power_on("esp32s3")
    tiny.run(1_000_000)
    most = len("tiny is up\n") + 50
    resource.prlimit(tiny.mcu.pid, resource.RLIMIT_FSIZE, (most, most))
    for answered in (1, 2):
        tiny.command(TELL, 100)
        assert tiny.answered == answered
        assert tiny.mcu.console.stat().st_size == most


def _burn() -> None:
    while True:
        pass


def _story(tiny: Tiny) -> list[object]:
    """Return all that can be seen of some runs."""
    seen: list[object] = [tiny.run(1_000_000)]
    for step in range(6):
        tiny.write(16, *range(step, step + 50))
        seen.append(tiny.command(ECHO, 50, duration_ns=100_000 + 777 * step))
        seen.append(tiny.command(BUSY, 700 * step, duration_ns=30_000))
        seen.append((tiny.words(0, 1024), tiny.page.status()))
    tiny.close()
    return [*seen, tiny.mcu.console.read_bytes()]


@pytest.mark.slow
def test_ten_runs_under_load_are_the_same(power_on: PowerOn) -> None:
    load = [multiprocessing.get_context("spawn").Process(target=_burn, daemon=True) for _ in range(2)]
    for process in load:
        process.start()
    try:
        first = _story(power_on("esp32s3"))
        for _ in range(9):
            assert _story(power_on("esp32s3")) == first
    finally:
        for process in load:
            process.kill()


# -- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("board", [board for board in BOARDS if board != "esp32c3"])  # RISC-V takes a trap
def test_a_breakpoint_is_told(board: str, power_on: PowerOn) -> None:
    tiny = power_on(board)
    with pytest.raises(ParticipantFailed, match=rf"^{board}: its firmware stopped for a debugger") as caught:
        tiny.command(BREAK)
    assert "\n" not in str(caught.value)
    assert tiny.mcu.console.read_text() == "tiny is up\n", "what it said before is kept"


def test_a_process_that_is_gone_is_told(power_on: PowerOn) -> None:
    tiny = power_on("esp32c3")
    os.kill(tiny.mcu.pid, 19)  # so that it does not report before it is killed
    tiny.mcu.run(10_000_000_000)
    os.kill(tiny.mcu.pid, 9)
    with pytest.raises(ParticipantFailed, match=r"^esp32c3: labwired ended: exit status -9, no message"):
        tiny.mcu.settle()
    with pytest.raises(ParticipantFailed, match=r"^esp32c3: labwired ended"):
        tiny.mcu.run(1)
    tiny.close()
    tiny.close()


def test_a_hanging_process_is_told(power_on: PowerOn, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = power_on("esp32c3")
    monkeypatch.setattr("machines.labwired.process._PATIENCE_S", 0)
    monkeypatch.setattr("machines.labwired.process._SLOWEST_PER_S", 2_000_000_000)
    os.kill(tiny.mcu.pid, 19)
    tiny.mcu.run(16_000_000_000)  # 2,000,000,000 instructions may take a second
    with pytest.raises(ParticipantFailed, match=r"^esp32c3: labwired hangs"):
        tiny.mcu.settle()


def test_an_elf_for_another_core_is_refused_at_launch(tmp_path: Path, power_on: PowerOn) -> None:
    tiny = power_on("esp32c3")
    (tmp_path / "0" / "esp32c3.elf").write_bytes(b"not an ELF file")
    tiny.mcu.close()
    with pytest.raises(ParticipantFailed, match=r"^esp32c3: labwired does not start with its firmware: "):
        tiny.mcu.launch()


@pytest.fixture
def library() -> Iterator[None]:
    """Forget what was found before and after."""
    mcu._library.cache_clear()
    yield
    mcu._library.cache_clear()


@pytest.mark.usefixtures("library")
def test_what_is_installed_is_found() -> None:
    assert mcu.find(entry("esp32s3")) == "labwired 0.25.0"
    unknown = entry("esp32s3").model_copy(update={"machine": "esp8266"})
    with pytest.raises(EnvironmentLacks, match="no machine 'esp8266'; one of esp32, esp32c3, esp32s3, nrf52840"):
        mcu.find(unknown)


@pytest.mark.usefixtures("library")
def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.26.1")
    with pytest.raises(EnvironmentLacks, match=r"labwired 0\.26\.1 is installed, needed is 0\.25\.0: pip install"):
        mcu.find(entry("esp32"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EnvironmentLacks, match=r"^labwired 0\.25\.0 is not installed: pip install labwired==0\.25\.0$"):
        mcu.find(entry("esp32"))


def test_a_doorbell_that_it_is_not_taught_is_refused() -> None:
    with pytest.raises(EnvironmentLacks, match="'plic'"):
        mcu._doorbell(Doorbell(kind="plic", irq=3))


ORPHAN = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tiny_firmware import Tiny
tiny = Tiny("esp32s3", Path(sys.argv[2]))
if sys.argv[3] == "busy":
    tiny.write(0, 3, 1 << 30)
    tiny.ring()
    tiny.mcu.run(1 << 40)
print(tiny.mcu.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("doing", ["nothing", "busy"])
def test_a_killed_simulator_leaves_no_process(doing: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", ORPHAN, str(Path(__file__).parent), str(tmp_path), doing]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        node = int(parent.stdout.readline())
        assert "machines.labwired.node" in Path(f"/proc/{node}/cmdline").read_text()
        parent.kill()
    deadline = time.monotonic() + 20
    while (runs := _runs(node)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not runs


def _runs(process: int) -> bool:
    """Return whether a process is there and no zombie, which has no command line."""
    try:
        return bool(Path(f"/proc/{process}/cmdline").read_bytes())
    except OSError:
        return False
