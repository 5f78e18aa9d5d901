"""A microcontroller in real time: its emulator is let run quantum by quantum, as the wall clock goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from machines.errors import ParticipantFailed
from machines.mcu.node import McuNode

_ROUSE_NS = 10_000_000
"""An idle core is roused so often: one that emulates a single processor for ever leaves memory barriers out, so now and
then it may go to sleep without having seen what came meanwhile."""

_VISIT_S = 0.002
"""Wall seconds that a core waits for a visitor."""


class Listener(Protocol):
    """What is told by a pacer, in the pacer's own thread."""

    def rang(self, name: str, vectors: Sequence[int]) -> None:
        """It rang these of its channel ends, or none: it stands still for a visit."""

    def failed(self, failure: ParticipantFailed) -> None:
        """It failed, and runs no more."""


class Pacer(threading.Thread):
    """Runs one microcontroller by the wall clock.

    A quantum is executed when it is over, so the clock of its firmware is never ahead of the others'. One that cannot
    be emulated fast enough falls behind, and makes up for it when it has less to do.

    Parameters:
        node: started, at time 0.
        quantum_ns: of a step.
        clock: time of the run in ns.
        listener: told what it does.
        rouse: wake it now and then without a doorbell.

    Attributes:
        quantum_ns: of a step.
        behind_ns: its clock's distance from the wall clock at the end of the last step.
        most_behind_ns: the largest of these.
    """

    def __init__(
        self, node: McuNode, quantum_ns: int, clock: Callable[[], int], listener: Listener, rouse: Sequence[int]
    ) -> None:
        super().__init__(name=f"pacer of {node.name}", daemon=True)
        self.node = node
        self._running = threading.Lock()
        self._expects = False
        self.behind_ns = self.most_behind_ns = 0
        self.quantum_ns = quantum_ns
        self._clock = clock
        self._listener = listener
        self._rouse = tuple(rouse)
        self._roused_ns = 0
        self._at_ns = 0
        self._changed = threading.Condition()
        self._due: set[int] = set()
        self._over = False

    def ring(self, vectors: Sequence[int]) -> None:
        """Ring its channel ends; it hears them at its next step."""
        with self._changed:
            self._due.update(vectors)
            self._changed.notify()

    @property
    def mirrors(self) -> bool:
        """Whether its core works on a copy of what it shares: then nobody else may look at it, or write, meanwhile."""
        return not self.node.machine.counter_in_memory

    def visit(self) -> bool:
        """Have it stand still until `leave`; False: it runs just now, will tell its listener and wait a little."""
        if self._running.acquire(blocking=False):
            return True
        with self._changed:
            self._expects = True
        return False

    def leave(self) -> None:
        """End a visit."""
        self._running.release()
        with self._changed:
            self._expects = False
            self._changed.notify()

    def stop(self) -> None:
        """Let it stand still for good; returns when it does."""
        with self._changed:
            self._over = True
            self._changed.notify()
        if self.is_alive():
            self.join()

    def run(self) -> None:
        """Go on until stopped."""
        try:
            while not self._over:
                self._step(self._wait())
                self._receive()
        except ParticipantFailed as failure:
            self._listener.failed(failure)

    def _wait(self) -> set[int]:
        """Wait until there is something to do, and return the doorbells that have come."""
        with self._changed:
            while not self._over:
                now_ns = self._clock()
                ready_ns = self._at_ns + self.quantum_ns
                if not self._due:
                    ready_ns = max(ready_ns, min(self.node.wake_ns, self._roused_ns + _ROUSE_NS))
                if now_ns >= ready_ns:
                    break
                self._changed.wait((ready_ns - now_ns) / 1e9)
            due, self._due = self._due, set()
        return due

    def _receive(self) -> None:
        """Give a visitor the time to come."""
        with self._changed:
            if self._expects:
                self._listener.rang(self.node.name, ())
                self._changed.wait_for(lambda: self._over or not self._expects, _VISIT_S)

    def _step(self, due: set[int]) -> None:
        if self._over:
            return
        node, now_ns = self.node, self._clock()
        if now_ns >= self._roused_ns + _ROUSE_NS:
            self._roused_ns = now_ns
            due |= set(self._rouse)
        with self._running:
            asleep_ns = min(node.wake_ns, now_ns - self.quantum_ns) // self.quantum_ns * self.quantum_ns
            if asleep_ns > self._at_ns:  # nothing happens before
                self._run_to(asleep_ns)
            if due:
                node.deliver(sorted(due))
            self._run_to(self._at_ns + self.quantum_ns)
            rung = node.collect()
        self.behind_ns = max(0, self._clock() - self._at_ns)
        self.most_behind_ns = max(self.most_behind_ns, self.behind_ns)
        if rung:
            self._listener.rang(node.name, rung)

    def _run_to(self, until_ns: int) -> None:
        self.node.grant(until_ns)
        self.node.settle()
        self._at_ns = until_ns
