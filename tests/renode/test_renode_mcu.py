"""The whole life of a microcontroller in Renode, played by a program that speaks as Renode does and is only memory."""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from renode_parts import CORTEX_M4, ESP32, ESP32C3, install, make_window, write_elf

from machines.boards import McuBackend
from machines.errors import EnvironmentLacks, ParticipantFailed
from machines.mcu.control import ControlPage
from machines.mcu.machine import Standing
from machines.mcu.window import Window
from machines.renode import folder, mcu
from machines.renode.folder import PREFIX

VERSIONS = ("1.15.3", "1.16.1")


def folders() -> set[Path]:
    """Return the private folders that there are."""
    return {each for place in (folder.memory(), folder.temporary()) for each in place.glob(PREFIX + "*")}


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    before = folders()
    yield
    assert folders() <= before


class Bench:
    """One machine with its window."""

    def __init__(self, path: Path, entry: McuBackend, speed: Fraction = Fraction(125, 4)) -> None:
        self.window: Window = make_window(entry)
        self.page = ControlPage(self.window.control)
        elf = write_elf(path / "own.elf", entry.code.address, entry.code.address + 0x10, bytes(range(256)))
        self.logs = path / "a folder with blanks"
        self.logs.mkdir()
        self.machine = mcu.make("safety", entry, elf, self.window, speed, self.logs)

    def run(self, duration_ns: int) -> Standing:
        """Run and settle."""
        self.machine.run(duration_ns)
        return self.machine.settle()

    @property
    def firmware_words(self) -> tuple[int, ...]:
        """Interrupts taken, Renode's time, counter's switch, length of the last run, as the stand-in tells them."""
        return struct.unpack_from("<4I", self.window.control.view, 0x130)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("SIM_RENODE", str(install(tmp_path)))
    made = Bench(tmp_path, CORTEX_M4)
    yield made
    made.machine.close()


def with_trick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trick: str) -> Bench:
    monkeypatch.setenv("SIM_RENODE", str(install(tmp_path, trick=trick)))
    return Bench(tmp_path, CORTEX_M4)


@pytest.mark.parametrize("version", VERSIONS)
def test_it_runs_from_power_on_to_power_off(version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIM_RENODE", str(install(tmp_path, version)))
    bench = Bench(tmp_path, CORTEX_M4)
    machine, page = bench.machine, bench.page
    machine.launch()
    assert not page.status().ready
    channel = bench.window.channels[1].region.view
    struct.pack_into("<I", channel, 64, 41)
    page.ring(1)
    machine.interrupt()
    # 1 ms at 31.25 MIPS
    assert bench.run(1_000_000) == Standing(31250, False, None)
    status = page.status()
    assert status.ready
    assert status.idle
    assert status.heartbeat == 1
    assert page.out_counts()[:3] == (0, 1, 0)
    assert struct.unpack_from("<I", channel, 128) == (42,)
    assert bench.firmware_words == (1, 31250, 1, 31250)
    bench.run(1_000_000)
    assert bench.firmware_words == (1, 62500, 1, 31250)
    machine.close()
    machine.close()
    assert machine.console.read_text() == "ran 31250\nran 31250\n"


@pytest.mark.parametrize("entry", [ESP32, ESP32C3], ids=["esp32", "esp32c3"])
def test_boards_that_poll_are_not_interrupted(
    entry: McuBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIM_RENODE", str(install(tmp_path)))
    bench = Bench(tmp_path, entry, Fraction(125))
    bench.machine.launch()
    bench.machine.interrupt()
    assert bench.run(40_000).instructions == 5000
    assert bench.firmware_words == (0, 5000, 1, 5000)
    bench.machine.close()


def test_fractions_of_an_instruction_are_carried(bench: Bench) -> None:
    bench.machine.launch()
    counts = [bench.run(100).instructions for _ in range(32)]
    assert counts == [int(100 * turn * Fraction(125, 4) / 1000) for turn in range(1, 33)]
    assert counts[-1] == 100
    assert bench.firmware_words[1] == 100


def test_a_grant_without_an_instruction_costs_nothing_and_keeps_the_doorbell(bench: Bench) -> None:
    bench.machine.launch()
    bench.machine.interrupt()
    assert bench.run(10) == Standing(0, False, None)
    assert not bench.page.status().ready
    bench.run(1000)
    assert bench.firmware_words[0] == 1


def test_words_that_only_the_host_writes_are_never_taken_back(bench: Bench) -> None:
    """A channel's other end goes on writing while the core runs."""
    bench.machine.launch()
    view = bench.window.channels[0].region.view
    bench.run(1000)
    bench.machine.run(1000)
    view[2048:2056] = b"anywhere"
    bench.machine.settle()
    assert view[2048:2056] == b"anywhere"


def test_a_port_that_somebody_else_took_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = with_trick(tmp_path, monkeypatch, "taken")
    bench.machine.launch()
    assert bench.run(1_000_000).instructions == 31250
    bench.machine.close()


def failure(bench: Bench) -> str:
    """Return how the machine fails to start or to run."""
    with pytest.raises(ParticipantFailed) as caught:
        try:
            bench.machine.launch()
            bench.run(1_000_000)
        finally:
            bench.machine.close()
    text = str(caught.value)
    assert "\n" not in text
    assert str(bench.logs / "safety.renode.log") in text
    return text


@pytest.mark.parametrize(
    ("trick", "words"),
    [
        ("exit", "ended before it listened: Fatal error: fake trouble with the runtime (exit status 3)"),
        ("web", "a Renode monitor was expected, but it says b'HTTP/1.1 400"),
        ("elsewhere", "Renode says that the window is in /etc/passwd"),
        ("babble", "External Control answers the handshake with 7"),
        ("die", "Renode closed the connection: 12:00:00.0000 [ERROR] cpu: CPU abort [PC=0x42]: fake (exit status 134)"),
    ],
)
def test_trouble_is_one_line(trick: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert words in failure(with_trick(tmp_path, monkeypatch, trick))
    command = (tmp_path / "a folder with blanks" / "safety.renode.command").read_text()
    assert "--disable-xwt --plain --hide-monitor --keep-temporary-files -P" in command


@pytest.mark.parametrize("version", VERSIONS)
def test_a_renode_that_is_killed_between_runs_is_told_when_it_settles(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIM_RENODE", str(install(tmp_path, version)))
    bench = Bench(tmp_path, CORTEX_M4)
    bench.machine.launch()
    bench.run(1000)
    process = bench.machine._process
    assert process is not None
    for pid in descendants(process._process.pid):
        if "fake_renode" in Path(f"/proc/{pid}/cmdline").read_text():
            os.kill(pid, signal.SIGKILL)
    time.sleep(0.1)
    bench.page.ring(0)
    bench.machine.interrupt()
    bench.machine.run(1_000_000)
    with pytest.raises(ParticipantFailed, match=r"Renode failed: .*(closed|broke)"):
        bench.machine.settle()
    bench.machine.close()


def test_a_renode_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcu, "PATIENCE_S", 0.5)
    bench = with_trick(tmp_path, monkeypatch, "hang")
    assert "does not answer in time" in failure(bench)


def test_an_elf_that_does_not_load_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIM_RENODE", str(install(tmp_path)))
    bench = Bench(tmp_path, CORTEX_M4)
    (tmp_path / "own.elf").write_bytes(b"MZ" + bytes(100))
    assert "Error while loading ELF" in failure(bench)


def test_uarts_that_the_version_lacks_are_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIM_RENODE", str(install(tmp_path, "1.15.3")))
    with pytest.raises(EnvironmentLacks, match=r"UART esp32 needs Renode 1\.16\.0 or newer"):
        mcu.find(ESP32)
    assert mcu.find(CORTEX_M4).startswith("Renode v1.15.3")


def descendants(pid: int) -> list[int]:
    """Return the processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            if stat.read_text().rpartition(")")[2].split()[3] == str(pid):
                found.append(int(stat.parent.name))
    return found


def test_everything_dies_with_a_killed_simulator(tmp_path: Path) -> None:
    """SIGKILL leaves no process, no file."""
    install(tmp_path)
    program = (
        "import sys, pathlib, fractions\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_renode_mcu import Bench\n"
        "from renode_parts import CORTEX_M4\n"
        f"bench = Bench(pathlib.Path({str(tmp_path)!r}), CORTEX_M4)\n"
        "bench.machine.launch()\n"
        "machine = bench.machine\n"
        "print(machine._process._process.pid, machine._folder.path, machine._shared.path, flush=True)\n"
        "sys.stdin.read()\n"
    )
    environment = {**os.environ, "SIM_RENODE": str(tmp_path / "renode")}
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as simulator:
        assert simulator.stdout is not None
        pid, home, shared = simulator.stdout.readline().split()
        assert len(descendants(int(pid))) >= 3  # script, program, keeper
        assert any(each.name.startswith("renode-sharedSegment-") for each in Path(shared).iterdir())
        simulator.send_signal(signal.SIGKILL)
        simulator.wait()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and (descendants(int(pid)) or Path(home).exists() or Path(shared).exists()):
        time.sleep(0.01)
    assert descendants(int(pid)) == []
    assert not Path(home).exists()
    assert not Path(shared).exists()
