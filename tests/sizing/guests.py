"""Guests that behave as a plan's nodes do, on real rings: the agent's own loop, and firmware's, told in Python.

Each runs in a thread of its own, of which never more than one runs: execution time passes where the plan says so, and
only within the slices that the executive grants.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any
from unittest import mock

import numpy as np

from guests.linux.agent import channels, runtime
from machines.participant import NEVER_NS, Slice, State
from sim.sizing.plan import NOT_SENT, Node, Service
from virtio_shm import Frame

from .rings import NotedConsumer, NotedProducer

CONTROL = runtime.CONTROL_VECTOR


class _Over(BaseException):
    """Raised in a guest's thread when it is to end."""


class Guest:
    """A participant that executes what `main` does.

    Parameters:
        node: what it plays.

    Attributes:
        busy_ns: how long it has executed.
        calls: finished ones, by service.
        heard: doorbells that have rung.
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
        self._resume, self._rest = threading.Lock(), threading.Lock()
        self._resume.acquire()
        self._rest.acquire()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        _of_thread[self._thread] = self
        self._thread.start()

    def main(self) -> None:
        """Do what it does, for ever."""
        raise NotImplementedError

    # -- in its thread -----------------------------------------------------------------------------------------------

    def clock(self) -> int:
        """Return its time, for the rings."""
        return self._now_ns

    def ring(self, vector: int) -> None:
        """Ring a doorbell."""
        self._vectors.add(vector)

    def spend(self, span_ns: int) -> None:
        """Execute for so long; afterwards it has its core still."""
        while True:
            room_ns = self._stop_ns - self._now_ns
            if span_ns < room_ns:
                self._now_ns += span_ns
                self.busy_ns += span_ns
                return
            self._now_ns += room_ns
            self.busy_ns += room_ns
            span_ns -= room_ns
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
        self.spend(self.node.wake_ns)

    def _stand(self) -> None:
        if self._over:
            raise _Over
        self._rest.release()
        self._resume.acquire()
        if self._over:
            raise _Over

    def _run(self) -> None:
        try:
            self._resume.acquire()
            if not self._over:
                self.sleep(NEVER_NS)  # everybody has come to life before time 0 and is rung then
                self.main()
        except _Over:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again where the executive waits
            self._error = error
        self._over = True
        self._rest.release()

    # -- participant -------------------------------------------------------------------------------------------------

    @property
    def wake_ns(self) -> int:
        return self._at_ns if not self._asleep or self._rung else self._due_ns

    def grant(self, until_ns: int, executing: Slice | None = None) -> None:
        start_ns, stop_ns = executing or Slice(self._at_ns, until_ns)
        assert self._at_ns <= start_ns <= stop_ns <= until_ns
        self._granted = start_ns, stop_ns, until_ns

    def settle(self) -> None:
        start_ns, self._stop_ns, until_ns = self._granted
        self._now_ns = max(self._now_ns, start_ns)
        if start_ns < self._stop_ns:
            self._rung = self._rung and self._asleep
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
        del _of_thread[self._thread]


_of_thread: dict[threading.Thread, Guest] = {}


# -- a Linux guest -----------------------------------------------------------------------------------------------------


class _TimedOutput(channels.Output):
    """An output that a service sends into when it is time."""

    service: _TimedService
    number: int

    def send(self, tensor: Any, origin: Frame) -> bool:
        self.service.reach(self.service.offsets_ns[self.number])
        return super().send(tensor, origin)


class _TimedService(runtime.Service):
    """A service whose calls take as long as a plan says."""

    guest: Agent
    plan: Service
    arrays: Sequence[Any]
    _elapsed_ns = 0

    @property
    def inputs(self) -> list[channels.Input]:
        """None while it waits for room, as it looks at none then: the agent would spin once one of them has come due."""
        return [] if self._unsent else super().inputs

    @property
    def _row(self) -> int:
        return self.guest.calls[self.name] % len(self.plan.calls.hold_ns)

    @property
    def offsets_ns(self) -> Any:
        return self.plan.calls.offsets_ns[self._row].tolist()

    def reach(self, offset_ns: int) -> None:
        """Execute up to this time of the call."""
        self.guest.spend(max(0, offset_ns - self._elapsed_ns))
        self._elapsed_ns = max(self._elapsed_ns, offset_ns)

    def called(self, *inputs: Any) -> Any:
        """Return a tensor for every output that this call sends on."""
        self._elapsed_ns = 0
        self.guest.spend(0)
        sends = [offset != NOT_SENT for offset in self.offsets_ns]
        return tuple(array if sent else None for array, sent in zip(self.arrays, sends, strict=True)) or None

    def release(self) -> None:
        """Execute what is left of the call, then give everything back."""
        self.reach(int(self.plan.calls.hold_ns[self._row]))
        super().release()
        self.guest.calls[self.name] += 1
        self.guest.gap_ns = self.plan.gap_ns


class _Poll:
    """Stands for `select.poll`: to wait means to sleep in virtual time."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.register = real.register

    def poll(self, timeout: int | None = None) -> Any:
        rung = self._real.poll(0)
        if rung or timeout is not None:
            return rung
        _of_thread[threading.current_thread()].sleep(NEVER_NS)
        return self._real.poll(0)


class Select:
    """Stands for the module `select` in the agent's loop (`guests.linux.agent.runtime.select`)."""

    POLLIN = runtime.select.POLLIN

    def __init__(self) -> None:
        self._module = runtime.select

    def poll(self) -> _Poll:
        return _Poll(self._module.poll())

    def select(self, events: Sequence[int], _: Any, __: Any, seconds: float) -> Any:
        rung = self._module.select(events, [], [], 0)
        if rung[0]:
            return rung
        guest = _of_thread[threading.current_thread()]
        guest.sleep(guest.clock() + round(seconds * 1e9))
        return self._module.select(events, [], [], 0)


class Agent(Guest):
    """A Linux guest: guests/linux/agent/runtime.py itself, with real channels, whose services only take time.

    Parameters:
        node: what it plays.
        ends: of each service its inputs, sampled inputs and outputs: (manifest, memory), in the order of the plan.

    Attributes:
        gap_ns: to be executed before a service is looked at.
    """

    def __init__(self, node: Node, ends: Sequence[tuple[Sequence[Any], Sequence[Any], Sequence[Any]]]) -> None:
        self.gap_ns = 0
        self._events: list[int] = []
        self.made: dict[str, Any] = {}
        with (
            mock.patch.object(channels, "Consumer", NotedConsumer),
            mock.patch.object(channels, "Producer", NotedProducer),
        ):
            services = [self._service(*each) for each in zip(node.services, ends, strict=True)]
        count = 1 + max(end.vector for service in services for end in service.ends)
        self._events = [os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC) for _ in range(count)]
        self._runtime = runtime.Runtime(services, self._events, self.clock, self._told, self._entering)
        super().__init__(node)

    def _service(self, plan: Service, ends: tuple[Sequence[Any], Sequence[Any], Sequence[Any]]) -> _TimedService:
        inputs = [channels.Input(*each, self.ring, self.clock) for each in ends[0]]
        sampled = [channels.SampledInput(*each, self.ring, self.clock) for each in ends[1]]
        outputs = [_TimedOutput(*each, self.ring, self.clock) for each in ends[2]]
        call: Callable[..., Any] = lambda *arrays: service.called(*arrays)  # noqa: E731 - it is not there yet
        service = _TimedService(plan.name, call, inputs, [(output,) for output in outputs], sampled)
        service.guest, service.plan = self, plan
        service.arrays = [np.zeros(each[0]["shape"], each[0]["dtype"]) for each in ends[2]]
        for number, output in enumerate(outputs):
            output.service, output.number = service, number
        for end in service.ends:
            self.made[end.name, isinstance(end, channels.Input)] = end._any_end
        return service

    def _entering(self, service: str) -> None:
        gap_ns, self.gap_ns = self.gap_ns, 0
        self.spend(gap_ns)

    def _told(self, service: str, what: str, error: BaseException | None) -> None:
        if not isinstance(error, _Over):
            raise AssertionError(f"{self.name}.{service} {what}") from error

    def main(self) -> None:
        self._runtime.run()

    def deliver(self, vectors: Sequence[int]) -> None:
        super().deliver(vectors)
        for vector in vectors:
            os.eventfd_write(self._events[vector], 1)

    def stop(self) -> None:
        super().stop()
        for event in self._events:
            os.close(event)


# -- a microcontroller -------------------------------------------------------------------------------------------------


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
        self._doorbells = 0
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
        self.calls[self._service.name] += 1
        self.spend(self._service.gap_ns)
        return True

    def _collect(self) -> bool:
        any_new, complete = False, True
        for vector, end in self._sampled:
            while self._take(vector, end):
                any_new = True
        for vector, end in self._inputs:
            complete = (vector in self._held or self._take(vector, end)) and complete
        return complete if self._inputs else any_new

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
        elapsed_ns = 0
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
