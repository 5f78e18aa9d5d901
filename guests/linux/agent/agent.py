"""The life of a partition: connect, take the payload, load the services, wait for the start, run."""

from __future__ import annotations

import gc
import itertools
import json
import logging
import os
import platform
import select
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from guests.linux.agent import wall_clock
from guests.linux.agent.channels import Input, Output, SampledInput
from guests.linux.agent.clock import SimulationClock
from guests.linux.agent.control import VECTOR, Control, ServiceLog
from guests.linux.agent.orders import Orders
from guests.linux.agent.payload import Payload, load_service
from guests.linux.agent.runtime import Runtime, Service, describe


class Doorbells(Protocol):
    """What the agent needs of a doorbell device."""

    control: memoryview
    events: list[int]

    def ring(self, vector: int) -> None:
        """Ring the host."""


class Agent:
    """Runs one partition.

    Parameters:
        doorbells: the doorbell device.
        open_channel: maps channel region i.
        folder: where the payload is unpacked.
    """

    def __init__(self, doorbells: Doorbells, open_channel: Callable[[int], memoryview], folder: Path) -> None:
        self._doorbells = doorbells
        self._open_channel = open_channel
        self._folder = folder
        self._clock = SimulationClock()
        self._event = doorbells.events[VECTOR]
        self._sleep = select.poll()
        self._sleep.register(self._event, select.POLLIN)

    def run(self) -> None:
        """Serve the host for ever; touches no shared memory before it is rung for the first time."""
        self._rung()
        self._connect()
        self._control.send({"type": "hello", "versions": versions()})
        loaded = self._arm(self._take_payload())
        self._clock.start(self._await("start"))
        services = [connect() for connect in loaded]
        orders = Orders(self._control, self._clock)
        runtime = Runtime(services, self._doorbells.events, self._clock, self._tell, self._entering, orders.obey)
        orders.attach(runtime)
        orders.obey()  # looks once in vain, so that the next order rings
        runtime.run()

    def _connect(self) -> None:
        control = Control(self._doorbells.control, self._event, self._doorbells.ring, self._clock)
        self._control = control
        self._log = ServiceLog(control, self._clock)
        while not control.connect():
            self._rung()

    def _rung(self) -> None:
        self._sleep.poll()
        os.eventfd_read(self._event)

    def _receive(self) -> bytes:
        while (content := self._control.receive()) is None:
            self._rung()
        return content

    def _await(self, kind: str) -> dict[str, Any]:
        """Return the next message of a kind; others are not ours to understand."""
        while True:
            message: dict[str, Any] = json.loads(self._receive())
            if message.get("type") == kind:
                return message
            if message.get("type") == "clock":
                wall_clock.answer(self._doorbells.control, self._clock.counter)

    def _take_payload(self) -> dict[str, Any]:
        payload = Payload(self._await("payload"))
        while not payload.complete:
            payload.add(self._receive())
        return payload.unpack(self._folder)

    def _arm(self, manifest: dict[str, Any]) -> list[Callable[[], Service]]:
        """Load the services and say so, or tell the host why one does not load.

        All guests of a run do this at the same time; so no channel is touched before the start.

        Returns:
            For each service what connects it to its channels.
        """
        self._redirect_output()
        channels = {(channel["role"], channel["name"]): channel for channel in manifest["channels"]}
        loaded = []
        for entry in manifest["services"]:
            self._log.service = entry["name"]
            try:
                loaded.append(self._load(entry, channels))
            except BaseException as error:  # noqa: BLE001 - as process 1 we outlive whatever a service does
                self._control.send({"type": "failed", "service": entry["name"], **describe(error)})
        settle_memory()
        if len(loaded) == len(manifest["services"]):
            self._control.send({"type": "armed"})
        return loaded

    def _load(self, entry: dict[str, Any], channels: dict[tuple[str, str], Any]) -> Callable[[], Service]:
        call, signature = load_service(self._folder, entry)
        ring, clock = self._doorbells.ring, self._clock

        taken = entry["inputs"]
        inputs = [channels["consumer", taken[port]] for port in signature.required]
        sampled = [
            channels.get(("consumer", taken.get(port))) for port in signature.inputs if port in signature.optional
        ]
        outputs = [
            [channels["producer", name] for name in entry["outputs"].get(port, ())] for port in signature.outputs
        ]
        if not inputs:
            raise ValueError(f"service {entry['name']} has no input, so nothing would ever call it")
        ends = [*inputs, *filter(None, sampled), *itertools.chain(*outputs)]
        memory = {end["index"]: self._open_channel(end["index"]) for end in ends}
        spoiled = partial(self._tell, entry["name"], "spoiled")

        def connect() -> Service:
            return Service(
                entry["name"],
                call,
                [Input(end, memory[end["index"]], ring, clock, spoiled) for end in inputs],
                [[Output(end, memory[end["index"]], ring, clock) for end in port] for port in outputs],
                [SampledInput(end, memory[end["index"]], ring, clock, spoiled) if end else None for end in sampled],
            )

        return connect

    def _tell(self, service: str, what: str, error: BaseException | None) -> None:
        reason = describe(error) if error is not None else {}
        self._control.send({"type": what, "service": service, "t_ns": self._clock(), **reason})

    def _entering(self, service: str) -> None:
        self._log.service = service

    def _redirect_output(self) -> None:
        sys.stdout = self._log.stream("info")
        sys.stderr = self._log.stream("error")
        logging.basicConfig(handlers=[self._log.handler()], level=logging.INFO, format="%(message)s", force=True)


def settle_memory() -> None:
    """Put what lives for ever out of the garbage collector's sight, so that collections stay short."""
    gc.collect()
    gc.freeze()


def versions() -> dict[str, str]:
    """Return the versions of what shapes the services' results."""
    found = {"python": platform.python_version(), "numpy": np.__version__, "kernel": os.uname().release}
    interpreter = sys.modules.get("ai_edge_litert")
    if interpreter is not None:
        found["ai_edge_litert"] = str(getattr(interpreter, "__version__", "unknown"))
    return found
