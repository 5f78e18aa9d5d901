"""A microcontroller as a participant: sleep, doorbells, watchdog, faults, and firmware that lies."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from machines.errors import ParticipantFailed
from machines.mcu.control import PAGE_BYTES, READY_MAGIC, ChannelEntry, ControlPage
from machines.mcu.machine import Standing
from machines.mcu.node import McuNode
from machines.memory import SharedRegion
from machines.participant import NEVER_NS, State

MS = 1_000_000
CHANNELS = [ChannelEntry("input", False, 4096, 4096, 2, 64, 0), ChannelEntry("output", True, 8192, 4096, 2, 64, 0)]


class Script:
    """A machine whose firmware is a Python function that is called for every run; counts one instruction per ns."""

    def __init__(self, page: SharedRegion, act: Callable[[Script], None], free_sleep: bool) -> None:
        self.console = Path("script.console.log")
        self.free_sleep = free_sleep
        self.counter_in_memory = False
        self.page = page
        self.now_ns = 0
        self.runs: list[int] = []
        self.interrupts = 0
        self.closed = False
        self.idle = False
        self._act = act

    def launch(self) -> None:
        """Nothing to start."""

    def run(self, duration_ns: int) -> None:
        """Note the run."""
        self.runs.append(duration_ns)

    def settle(self) -> Standing:
        """Let the firmware act."""
        self.now_ns += self.runs[-1]
        self._act(self)
        return Standing(self.now_ns, self.idle, None)

    def interrupt(self) -> None:
        """Count it."""
        self.interrupts += 1

    def close(self) -> None:
        """Note it."""
        self.closed = True

    def write(self, offset: int, form: str, *values: int) -> None:
        """Write firmware words."""
        struct.pack_into("<" + form, self.page.view, offset, *values)

    def word(self, offset: int) -> int:
        """Read a word."""
        value: int = struct.unpack_from("<I", self.page.view, offset)[0]
        return value

    def alive(self, idle: bool = False, wake_ns: int = 0) -> None:
        """Do what a sound firmware does in each round."""
        self.write(0x100, "IIII", READY_MAGIC, 1, 2, idle)
        self.write(0x110, "Q", wake_ns)
        self.write(0x118, "I", self.word(0x118) + 1)
        self.write(0x144, "I", self.word(0x40) + self.word(0x44))
        self.idle = idle


def _main(address: int) -> str:
    return "main+0x4"


Make = Callable[..., "tuple[McuNode, Script]"]


@pytest.fixture
def make() -> Iterator[Make]:
    regions = []

    def made(act: Callable[[Script], None], free_sleep: bool = False, watchdog_ms: int = 20) -> tuple[McuNode, Script]:
        region = SharedRegion("page", PAGE_BYTES)
        regions.append(region)
        script = Script(region, act, free_sleep)
        node = McuNode(
            "node",
            script,
            ControlPage(region),
            CHANNELS,
            Fraction(1000),
            MS,
            7,
            watchdog_ms * MS,
            _main,
        )
        node.launch()
        node.start()
        return node, script

    yield made
    for region in regions:
        region.close()


def grant(node: McuNode, until_ms: int) -> None:
    node.grant(until_ms * MS)
    node.settle()


def test_it_is_introduced_before_power_on(make: Make) -> None:
    _, script = make(lambda script: None)
    assert bytes(script.page.view[:8]) == b"EMCU" + (1).to_bytes(4, "little")
    assert struct.unpack_from("<II", script.page.view, 0x20) == (1, 1)
    assert script.word(0x2C) == len(CHANNELS) and script.word(0x30) == 7
    assert bytes(script.page.view[0x200:0x210]).rstrip(b"\0") == b"input"
    assert struct.unpack_from("<8I", script.page.view, 0x230 + 16) == (1, 8192, 4096, 2, 64, 0, 1, 0)


def test_each_grant_tells_the_time(make: Make) -> None:
    node, script = make(lambda script: script.alive())
    grant(node, 1)
    grant(node, 3)
    assert struct.unpack_from("<QQQ", script.page.view, 8) == (1 * MS, 1 * MS, 3 * MS)
    assert (node.grants, node.instructions, node.busy_ns) == (2, 3 * MS, 3 * MS)


@pytest.mark.parametrize("free_sleep", [False, True])
def test_it_sleeps_until_it_is_rung(make: Make, free_sleep: bool) -> None:
    node, script = make(lambda script: script.alive(idle=True), free_sleep)
    assert node.wake_ns == 0
    grant(node, 1)
    assert node.wake_ns == NEVER_NS
    grant(node, 5)
    assert len(script.runs) == (2 if free_sleep else 1), "only a backend to which sleep is work is spared it"
    node.deliver([1])
    assert (script.interrupts, script.word(0x44), script.word(0x40)) == (1, 1, 0)
    assert node.wake_ns == 5 * MS
    grant(node, 6)
    assert script.runs[-1] == 1 * MS
    assert struct.unpack_from("<Q", script.page.view, 8) == (5 * MS,), "its clock has slept on"


def test_a_timer_rings_it_at_the_first_boundary_after_its_time(make: Make) -> None:
    node, script = make(lambda script: script.alive(idle=True, wake_ns=2 * MS + 1 if script.now_ns < 2 * MS else 0))
    grant(node, 1)
    assert node.wake_ns == 2 * MS + 1
    grant(node, 3)
    assert script.interrupts == 0
    assert node.wake_ns <= 3 * MS
    grant(node, 4)
    assert (script.interrupts, len(script.runs)) == (1, 2)


def test_a_doorbell_that_comes_as_it_lies_down_is_not_slept_through(make: Make) -> None:
    def act(script: Script) -> None:
        script.alive(idle=True)
        if len(script.runs) <= 2:
            script.write(0x144, "I", 0)  # what it knew when it looked, before the bell rang

    node, script = make(act)
    grant(node, 1)
    node.deliver([0])
    grant(node, 2)
    assert node.wake_ns == 2 * MS
    grant(node, 3)
    assert (len(script.runs), node.wake_ns) == (3, NEVER_NS)


def test_what_it_rings_is_collected_once(make: Make) -> None:
    node, script = make(lambda script: script.alive())
    assert node.collect() == []
    script.write(0x180, "II", 5, 1)
    assert node.collect() == [0, 1]
    assert node.collect() == []
    script.write(0x180, "I", 0)
    assert node.collect() == [0], "whatever it writes rings a bell and no more"


def test_a_hanging_firmware_is_found_by_the_watchdog(make: Make) -> None:
    node, _ = make(lambda script: script.alive() if script.now_ns <= 5 * MS else None)
    for ms in range(1, 25):
        grant(node, ms)
    with pytest.raises(ParticipantFailed, match=r"node: its main loop has not come round for 20 ms \(watchdog\)"):
        grant(node, 25)


def test_a_firmware_that_never_starts_is_found_by_the_watchdog(make: Make) -> None:
    node, _ = make(lambda script: None)
    with pytest.raises(ParticipantFailed, match="its firmware has not started for 20 ms"):
        grant(node, 20)


def test_a_sleeping_firmware_does_not_hang(make: Make) -> None:
    node, _ = make(lambda script: script.alive(idle=True))
    for ms in (1, 50, 100):
        grant(node, ms)
    assert node.state is State.RUNNING


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (
            2,
            r"touched memory that is not there at 0x00000120 \(main\+0x4\), address 0xdeadbeef$",
        ),
        (4, r"overflowed its stack at 0x00000120"),
        (99, "reports the unknown fault 99"),
    ],
)
def test_a_fault_says_what_and_where(make: Make, kind: int, words: str) -> None:
    def act(script: Script) -> None:
        script.write(0x100, "III", READY_MAGIC, 1, 3)
        script.write(0x11C, "IIII", kind, 0x120, 0x140, 0xDEADBEEF)

    node, _ = make(act)
    with pytest.raises(ParticipantFailed, match=words):
        grant(node, 1)


def log(script: Script, number: int, start_ns: int, end_ns: int, instructions: int) -> None:
    script.write(0x800 + number % 32 * 32, "QQIIII", start_ns, end_ns, instructions, number, 0xFFFFFFFF, 0)
    script.write(0x140, "I", number + 1)


def test_inferences_are_read_and_lost_ones_are_counted(make: Make) -> None:
    def act(script: Script) -> None:
        script.alive()
        first = script.word(0x140)
        for number in range(first, first + 40 if first else 3):
            log(script, number, 10, 20, 10)

    node, _ = make(act)
    grant(node, 1)
    assert [entry.origin_sequence for entry in node.inferences] == [0, 1, 2]
    grant(node, 2)
    assert [entry.origin_sequence for entry in node.inferences[3:]] == list(range(11, 43))
    assert node.lost_inferences == 8


@pytest.mark.parametrize("entry", [(20, 10, 1), (0, 2 * MS, 1), (0, 1, 5 * MS)])
def test_an_inference_that_cannot_be_is_a_lie(make: Make, entry: tuple[int, int, int]) -> None:
    def act(script: Script) -> None:
        script.alive()
        log(script, 0, *entry)

    node, _ = make(act)
    with pytest.raises(ParticipantFailed, match="its firmware claims an inference"):
        grant(node, 1)


def test_a_failed_node_is_powered_off(make: Make) -> None:
    node, script = make(lambda script: script.alive())
    node.fail()
    assert script.closed and node.state is State.FAILED
    node.stop()
