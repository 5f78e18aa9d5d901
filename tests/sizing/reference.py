"""A plan run by the executive itself, on real rings, with the simulator's own devices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from guests.linux.agent import runtime
from machines.memory import SharedRegion
from machines.native.accelerator import AcceleratorDevice
from machines.native.link import LinkDevice
from machines.native.participant import NativeDevice, SensorDevice
from machines.native.sink import SinkDevice
from machines.native.splitmix import SplitMix
from machines.participant import NEVER_NS
from sim.host.channel import Channel, End
from sim.host.executive import Executive
from sim.host.trace import Trace
from sim.report.record import ChannelRecord
from sim.sizing.plan import Accelerator, Device, Link, Node, Plan, Ring, Sensor, Sink
from virtio_shm import Producer, TensorSpec

from .agents import Agent, Select
from .firmware import Firmware
from .guests import Guest
from .rings import Journal, NotedConsumer, NotedProducer


class PlannedSensor(SensorDevice):
    """A sensor of a plan; what it sends is nothing."""

    def __init__(self, plan: Sensor, spec: TensorSpec) -> None:
        super().__init__(plan.name, spec, plan.count)
        self._plan = plan

    def sample_ns(self, sample: int) -> int:
        interval, jitter_ns = self._plan.interval_ns, self._plan.jitter_ns
        late_ns = SplitMix(self._plan.seed, 3, sample).below(jitter_ns + 1) if jitter_ns else 0
        return sample * interval.numerator // interval.denominator + late_ns

    def fill(self, sample: int, slot: NDArray[Any]) -> None:
        slot[...] = 0

    def waits(self, end: Producer) -> bool:
        return self._plan.waits and end.overflow == "block"


@dataclass
class PlannedTiming:
    """Stands for LinkTiming: a tensor of each size takes as long as the plan says."""

    plan: Link
    rings: Any

    @property
    def kind(self) -> Any:
        return self

    @property
    def full_duplex(self) -> bool:
        return self.plan.full_duplex

    @property
    def latency_ns(self) -> int:
        return self.plan.latency_ns

    def wire_ns(self, payload_bytes: int) -> int:
        found = {lane.wire_ns for lane in self.plan.lanes if self.rings[lane.arriving].payload_bytes == payload_bytes}
        (wire_ns,) = found
        return wire_ns

    def packets(self, payload_bytes: int) -> int:
        return 1


class Opener:
    """Opens a ring at its time and rings the device at its producing end; a sensor looks once more before that."""

    def __init__(self, ring: Ring, vector: int, world: World) -> None:
        self.wake_ns, self._vector, self._world = ring.open_ns, vector, world
        self._producer, self._device = world.producers[ring.name], world.devices[ring.source]
        self._producer.gate = False

    def act(self, now_ns: int) -> None:
        executive = self._world.executive
        if isinstance(self._device, SensorDevice):
            self._device.now_ns = now_ns
            self._device._serve(self._vector, self._producer)
        self._producer.gate = True
        executive.doorbells.wake(self._device.name)
        self.wake_ns = NEVER_NS


@dataclass
class World:
    """What a run leaves.

    Attributes:
        journals: of each ring, what its ends noted.
        channels: as the host saw them.
        stalls: of each ring, how often its producer had to wait.
    """

    plan: Plan
    journals: dict[str, Journal] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    guests: dict[str, Guest] = field(default_factory=dict)
    devices: dict[str, NativeDevice] = field(default_factory=dict)
    producers: dict[str, NotedProducer] = field(default_factory=dict)
    consumers: dict[str, NotedConsumer] = field(default_factory=dict)
    openers: list[Opener] = field(default_factory=list)
    executive: Executive = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self._vectors: dict[str, int] = {}
        self._ends: dict[tuple[str, bool], int] = {}
        self._regions: dict[str, SharedRegion] = {}
        for name, ring in self.plan.rings.items():
            self._regions[name] = region = SharedRegion(name, ring.layout.mapping_bytes)
            region.close()  # the mapping stays
            self.journals[name] = Journal()

    def build(self) -> None:
        """Make everybody."""
        for device in self.plan.devices:
            self._device(device)
        for node in self.plan.nodes:
            self._node(node)
        for name, ring in self.plan.rings.items():
            self.producers[name].journal = self.consumers[name].journal = self.journals[name]
            self._agree(name)
            ends = End(ring.source, self._ends[name, True]), End(ring.target, self._ends[name, False])
            record = ChannelRecord("a", "b", "uint8", (ring.payload_bytes,), ring.depth, ring.overflow, 0)
            self.channels[name] = Channel(name, self._regions[name], ring.layout, *ends, record)
            if ring.open_ns:
                self.openers.append(Opener(ring, self._ends[name, True], self))

    def _agree(self, name: str) -> None:
        """Open the session of a ring."""
        producer, consumer = self.producers[name], self.consumers[name]
        while not all([producer.poll_ready(), consumer.poll_ready()]):
            pass
        producer.announce()
        consumer.announce()

    def _vector(self, ring: str, participant: str, produces: bool) -> int:
        vector = self._vectors[participant] = self._vectors.get(participant, 0) + 1
        self._ends[ring, produces] = vector
        return vector

    def _producer(self, ring: Ring, clock: Any) -> tuple[int, NotedProducer]:
        view = self._regions[ring.name].view
        self.producers[ring.name] = end = NotedProducer(view, ring.layout, overflow=ring.overflow, clock=clock)
        return self._vector(ring.name, ring.source, True), end

    def _consumer(self, ring: Ring, clock: Any) -> tuple[int, NotedConsumer]:
        view, spec = self._regions[ring.name].view, spec_of(ring)
        self.consumers[ring.name] = end = NotedConsumer(view, ring.layout, spec=spec, clock=clock)
        return self._vector(ring.name, ring.target, False), end

    # -- devices -----------------------------------------------------------------------------------------------------

    def _device(self, plan: Device) -> None:
        made: NativeDevice
        rings = self.plan.rings
        if isinstance(plan, Sensor):
            made = PlannedSensor(plan, spec_of(rings[plan.outputs[0]]))
            for name in plan.outputs:
                made.attach(*self._producer(rings[name], made.clock))
        elif isinstance(plan, Sink):
            made = SinkDevice(plan.name)
            for name in plan.inputs:
                made.attach(*self._consumer(rings[name], made.clock))
        elif isinstance(plan, Accelerator):
            made = self._accelerator(plan)
        else:
            assert isinstance(plan, Link)
            made = link = LinkDevice(plan.name, PlannedTiming(plan, rings))  # type: ignore[arg-type]
            for lane in plan.lanes:
                source = self._consumer(rings[lane.arriving], link.clock)
                target = self._producer(rings[lane.leaving], link.clock)
                link.connect(lane.direction, *source, *target)
        self.devices[plan.name] = made

    def _accelerator(self, plan: Accelerator) -> AcceleratorDevice:
        rings = self.plan.rings
        specs = {name: spec_of(rings[name]) for name in plan.outputs}
        results = [np.zeros(spec.shape, spec.dtype) for spec in specs.values()]
        made = AcceleratorDevice(plan.name, lambda array: results, specs, plan.job_ns)
        for name in plan.inputs:
            made.attach(*self._consumer(rings[name], made.clock))
        for name in plan.outputs:
            made.attach(*self._producer(rings[name], made.clock), name)
        return made

    # -- nodes -------------------------------------------------------------------------------------------------------

    def _node(self, node: Node) -> None:
        self.guests[node.name] = self._firmware(node) if node.services[0].keeps else self._agent(node)

    def _agent(self, node: Node) -> Agent:
        made = Agent(node, [self._agent_ends(node, number) for number in range(len(node.services))])
        for name, is_input in made.made:
            (self.consumers if is_input else self.producers)[name] = made.made[name, is_input]
        return made

    def _agent_ends(self, node: Node, number: int) -> tuple[list[Any], list[Any], list[Any]]:
        service = node.services[number]
        inputs = [self._manifest(name, node.name, False) for name in service.required]
        sampled = [self._manifest(name, node.name, False) for name in service.sampled]
        return inputs, sampled, [self._manifest(name, node.name, True) for name in service.outputs]

    def _manifest(self, name: str, participant: str, produces: bool) -> tuple[dict[str, Any], memoryview]:
        ring = self.plan.rings[name]
        manifest = {
            "name": name,
            "index": self._vector(name, participant, produces) - 1,
            "dtype": "uint8",
            "shape": [ring.payload_bytes],
            "depth": ring.depth,
            "overflow": ring.overflow,
        }
        return manifest, self._regions[name].view

    def _firmware(self, node: Node) -> Firmware:
        rings, (service,) = self.plan.rings, node.services

        def clock() -> int:
            return 0 if name not in self.guests else self.guests[name].clock()

        name = node.name
        inputs = [self._consumer(rings[each], clock) for each in service.required]
        sampled = [self._consumer(rings[each], clock) for each in service.sampled]
        outputs = [(*self._producer(rings[each], clock), spec_of(rings[each])) for each in service.outputs]
        return Firmware(node, inputs, sampled, outputs)

    # -- the run -----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Let the executive run everybody to the end of the plan."""
        plan = self.plan
        failures: list[str] = []
        self.executive = Executive(
            list(self.guests.values()),
            list(self.devices.values()),  # type: ignore[arg-type]
            self.channels.values(),
            plan.quantum_ns,
            Trace(),
            lambda *_: None,
            lambda _, failure: failures.append(str(failure)),
            plan.policy() if plan.policy else None,
            [node.name for node in plan.nodes if node.scheduled],
            {node.name: node.duty for node in plan.nodes if node.duty != 1},
        )
        self.executive.overseers += self.openers
        for name in self.guests:
            self.executive.doorbells.wake(name)
        self.executive.run(plan.duration_ns, lambda _: None)
        assert not failures, failures
        for channel in self.channels.values():
            channel.conclude()


def spec_of(ring: Ring) -> TensorSpec:
    return TensorSpec("uint8", (ring.payload_bytes,))


@contextmanager
def executed(plan: Plan) -> Iterator[World]:
    """Run a plan for real."""
    world = World(plan)
    with mock.patch.object(runtime, "select", Select()):
        try:
            world.build()
            world.run()
            yield world
        finally:
            for guest in world.guests.values():
                guest.stop()
