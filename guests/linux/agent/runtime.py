"""Runs services: waits for tensors, calls, publishes what they return.

The loop is kept short on purpose: in a guest every instruction is emulated. A service whose output channel is full and
blocks keeps its inputs until there is space, which is how back-pressure travels upstream. A service whose channel the
other end broke is suspended until that has started again.
"""

from __future__ import annotations

import contextlib
import os
import select
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from guests.linux.agent.channels import ChannelEnd, Clock, Input, Output, SampledInput
from virtio_shm import Frame, RingError

CONTROL_VECTOR = 0
_OWN_FOLDER = str(Path(__file__).parent)


class Service:
    """A loaded service between its channels.

    Parameters:
        name: as in the scenario.
        call: takes one array per input, in this order, None for a sampled one without news; returns one tensor, or a
            tuple of them, or None.
        inputs: where the first arguments come from; a call needs a tensor of each.
        outputs: where each returned tensor goes: any number of channels.
        sampled: where the other arguments come from; None where nothing is connected.

    Attributes:
        fault: to be raised in place of its next call.
        stalled_until_ns: it does nothing before this time.
    """

    def __init__(
        self,
        name: str,
        call: Callable[..., Any],
        inputs: Sequence[Input],
        outputs: Sequence[Sequence[Output]],
        sampled: Sequence[SampledInput | None] = (),
    ) -> None:
        self.name = name
        self._call = call
        self._needed = tuple(inputs)
        self._sampled = tuple(sampled)
        self._outputs = tuple(map(tuple, outputs))
        self._frames: list[Frame] = []
        self._unsent: list[tuple[Output, np.ndarray[Any, Any]]] = []
        self.fault: Exception | None = None
        self.stalled_until_ns = 0

    @property
    def inputs(self) -> list[Input]:
        """All connected inputs."""
        return [*self._needed, *(end for end in self._sampled if end is not None)]

    @property
    def ends(self) -> list[ChannelEnd]:
        """All connected channel ends."""
        return [*self.inputs, *(output for port in self._outputs for output in port)]

    @property
    def resumes_ns(self) -> int | None:
        """When it can go on although nobody rings: a stall ends, or a tensor from the future comes due."""
        if self.stalled_until_ns:
            return self.stalled_until_ns
        if self._unsent:  # it looks at no input until there is space
            return None
        return min((due for end in self.inputs if (due := end.due_ns) is not None), default=None)

    def step(self) -> bool:
        """Call the service once, or go on with sending what it returned.

        Returns:
            False: a tensor or space is missing, and its channel will be rung when it comes.

        Raises:
            BaseException: what the service or the ring raises.
        """
        frames = self._frames
        if not self._unsent:
            sampled = [None if end is None else end.refresh() for end in self._sampled]
            for end in self._needed[len(frames) :]:
                frame = end.take()
                if frame is None:
                    return False
                frames.append(frame)
            if self.fault is not None:
                raise self.fault
            self._collect(self._call(*[frame.array for frame in frames], *sampled))
        if self._unsent:
            self._unsent = [(output, tensor) for output, tensor in self._unsent if not output.send(tensor, frames[0])]
            if self._unsent:
                return False
        self.release()
        return True

    def _collect(self, result: Any) -> None:
        """Note which tensor goes where."""
        outputs = self._outputs
        if result is None or not outputs:
            return
        tensors = result if isinstance(result, tuple) else (result,)
        if len(tensors) != len(outputs):
            raise TypeError(f"{self.name} returned {len(tensors)} tensors, its signature names {len(outputs)}")
        self._unsent = [
            (output, output.check(tensor))
            for port, tensor in zip(outputs, tensors, strict=True)
            if tensor is not None
            for output in port
        ]

    def release(self) -> None:
        """Give all held tensors back."""
        frames, self._frames = self._frames, []
        for end, frame in zip(self._needed, frames, strict=False):
            end.give_back(frame)
        for sampled in self._sampled:
            if sampled is not None:
                sampled.release()

    def forget(self) -> None:
        """Drop what it held and was about to send: a channel of it is broken."""
        self._unsent = []
        with contextlib.suppress(RingError, ValueError):
            self.release()


class Runtime:
    """Runs the services of a partition.

    Parameters:
        services: loaded services.
        events: eventfd of each vector.
        clock: virtual time in ns.
        tell: told what became of a service: its name, one of `failed` (it raised, and is not called again),
            `suspended` (a channel of it is broken) and `resumed`, and the error.
        entering: told which service runs now.
        obey: called when the control region's doorbell was rung.
    """

    def __init__(
        self,
        services: Sequence[Service],
        events: Sequence[int],
        clock: Clock,
        tell: Callable[[str, str, BaseException | None], None],
        entering: Callable[[str], None] = lambda name: None,
        obey: Callable[[], None] = lambda: None,
    ) -> None:
        self.services = {service.name: service for service in services}
        self._connecting = list(services)
        self._services: list[Service] = []
        self._suspended: set[str] = set()
        self._clock = clock
        self._tell = tell
        self._entering = entering
        self._obey = obey
        self._control = events[CONTROL_VECTOR]
        self._producing = {
            events[end.vector]: (service, end)
            for service in services
            for end in service.ends
            if not isinstance(end, Input)
        }
        vectors = {CONTROL_VECTOR, *(end.vector for service in services for end in service.ends)}
        self._events = [events[vector] for vector in sorted(vectors)]
        self._poll = select.poll()
        for event in self._events:
            self._poll.register(event, select.POLLIN)

    def run(self) -> None:
        """Run for ever."""
        while True:
            self.work()
            self.wait()

    def connect(self) -> None:
        """Do our part of setting up the channels. A service runs from when all its channels were up."""
        moved = True
        while moved:  # again, because two services of this partition may be the two ends of a channel
            moved = False
            for service in tuple(self._connecting):
                moved |= self._connect(service)

    def _connect(self, service: Service) -> bool:
        """Go a step with each channel of a service; return whether there was one to go."""
        up, moved = True, False
        for end in service.ends:
            try:
                is_up, has_moved = end.connect()
            except RingError as error:
                self._suspend(service, error)
                is_up = has_moved = False
            up &= is_up
            moved |= has_moved
        if up:
            self._connecting.remove(service)
            self._services.append(service)
            if service.name in self._suspended:
                self._suspended.remove(service.name)
                self._tell(service.name, "resumed", None)
        return moved

    def work(self) -> None:
        """Run every service until none can go on; between two rounds hear whoever has rung."""
        busy = True
        while busy:
            if self._connecting:
                self.connect()
            busy = False
            for service in tuple(self._services):
                busy |= self._step(service)
            if busy:
                self._hear(event for event, _ in self._poll.poll(0))

    def _step(self, service: Service) -> bool:
        if service.stalled_until_ns:
            if service.stalled_until_ns > self._clock():
                return False
            service.stalled_until_ns = 0
        self._entering(service.name)
        try:
            return service.step()
        except RingError as error:
            self._suspend(service, error)
        except BaseException as error:  # noqa: BLE001 - as process 1 we outlive whatever a service does
            self._abandon(service, error)
        return False

    def wait(self) -> None:
        """Sleep until a doorbell rings, a tensor from the future comes due or a stall ends."""
        times = [time for service in self._services if (time := service.resumes_ns) is not None]
        if times:
            seconds = max(0, min(times) - self._clock()) / 1e9
            self._hear(select.select(self._events, [], [], seconds)[0])
        else:
            self._hear(event for event, _ in self._poll.poll())

    def _hear(self, rung: Iterable[int]) -> None:
        """Take doorbells: those of inputs need nothing more, as services look at their inputs anyway."""
        for event in rung:
            os.eventfd_read(event)
            if event in self._producing:
                self._renew(*self._producing[event])
            elif event == self._control:
                self._obey()

    def _renew(self, service: Service, end: ChannelEnd) -> None:
        """Agree on a new session with a consumer that has started again."""
        try:
            end.connect()
        except RingError as error:
            if service in self._services:
                self._suspend(service, error)

    def _suspend(self, service: Service, error: RingError) -> None:
        """Take a service out until the other end of a channel that is broken has started again."""
        service.forget()
        if service in self._services:
            self._services.remove(service)
            self._connecting.append(service)
        if service.name not in self._suspended:
            self._suspended.add(service.name)
            self._tell(service.name, "suspended", error)

    def _abandon(self, service: Service, error: BaseException) -> None:
        """Take a service out for good, report why, and give back what it held."""
        self._services.remove(service)
        self._tell(service.name, "failed", error)
        try:
            service.release()
        except BaseException as second:  # noqa: BLE001 - its ring may be what failed
            self._tell(service.name, "failed", second)


def describe(error: BaseException) -> dict[str, str]:
    """Return the one-line `error` and the `traceback` of an exception, from the service's own code on."""
    trace = error.__traceback__
    while trace is not None and _is_ours(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    line = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    return {"error": line, "traceback": "".join(traceback.format_exception(type(error), error, trace))}


def _is_ours(file: str) -> bool:
    return file.startswith((_OWN_FOLDER, "<frozen importlib"))
