"""Linux guests: the agent's own loop and channels, with services that only take time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any
from unittest import mock

import numpy as np

from guests.linux.agent import channels, runtime
from machines.participant import NEVER_NS
from sim.sizing.plan import NOT_SENT, Node, Service
from virtio_shm import Frame

from .guests import Guest, Over, of_thread
from .rings import NotedConsumer, NotedProducer


class _TimedOutput(channels.Output):
    """An output that a service sends into when it is time."""

    service: _TimedService
    number: int

    def send(self, tensor: Any, origin: Frame) -> bool:
        self.service.reach(self.service.offsets_ns[self.number])
        return super().send(tensor, origin)


class _TimedInput(channels.Input):
    """A required input; a service that was woken needs a while until it takes what is there."""

    service: _TimedService

    def take(self) -> Frame | None:
        self.service.get_to(self)
        return super().take()


class _TimedService(runtime.Service):
    """A service whose calls take as long as a plan says."""

    guest: Agent
    plan: Service
    arrays: Sequence[Any]
    _elapsed_ns = 0
    _looks = _is_complete = False

    def step(self) -> bool:
        if not self._unsent:
            self._looks, self._elapsed_ns = True, 0
        return super().step()

    @property
    def inputs(self) -> list[channels.Input]:
        """None while it waits for room, as it looks at none then; else it would spin once one of them has come due."""
        return [] if self._unsent else super().inputs

    @property
    def _row(self) -> int:
        return self.guest.calls[self.name] % len(self.plan.calls.hold_ns)

    @property
    def offsets_ns(self) -> Any:
        return self.plan.calls.offsets_ns[self._row].tolist()

    def get_to(self, taken: channels.Input) -> None:
        """Execute what it takes to get to an input of a call that has all of them."""
        if self._looks:
            missing = self._needed[len(self._frames) :]
            self._looks, self._is_complete = False, all(end._any_end.journal.has(self.guest.clock()) for end in missing)
        if self._is_complete and self.plan.calls.take_ns is not None:
            number = next(number for number, each in enumerate(self._needed) if each is taken)
            take_ns = int(self.plan.calls.take_ns[self._row, number])
            self.guest.spend(take_ns if number or self.guest.has_slept else 0)
            self._elapsed_ns += take_ns if number else 0

    def reach(self, offset_ns: int) -> None:
        """Execute up to this time of the call."""
        self.guest.spend(max(0, offset_ns - self._elapsed_ns))
        self._elapsed_ns = max(self._elapsed_ns, offset_ns)

    def called(self, *inputs: Any) -> Any:
        """Return a tensor for every output that this call sends on."""
        self.guest.has_slept = False
        self.guest.spend(0)
        sends = [offset != NOT_SENT for offset in self.offsets_ns]
        return tuple(array if sent else None for array, sent in zip(self.arrays, sends, strict=True)) or None

    def release(self) -> None:
        """Execute what is left of the call, then give everything back."""
        self.reach(int(self.plan.calls.hold_ns[self._row]))
        super().release()
        rest_ns = self.plan.calls.rest_ns
        self.guest.gap_ns = self.plan.gap_ns + (0 if rest_ns is None else int(rest_ns[self._row]))
        self.guest.calls[self.name] += 1


class _Poll:
    """Stands for `select.poll`: to wait means to sleep in virtual time."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.register = real.register

    def poll(self, timeout: int | None = None) -> Any:
        rung = self._real.poll(0)
        if rung or timeout is not None:
            return rung
        of_thread[threading.current_thread()].sleep(NEVER_NS)
        return self._real.poll(0)


class Select:
    """Stands for the module `select` in the agent's loop (`guests.linux.agent.runtime.select`)."""

    POLLIN = runtime.select.POLLIN

    def __init__(self) -> None:
        self._module = runtime.select

    def poll(self) -> _Poll:
        return _Poll(self._module.poll())

    def select(self, events: Sequence[int], _: Any, __: Any, seconds: float) -> Any:
        rung = self._rung(events)
        if not rung:
            guest = of_thread[threading.current_thread()]
            guest.sleep(guest.clock() + round(seconds * 1e9))
            rung = self._rung(events)
        return rung, [], []

    def _rung(self, events: Sequence[int]) -> list[int]:
        poll = self._module.poll()  # which takes descriptors of any number
        for event in events:
            poll.register(event, self.POLLIN)
        return [event for event, _ in poll.poll(0)]


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
        inputs = [_TimedInput(*each, self.ring, self.clock) for each in ends[0]]
        sampled = [channels.SampledInput(*each, self.ring, self.clock) for each in ends[1]]
        outputs = [_TimedOutput(*each, self.ring, self.clock) for each in ends[2]]
        call: Callable[..., Any] = lambda *arrays: service.called(*arrays)  # noqa: E731 - it is not there yet
        service = _TimedService(plan.name, call, inputs, [(output,) for output in outputs], sampled)
        service.guest, service.plan = self, plan
        service.arrays = [np.zeros(each[0]["shape"], each[0]["dtype"]) for each in ends[2]]
        for each in inputs:
            each.service = service
        for number, output in enumerate(outputs):
            output.service, output.number = service, number
        for end in service.ends:
            self.made[end.name, isinstance(end, channels.Input)] = end._any_end
        return service

    def _entering(self, service: str) -> None:
        gap_ns, self.gap_ns = self.gap_ns, 0
        self.spend(gap_ns)

    def _told(self, service: str, what: str, error: BaseException | None) -> None:
        if not isinstance(error, Over):
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
