"""Runs services: waits for tensors, calls, publishes what they return.

The loop is kept short on purpose: in a guest every instruction is emulated. A service whose output channel is full and
blocks keeps its inputs until there is space, which is how back-pressure travels upstream.
"""

from __future__ import annotations

import os
import select
import traceback
from collections.abc import Callable, Sequence
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

    @property
    def inputs(self) -> list[Input]:
        """All connected inputs."""
        return [*self._needed, *(end for end in self._sampled if end is not None)]

    @property
    def ends(self) -> list[ChannelEnd]:
        """All connected channel ends."""
        return [*self.inputs, *(output for port in self._outputs for output in port)]

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


class Runtime:
    """Runs the services of a partition.

    Parameters:
        services: loaded services.
        events: eventfd of each vector.
        clock: virtual time in ns.
        failed: told when a service raised; that one is not called again, the others go on.
        entering: told which service runs now.
    """

    def __init__(
        self,
        services: Sequence[Service],
        events: Sequence[int],
        clock: Clock,
        failed: Callable[[Service, BaseException], None],
        entering: Callable[[str], None] = lambda name: None,
    ) -> None:
        self._connecting = list(services)
        self._services: list[Service] = []
        self._clock = clock
        self._failed = failed
        self._entering = entering
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
        try:
            steps = [end.connect() for end in service.ends]
        except RingError as error:
            self._abandon(service, error)
            return False
        if all(up for up, _ in steps):
            self._connecting.remove(service)
            self._services.append(service)
        return any(moved for _, moved in steps)

    def work(self) -> None:
        """Run every service until none can go on."""
        if self._connecting:
            self.connect()
        busy = True
        while busy:
            busy = False
            for service in tuple(self._services):
                self._entering(service.name)
                try:
                    busy |= service.step()
                except BaseException as error:  # noqa: BLE001 - as process 1 we outlive whatever a service does
                    self._abandon(service, error)

    def wait(self) -> None:
        """Sleep until a doorbell rings or a tensor from the future comes due."""
        due = [end.due_ns for service in self._services for end in service.inputs]
        times = [time for time in due if time is not None]
        if times:
            seconds = max(0, min(times) - self._clock()) / 1e9
            rung, _, _ = select.select(self._events, [], [], seconds)
        else:
            rung = [event for event, _ in self._poll.poll()]
        for event in rung:
            os.eventfd_read(event)

    def _abandon(self, service: Service, error: BaseException) -> None:
        """Take a service out, report why, and give back what it held."""
        for services in (self._services, self._connecting):
            if service in services:
                services.remove(service)
        self._failed(service, error)
        try:
            service.release()
        except BaseException as second:  # noqa: BLE001 - its ring may be what failed
            self._failed(service, second)


def describe(error: BaseException) -> dict[str, str]:
    """Return the one-line `error` and the `traceback` of an exception, from the service's own code on."""
    trace = error.__traceback__
    while trace is not None and _is_ours(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    line = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    return {"error": line, "traceback": "".join(traceback.format_exception(type(error), error, trace))}


def _is_ours(file: str) -> bool:
    return file.startswith((_OWN_FOLDER, "<frozen importlib"))
