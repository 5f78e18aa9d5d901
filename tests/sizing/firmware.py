"""Microcontrollers: firmware's loop, told in Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from machines.participant import NEVER_NS
from sim.sizing.plan import NOT_SENT, Node
from virtio_shm import Frame

from .guests import Guest
from .rings import NotedConsumer, NotedProducer


class Firmware(Guest):
    """A microcontroller: guests/mcu/core/main.c, inputs.c and outputs.c, told in Python.

    Parameters:
        node: what it plays; it has one service.
        inputs, sampled, outputs: (vector, end), in the order of the plan.
    """

    def __init__(
        self,
        node: Node,
        inputs: Sequence[tuple[int, NotedConsumer]],
        sampled: Sequence[tuple[int, NotedConsumer]],
        outputs: Sequence[tuple[int, NotedProducer, Any]],
    ) -> None:
        (self._service,) = node.services
        self._inputs, self._sampled, self._outputs = inputs, sampled, outputs
        self._held: dict[int, Frame] = {}
        self._elapsed_ns = 0
        super().__init__(node)

    def main(self) -> None:
        while True:
            count = self.heard
            if not self._work():
                due = [end.due_ns for _, end in (*self._inputs, *self._sampled)]
                self._doze(count, min((each for each in due if each is not None), default=NEVER_NS))

    def _doze(self, count: int, due_ns: int) -> None:
        """doorbell_sleep"""
        if self.heard == count:
            self.sleep(due_ns)

    def _work(self) -> bool:
        if not self._collect():
            return False
        self._call()
        for vector, end in self._inputs:
            self._give_back(vector, end)
        calls, row = self._service.calls, self.calls[self._service.name] % len(self._service.calls.hold_ns)
        self.calls[self._service.name] += 1
        self.spend(self._service.gap_ns + (0 if calls.rest_ns is None else int(calls.rest_ns[row])))
        return True

    def _collect(self) -> bool:
        any_new, complete = False, True
        for vector, end in self._sampled:
            while self._take(vector, end):
                any_new = True
        there = all(vector in self._held or end.journal.has(self.clock()) for vector, end in self._inputs)
        self._elapsed_ns = 0
        for number, (vector, end) in enumerate(self._inputs):
            if vector not in self._held and there and complete:
                self._get_to(number)
            complete = (vector in self._held or self._take(vector, end)) and complete
        return complete if self._inputs else any_new

    def _get_to(self, number: int) -> None:
        """Execute what it takes to get to an input of a call that has all of them."""
        calls = self._service.calls
        if calls.take_ns is not None:
            take_ns = int(calls.take_ns[self.calls[self._service.name] % len(calls.hold_ns), number])
            self.spend(take_ns if number or self.has_slept else 0)
            self._elapsed_ns += take_ns if number else 0

    def _take(self, vector: int, end: NotedConsumer) -> bool:
        frame = end.take()
        if end.announce():
            self.ring(vector)
        if frame is None:
            return False
        if vector in self._held:
            self._give_back(vector, end)
        self._held[vector] = frame
        return True

    def _give_back(self, vector: int, end: NotedConsumer) -> None:
        if end.give_back(self._held.pop(vector)):
            self.ring(vector)

    def _call(self) -> None:
        calls, row = self._service.calls, self.calls[self._service.name] % len(self._service.calls.hold_ns)
        origin = next(self._held[vector] for vector, _ in self._inputs or self._sampled if vector in self._held)
        sends = [(int(at), number) for number, at in enumerate(calls.offsets_ns[row]) if at != NOT_SENT]
        elapsed_ns = self._elapsed_ns
        self.has_slept = False
        self.spend(0)
        for at_ns, number in sorted(sends):
            self.spend(max(0, at_ns - elapsed_ns))
            elapsed_ns = max(elapsed_ns, at_ns)
            self._send(*self._outputs[number], origin)
        self.spend(max(0, int(calls.hold_ns[row]) - elapsed_ns))

    def _send(self, vector: int, end: NotedProducer, spec: Any, origin: Frame) -> None:
        """output_reserve and output_commit"""
        while True:
            count = self.heard
            slot = end.reserve(spec)
            if end.announce():
                self.ring(vector)
            if slot is not None or end.overflow != "block":
                break
            self._doze(count, NEVER_NS)
        if slot is not None and end.commit(origin_sequence=origin.origin_sequence, origin_ns=origin.origin_ns):
            self.ring(vector)
