"""A microcontroller at the pace of the wall clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import pytest

from machines.errors import ParticipantFailed
from machines.mcu.control import PAGE_BYTES, ControlPage
from machines.mcu.machine import Standing
from machines.mcu.node import McuNode
from machines.memory import SharedRegion
from sim.host.realtime.pacer import Pacer

MS = 1_000_000


class Clock:
    """Wall clock from 0 on."""

    def __init__(self) -> None:
        self._zero = time.monotonic_ns()

    def __call__(self) -> int:
        return time.monotonic_ns() - self._zero


class Core:
    """A machine whose firmware is a function of the time at which a run ends."""

    console = Path("core.console.log")
    free_sleep = False
    counter_in_memory = False

    def __init__(self, act: Callable[[int], None]) -> None:
        self.now_ns = 0
        self.rung = threading.Event()
        self._act = act
        self._duration_ns = 0

    def launch(self) -> None:
        """Nothing to start."""

    def run(self, duration_ns: int) -> None:
        self._duration_ns = duration_ns

    def settle(self) -> Standing:
        self.now_ns += self._duration_ns
        self._act(self.now_ns)
        return Standing(self.now_ns, False, None)

    def interrupt(self) -> None:
        self.rung.set()

    def close(self) -> None:
        """Nothing to end."""


class Heard:
    def __init__(self) -> None:
        self.visits = threading.Event()
        self.failures: list[ParticipantFailed] = []
        self.over = threading.Event()

    def rang(self, name: str, vectors: Sequence[int]) -> None:
        self.visits.set()

    def failed(self, failure: ParticipantFailed) -> None:
        self.failures.append(failure)
        self.over.set()


class Bench:
    """Makes pacers, and stops them."""

    def __init__(self) -> None:
        self.clock, self.heard = Clock(), Heard()
        self._made: list[Pacer] = []

    def start(self, act: Callable[[int], None]) -> tuple[Pacer, Core]:
        core = Core(act)
        page = ControlPage(SharedRegion("page", PAGE_BYTES))
        node = McuNode("mcu", core, page, [], Fraction(1000), MS, 1, 10_000 * MS, hex)
        node.launch()
        node.start()
        self.clock = Clock()
        pacer = Pacer(node, MS, self.clock, self.heard, ())
        self._made.append(pacer)
        pacer.start()
        return pacer, core

    def close(self) -> None:
        for pacer in self._made:
            pacer.stop()


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


def test_it_follows_the_wall_clock_and_is_never_ahead(bench: Bench) -> None:
    late: list[int] = []
    pacer, core = bench.start(lambda until_ns: late.append(bench.clock() - until_ns))
    time.sleep(0.2)
    pacer.stop()
    assert min(late) >= 0, "a quantum is executed when it is over"
    assert len(late) == core.now_ns // MS >= 50, "one after the other, and none is left out"
    assert pacer.behind_ns <= pacer.most_behind_ns


def test_one_that_is_too_slow_falls_behind_and_says_so(bench: Bench) -> None:
    pacer, core = bench.start(lambda until_ns: time.sleep(0.005))
    time.sleep(0.2)
    pacer.stop()
    assert core.now_ns < 60 * MS
    assert pacer.most_behind_ns > 50 * MS


def test_a_doorbell_reaches_it(bench: Bench) -> None:
    pacer, core = bench.start(lambda until_ns: None)
    pacer.ring([0])
    assert core.rung.wait(5)


def test_its_failure_is_told(bench: Bench) -> None:
    def fault(until_ns: int) -> None:
        raise ParticipantFailed("mcu", "took an exception")

    bench.start(fault)
    assert bench.heard.over.wait(5)
    assert [str(failure) for failure in bench.heard.failures] == ["mcu: took an exception"]


def test_a_visitor_finds_it_standing_still_however_busy_it_is(bench: Bench) -> None:
    running = threading.Event()

    def work(until_ns: int) -> None:
        running.set()
        time.sleep(0.003)
        running.clear()

    pacer, _ = bench.start(work)
    visits = 0
    deadline = time.monotonic() + 10
    while visits < 10 and time.monotonic() < deadline:
        bench.heard.visits.clear()
        if pacer.visit():
            assert not running.is_set()
            time.sleep(0.001)
            assert not running.is_set()
            visits += 1
            pacer.leave()
        else:
            assert bench.heard.visits.wait(5), "it tells when it stands still"
    assert visits == 10
