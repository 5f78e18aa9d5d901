"""A run with faults in one process: a chain of guests on real rings, real devices at its ends, real host.

Samples go from the device `samples` through the guests `a`, `b` and `c` to the device `taken`; the channels are
`start`, `ab`, `bc` and `end`. Guests behave as agents do: a broken ring suspends them, a spoiled tensor is skipped, and
both are told to the supervisor.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from machines.errors import ParticipantFailed
from machines.memory import SharedRegion
from machines.native.participant import NativeDevice
from machines.native.recording import RecordingDevice
from machines.native.sink import SinkDevice
from machines.participant import Slice
from sim.host.channel import Channel, End
from sim.host.executive import Executive
from sim.host.faults.injector import Injector
from sim.host.faults.strike import Scene
from sim.host.health.care import care_for
from sim.host.health.supervisor import Supervisor
from sim.host.timetable import Timetable
from sim.host.trace import Trace
from sim.report.record import FaultRecord, PartitionRecord, RunRecord
from sim.scenario import load
from tests.host.participants import MS, QUANTUM_NS, SPEC, Ringed, record
from virtio_shm import Consumer, Layout, Producer, RingError

PERIOD_MS = 10
"""From one sample to the next."""

_LAYOUT = Layout.for_tensor(SPEC, 4)
_CHAIN = {"start": ("samples", "a"), "ab": ("a", "b"), "bc": ("b", "c"), "end": ("c", "taken")}


class Resident(Ringed):
    """A guest that outlives what others do to its rings, and tells the supervisor of it."""

    def __init__(self, name: str, stage: Stage, at_ns: int = 0, eager: bool = False) -> None:
        super().__init__(name, eager=eager)
        self.now_ns = self.at_ns = at_ns
        self.instructions = 0
        self.busy_ns = 0
        self.slices: list[Slice | None] = []
        self.born_ns = at_ns
        self._stage = stage
        self._suspended = self._attached = False

    def start(self, at_ns: int = 0) -> None:
        """Begin."""

    def grant(self, until_ns: int, executing: Slice | None = None) -> None:
        """Run in the slice only; what is planned for a time out of it waits."""
        super().grant(until_ns, executing)
        self.slices.append(executing)

    def settle(self) -> None:
        """Do what is due, if it executes at all."""
        last = self.slices[-1] if self.slices else None
        if last is not None and last.start_ns == last.stop_ns:
            self.now_ns = self.at_ns = self.granted[-1]
            return
        super().settle()

    def serve(self) -> None:
        """Do all that can be done now, and tell what cannot; its ends are made while it runs, as an agent's are."""
        if not self._attached:
            self._attached = True
            self._stage.attach(self)
        try:
            super().serve()
        except RingError as error:
            if error.spoiled:
                self._say("spoiled", error)
                return self.serve()
            for vector in (*self._inputs, *self._outputs):
                self._announce(vector, self._inputs.get(vector) or self._outputs[vector])
            if not self._suspended:
                self._suspended = True
                self._say("suspended", error)
        else:
            if self._suspended:
                self._suspended = False
                self._say("resumed", None)

    def _say(self, what: str, error: RingError | None) -> None:
        message = {"type": what, "service": "forward", "error": str(error)}
        self._stage.supervisor.hear(self._stage.executive.horizon_ns, self.name, message)


class Stage:
    """One run.

    Parameters:
        folder: for the scenario.
        faults: as in a scenario.
        keys: of partitions: `b={"on_failure": "restart"}`; of the scenario's other sections.
    """

    def __init__(self, folder: Path, faults: Mapping[str, Any], eager: str = "", **keys: Mapping[str, Any]) -> None:
        self.scenario = load(_write(folder, faults, keys))
        self.trace = Trace()
        self.record = RunRecord("stage", seed=1, quantum_ns=QUANTUM_NS, duration_ns=self.scenario.time.duration_ns)
        self.faults: dict[str, FaultRecord] = self.record.faults
        for name in "abc":
            self.record.partitions[name] = PartitionRecord("linux-x86_64", "qemu", 0, 1000.0)
        self.partitions = self.record.partitions
        self._regions = {name: SharedRegion(name, _LAYOUT.mapping_bytes) for name in _CHAIN}
        self._views = {name: region.view for name, region in self._regions.items()}
        self.lives = {name: [Resident(name, self, eager=name in eager)] for name in "abc"}
        rows = np.repeat(np.arange(100, dtype=np.uint8), 16).reshape(100, 16)
        samples = RecordingDevice("samples", rows, Fraction(1000, PERIOD_MS))
        self.devices: dict[str, NativeDevice] = {"samples": samples, "taken": SinkDevice("taken")}
        self.channels = {name: self._channel(name) for name in _CHAIN}
        self.arrived: list[int] = []
        self.channels["end"].observers.append(lambda published: self.arrived.append(int(published.array[0])))
        for device in self.devices.values():
            self.attach(device)
        self.executive, self.supervisor = self._host()

    def _channel(self, name: str) -> Channel:
        source, target = (End(node, _vector(node, name)) for node in _CHAIN[name])
        return Channel(name, self._regions[name], _LAYOUT, source, target, record())

    def attach(self, node: NativeDevice | Resident) -> None:
        """Connect a node to its channels."""
        for name, (source, target) in _CHAIN.items():
            view = self._views[name]
            if node.name == source:
                node.attach(_vector(node.name, name), Producer(view, _LAYOUT, overflow="block", clock=node.clock))
            elif node.name == target:
                node.attach(_vector(node.name, name), Consumer(view, _LAYOUT, spec=SPEC, clock=node.clock))

    def _host(self) -> tuple[Executive, Supervisor]:
        nodes: list[Any] = [lives[0] for lives in self.lives.values()]
        table = Timetable(self.scenario, self.record)
        executive = Executive(
            nodes, list(self.devices.values()), self.channels.values(), QUANTUM_NS, self.trace, lambda *_: None,
            self._failed, table.policy, table.scheduled, table.shares, table.note,
        )  # fmt: skip
        supervisor = Supervisor(executive, self.trace, self._revive)  # type: ignore[arg-type]
        scene = Scene(self.scenario, executive, supervisor, self.devices, self.channels)
        injector = Injector(scene, self.trace, self.faults)
        supervisor.listeners.append(injector)
        executive.overseers += [injector, supervisor]
        for node in nodes:
            care = care_for(self.scenario.partitions[node.name], QUANTUM_NS)
            supervisor.watch(care, self.partitions[node.name], node)
        return executive, supervisor

    def _failed(self, now_ns: int, failure: ParticipantFailed) -> None:
        if failure.participant in self.partitions:
            self.supervisor.failed(self.executive.horizon_ns, failure)
        else:
            self.executive.halt(str(failure))

    def _revive(self, old: Resident, at_ns: int, power_on: bool) -> Resident:
        node = Resident(old.name, self, at_ns, old.eager)
        self.lives[old.name].append(node)
        return node

    def run(self, until_ms: int = 200) -> Stage:
        """Run from 0 on."""
        self.executive.run(until_ms * MS, lambda now_ns: None)
        return self

    def fault(self, name: str = "fault") -> FaultRecord:
        """Return what came of a fault."""
        return self.faults[name]

    def states(self, partition: str) -> list[str]:
        """Return the states that a partition came to, one after the other."""
        return [each.state for each in self.partitions[partition].states]

    def events(self, kind: str) -> list[str]:
        """Return what the trace says of one kind of event, without the time."""
        found = (line.split(" ", 2) for line in self.trace.lines)
        return [rest[0] if rest else "" for _, each, *rest in found if each == kind]


def _vector(node: str, channel: str) -> int:
    mine = [name for name, ends in _CHAIN.items() if node in ends]
    return 1 + mine.index(channel)


def _write(folder: Path, faults: Mapping[str, Any], keys: Mapping[str, Mapping[str, Any]]) -> Path:
    service = {"forward": {"run": str(Path(__file__).parent / "services" / "forward.py") + ":forward"}}
    guest = {"machine": "linux-x86_64", "memory": "256M", "speed": "1000 MIPS", "services": service}
    np.save(folder / "rows.npy", np.zeros((2, 16), np.uint8))
    content = {
        "name": "stage",
        "time": {"quantum": "1ms", "duration": "1s"},
        "partitions": {name: {**guest, **keys.get(name, {})} for name in "abc"},
        "devices": {
            "samples": {"kind": "recording", "source": str(folder / "rows.npy"), "rate": "100Hz"},
            "taken": {"kind": "sink"},
        },
        "channels": {
            "start": {"from": "samples", "to": "a.forward", "tensor": "uint8[16]"},
            "ab": {"from": "a.forward", "to": "b.forward", "tensor": "uint8[16]"},
            "bc": {"from": "b.forward", "to": "c.forward", "tensor": "uint8[16]"},
            "end": {"from": "c.forward", "to": "taken", "tensor": "uint8[16]"},
        },
        "faults": dict(faults),
        **{section: content for section, content in keys.items() if section not in set("abc")},
    }
    path = folder / "stage.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path
