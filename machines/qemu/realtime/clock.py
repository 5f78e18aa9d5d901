"""The clock that the host and all guests of a run in real time share.

It counts the cycles of the host's processor. A guest reads a counter that goes at the same pace (TCG shows it the
host's own, KVM the real one; the generic timer of Arm counts the host's nanoseconds), so that clocks which agree once
do so for ever. What has to be measured is where a guest's counter stands: as in NTP (RFC 5905, section 8) by asking,
many times, what it shows, and noting between which two moments of the host's the answer was given.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from machines.errors import ParticipantFailed
from machines.memory import SharedRegion
from virtio_shm import library

OFFSET = 11 << 20
"""Of the words for questions and answers in the control region: guests/linux/agent/wall_clock.py."""

ASKED, ANSWERED, SHOWN = 0, 8, 9
"""Places of 64-bit words: number of the host's question; of the guest's last answer; and what its counter showed."""

QUESTIONS = 200
ENOUGH = 20
ENOUGH_S = 0.2
"""Questions, and wall seconds after which so many do: on a computer that is busy each takes its time."""

LAST = (1 << 64) - 1
FRACTION_BITS = 40
"""Nanoseconds for a count are given as a multiple of 2^-40: an error of 2 ns an hour at 2 GHz."""

_PATIENCE_S = 5.0
_PACE_S = 0.02
"""Wall seconds over which the host's own counter is compared with its nanoseconds: an error of some 10 ppm at most."""

_GENERIC_TIMERS_HZ = (62_500_000, 1_000_000_000)
"""Of QEMU's Arm machines (GTIMER_DEFAULT_HZ up to QEMU 8 and since 9): exact in the host's nanoseconds."""


class Answer(NamedTuple):
    """What a guest's counter showed at some moment between two of the host's counter."""

    before: int
    shown: int
    after: int


class Pace(NamedTuple):
    """How a guest's counter goes.

    Attributes:
        ns_per_count: nanoseconds of the run for one count, times 2^`FRACTION_BITS`.
        ratio: its counts for one of the host's.
        host, shown: what the two counters showed at the same moment.
        error_ns: at most so far is a guest's clock from the host's.
    """

    ns_per_count: int
    ratio: float
    host: int
    shown: int
    error_ns: int

    def at(self, host: int) -> int:
        """Return what the guest's counter shows when the host's shows `host`."""
        return self.shown + round(self.ratio * (host - self.host))


class WallClock:
    """The host's clock of a run: ns since `start`, by the processor's counter.

    Attributes:
        hz: counts in a second.
    """

    def __init__(self) -> None:
        self.counter = library.load().vshm_counter
        self._zero = 0
        self._since = self._both()
        time.sleep(_PACE_S)
        self.hz = 0.0
        self._measure()

    def _both(self) -> tuple[int, int]:
        """Return the counter and nanoseconds of the same moment: of several tries the one that took least."""
        tries = []
        for _ in range(9):
            before = self.counter()
            now_ns = time.monotonic_ns()
            tries.append((self.counter() - before, before, now_ns))
        took, before, now_ns = min(tries)
        return before + took // 2, now_ns

    def _measure(self) -> None:
        count, now_ns = self._both()
        self.hz = (count - self._since[0]) * 1e9 / (now_ns - self._since[1])
        self.ns_per_count = round((1 << FRACTION_BITS) * 1e9 / self.hz)

    def start(self) -> int:
        """Make now time 0, and return what the counter shows; the pace is what it was since this clock was made."""
        self._measure()
        self._zero = self.counter()
        return self._zero

    def __call__(self) -> int:
        """Return the time of the run in ns."""
        now: int = ((self.counter() - self._zero) * self.ns_per_count) >> FRACTION_BITS
        return now


def ask(name: str, region: SharedRegion, clock: WallClock, questions: int = QUESTIONS) -> list[Answer]:
    """Ask a guest, whose agent answers until it is asked the last question, what its counter shows.

    Parameters:
        name: the guest, for messages.
        region: its control region.
        clock: gives the host's counter.
        questions: how many at most.

    Raises:
        ParticipantFailed: it does not answer.
    """
    words = region.view[OFFSET : OFFSET + 128].cast("Q")
    began = time.monotonic()
    answers: list[Answer] = []
    for number in range(1, questions + 1):
        if number == questions or (len(answers) >= ENOUGH and time.monotonic() > began + ENOUGH_S):
            number = LAST
        before = clock.counter()
        words[ASKED] = number
        while words[ANSWERED] != number:
            if time.monotonic() > began + _PATIENCE_S:
                raise ParticipantFailed(name, f"does not tell its counter within {_PATIENCE_S:g} s")
        after = clock.counter()
        answers.append(Answer(before, words[SHOWN], after))
        if number == LAST:
            break
    return answers


def pace(name: str, answers: Sequence[Answer], clock: WallClock) -> Pace:
    """Return where a guest's counter stands and how fast it goes.

    Each answer says: when the host's counter showed h, with `before` <= h <= `after`, the guest's showed `shown`. With
    the guest's going r times as fast, that confines `shown` - r h; the middle of what all answers leave is taken. Of
    the paces that are known only one leaves anything.

    Raises:
        ParticipantFailed: its counter goes at no pace that is known, or not evenly.
    """
    host, base = answers[0].before, answers[0].shown
    known = [(1.0, clock.ns_per_count)]
    known += [(hz / clock.hz, round((1 << FRACTION_BITS) * 1e9 / hz)) for hz in _GENERIC_TIMERS_HZ]
    found = []
    for ratio, ns_per_count in known:
        least = max(answer.shown - base - ratio * (answer.after - host) for answer in answers)
        most = min(answer.shown - base - ratio * (answer.before - host) for answer in answers)
        if least <= most:
            error_ns = round((most - least) / 2 * ns_per_count / (1 << FRACTION_BITS)) + 1
            found.append(Pace(ns_per_count, ratio, host, base + round((least + most) / 2), error_ns))
    if not found:
        elapsed = answers[-1].after - host
        seen_mhz = (answers[-1].shown - base) / elapsed * clock.hz / 1e6
        raise ParticipantFailed(name, f"its counter cannot be a clock: it goes at {seen_mhz:.4g} MHz, or unevenly")
    return min(found, key=lambda each: each.error_ns)
