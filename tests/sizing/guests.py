"""Guests that behave as a plan's nodes do, on real rings.

Each runs in a thread of its own, of which never more than one runs: execution time passes where the plan says so, and
only within the slices that the executive grants.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from fractions import Fraction

from machines.participant import NEVER_NS, Slice, State
from sim.sizing.plan import Node


class Over(BaseException):
    """Raised in a guest's thread when it is to end."""


class Guest:
    """A participant that executes what `main` does.

    Parameters:
        node: what it plays.

    Attributes:
        busy_ns: how long it has executed.
        calls: finished ones, by service.
        heard: doorbells that have rung.
        has_slept: and has not begun a call since.
    """

    _now_ns = 0

    def __init__(self, node: Node) -> None:
        self.name = node.name
        self.node = node
        self.state = State.RUNNING
        self.busy_ns = self.heard = 0
        self.calls = {service.name: 0 for service in node.services}
        self._now_ns = self._at_ns = self._stop_ns = 0
        self._granted = (0, 0, 0)
        self._rung = self._over = False
        self._asleep = True
        self._due_ns = NEVER_NS
        self._vectors: set[int] = set()
        self._owed: set[int] = set()
        self._left = Fraction(0)  # of a nanosecond, that it has executed more
        self.has_slept = False
        self._resume, self._rest = threading.Lock(), threading.Lock()
        self._resume.acquire()
        self._rest.acquire()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        of_thread[self._thread] = self
        self._thread.start()

    def main(self) -> None:
        """Do what it does, for ever."""
        raise NotImplementedError

    # -- in its thread -----------------------------------------------------------------------------------------------

    def clock(self) -> int:
        """Return its time, for the rings."""
        return self._now_ns

    def ring(self, vector: int) -> None:
        """Ring a doorbell: now, or in the next slice if it does not get to it before the end of this one."""
        late = self._now_ns > self._stop_ns - int(self.node.bell_ns * self.node.duty)
        (self._owed if late else self._vectors).add(vector)

    def spend(self, span_ns: int) -> None:
        """Execute for so long; afterwards it has its core still."""
        duty = self.node.duty
        while True:
            room_ns, exact = self._stop_ns - self._now_ns, span_ns * duty + self._left
            if exact < room_ns:
                self._left = exact - int(exact)
                self._now_ns += int(exact)
                self.busy_ns += int(exact)
                return
            span_ns -= min(span_ns, int((room_ns - self._left) / duty))
            self._left = Fraction(0)
            self._now_ns += room_ns
            self.busy_ns += room_ns
            self._stand()

    def sleep(self, due_ns: int) -> None:
        """Sleep until it is rung or it is time, and wake up."""
        self._asleep, self._due_ns = True, due_ns
        while not (self._rung and self._now_ns < self._stop_ns):
            if not self._rung and due_ns < self._stop_ns:
                self._now_ns = max(self._now_ns, due_ns)
                break
            self._stand()
        self._asleep, self._rung, self._due_ns = False, False, NEVER_NS
        self.has_slept = True
        self.spend(self.node.wake_ns)

    def _stand(self) -> None:
        if self._over:
            raise Over
        self._rest.release()
        self._resume.acquire()
        if self._over:
            raise Over

    def _run(self) -> None:
        try:
            self._resume.acquire()
            if not self._over:
                self.sleep(NEVER_NS)  # everybody has come to life before time 0 and is rung then
                self.main()
        except Over:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again where the executive waits
            self._error = error
        self._over = True
        self._rest.release()

    # -- participant -------------------------------------------------------------------------------------------------

    @property
    def wake_ns(self) -> int:
        return self._at_ns if not self._asleep or self._rung or self._owed else self._due_ns

    def grant(self, until_ns: int, executing: Slice | None = None) -> None:
        start_ns, stop_ns = executing or Slice(self._at_ns, until_ns)
        assert self._at_ns <= start_ns <= stop_ns <= until_ns
        self._granted = start_ns, stop_ns, until_ns

    def settle(self) -> None:
        start_ns, self._stop_ns, until_ns = self._granted
        self._now_ns = max(self._now_ns, start_ns)
        if start_ns < self._stop_ns:
            self._rung = self._rung and self._asleep
            self._vectors |= self._owed
            self._owed.clear()
            self._resume.release()
            self._rest.acquire()
        if self._error is not None:
            raise self._error
        self._now_ns = self._at_ns = until_ns

    def deliver(self, vectors: Sequence[int]) -> None:
        self.heard += 1
        self._rung = True

    def collect(self) -> Sequence[int]:
        rung, self._vectors = sorted(self._vectors), set()
        return rung

    def fail(self) -> None:
        raise AssertionError(f"{self.name} failed")

    def stop(self) -> None:
        """End its thread."""
        if not self._over:
            self._over = True
            self._resume.release()
        self._thread.join()
        del of_thread[self._thread]


of_thread: dict[threading.Thread, Guest] = {}
"""The guest that runs in it."""
