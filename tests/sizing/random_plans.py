"""Plans by chance, from a seed: chains, forks and joins on one to five nodes, links, accelerators, policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from random import Random

import numpy as np

from sim.host.scheduler import Policy
from sim.host.scheduler.arinc653 import Arinc653
from sim.host.scheduler.fixed_priority import FixedPriority
from sim.scenario.checks.response import Analysis
from sim.scenario.checks.supply import supply_of
from sim.scenario.schedule import Server, Window
from sim.sizing.bounds.supply import pausing
from sim.sizing.plan import (
    NOT_SENT,
    Accelerator,
    Calls,
    Device,
    Lane,
    Link,
    Node,
    Overflow,
    Path,
    Plan,
    Ring,
    Sensor,
    Service,
    Sink,
)

MS = 1_000_000
_WHOLE = Fraction(1)
POLICIES = ("none", "arinc653", "fixed_priority")
_OVERFLOWS: tuple[Overflow, ...] = ("block", "drop_newest", "drop_oldest")


@dataclass(frozen=True)
class Features:
    """What a plan may have; all of it where nothing else is said.

    Attributes:
        policies: one of them shares the nodes' cores.
        overflows: of rings.
        depths: of rings.
        load: greatest utilisation of a node that is aimed at.
        devices: links and accelerators.
        joins: services with several required inputs.
        sampled: sampled inputs.
        opens: rings that open late.
        skips: services that do not send at every call.
        pauses: machines that are faster than their partition.
    """

    policies: tuple[str, ...] = POLICIES
    overflows: tuple[Overflow, ...] = _OVERFLOWS
    depths: tuple[int, ...] = (2, 2, 3, 4, 8, 64)
    load: float = 1.3
    devices: bool = True
    joins: bool = True
    sampled: bool = True
    opens: bool = True
    skips: bool = True
    pauses: bool = True


EVERYTHING = Features()
CHAINS = Features(
    ("none",), ("block",), (64,), 0.6, devices=False, joins=False, sampled=False, opens=False, skips=False, pauses=False
)


@dataclass
class _Draft:
    """A plan in the making: tensors that nobody takes yet, and what is there already."""

    random: Random
    features: Features
    quantum_ns: int
    rings: dict[str, Ring] = field(default_factory=dict)
    loose: list[tuple[str, Fraction, tuple[str, ...], str]] = field(default_factory=list)
    """(who sends, interval in ns, rings so far, sensor) of a tensor stream without a consumer yet."""
    devices: list[Device] = field(default_factory=list)
    services: dict[str, list[Service]] = field(default_factory=dict)
    paths: dict[str, Path] = field(default_factory=dict)
    outputs: dict[str, list[str]] = field(default_factory=dict)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def ring(self, source: str, target: str) -> str:
        """Add a ring and return its name."""
        name = f"r{len(self.rings)}"
        depth, overflow = self.random.choice(self.features.depths), self.random.choice(self.features.overflows)
        late = self.features.opens and source.startswith("sensor") and self.chance(0.3)
        open_ns = self.random.randrange(0, 80 * MS) if late else 0
        self.rings[name] = Ring(name, name, source, target, 64, depth, overflow, open_ns)
        self.outputs.setdefault(source, []).append(name)
        return name

    def take(self, target: str) -> tuple[str, Fraction, tuple[str, ...], str]:
        """Let `target` consume a loose stream; return the ring, its interval, the way up to it and its sensor."""
        source, interval, way, sensor = self.loose[self.random.randrange(len(self.loose))]
        if len(self.loose) > 1 and self.chance(0.7):
            self.loose.remove((source, interval, way, sensor))
        ring = self.ring(source, target)
        return ring, interval, (*way, ring), sensor

    def arrive(self, way: tuple[str, ...], sensor: str) -> None:
        self.paths[f"{sensor}->{way[-1]}"] = Path(f"{sensor}->{way[-1]}", sensor, way)


def random_plan(seed: int, features: Features = EVERYTHING) -> Plan:
    """Return a plan; the same one for the same seed and features."""
    random = Random(seed)
    quantum_ns = random.choice((MS // 4, MS, MS, 2 * MS))
    draft = _Draft(random, features, quantum_ns)
    sensors = [_sensor(draft, f"sensor{number}") for number in range(random.randint(1, 2))]
    names = [f"node{number}" for number in range(random.randint(1, 5))]
    for number, name in enumerate(names):
        for service in range(1 if random.random() < 0.6 else 2):
            _service(draft, name, f"service{number}{service}")
        if features.devices and random.random() < 0.3:
            _accelerator(draft, f"accelerator{number}")
        if features.devices and random.random() < 0.3:
            _link(draft, f"link{number}")
    _sink(draft)
    devices = [replace(each, outputs=tuple(draft.outputs.get(each.name, ()))) for each in sensors]
    accelerators = [
        replace(each, outputs=tuple(draft.outputs.get(each.name, ()))) if isinstance(each, Accelerator) else each
        for each in draft.devices
    ]
    order = sorted(names, key=lambda name: random.random())
    paused = Random(-seed - 1)
    shares = (_WHOLE, _WHOLE, _WHOLE, Fraction(1, 2), Fraction(7, 9)) if features.pauses else (_WHOLE,)
    duties = {name: paused.choice(shares) for name in order}
    policy, supplies = _policy(random, features, duties, quantum_ns)
    nodes = tuple(_node(draft, name, policy is not None and random.random() < 0.9) for name in order)
    nodes = tuple(replace(node, duty=duties[node.name]) for node in nodes)
    alone = {node.name for node in nodes if not node.scheduled and node.duty != 1}
    supplies |= {name: pausing(quantum_ns, duties[name]) for name in alone}
    duration_ns = quantum_ns * (1_500 * MS // quantum_ns)
    return Plan(
        f"random {seed}",
        quantum_ns,
        duration_ns,
        draft.rings,
        nodes,
        (*devices, *accelerators),
        draft.paths,
        policy,
        supplies,
    )


def _sensor(draft: _Draft, name: str) -> Sensor:
    random = draft.random
    interval = random.choice((Fraction(1_000_000_000, 30), Fraction(1_001_000_000_000, 30_000), Fraction(10 * MS)))
    interval = random.choice((interval, Fraction(random.randrange(4 * MS, 40 * MS))))
    jitter_ns = random.randrange(0, int(interval)) if random.random() < 0.4 else 0
    count = random.randint(1, 60) if random.random() < 0.15 else None
    draft.loose.append((name, interval, (), name))
    return Sensor(name, interval, (), jitter_ns, random.randrange(1 << 30), count, waits=random.random() < 0.2)


def _service(draft: _Draft, node: str, name: str) -> None:
    """Add a service of a node, its inputs and the rings to it."""
    random, features = draft.random, draft.features
    first = draft.take(node)
    inputs = [first]
    if features.joins and draft.chance(0.25):
        inputs.append(draft.take(node))
    if features.joins and draft.chance(0.1):
        inputs.append(draft.take(node))
    rings = [ring for ring, *_ in inputs]
    sampled = [draft.take(node)[0]] if features.sampled and draft.chance(0.25) else []
    if features.sampled and len(rings) == 1 and draft.chance(0.1):
        rings, sampled = [], [*rings, *sampled]
    for _, _, way, sensor in inputs[:1]:
        draft.arrive(way, sensor)
    wanted = random.uniform(0.05, features.load) / random.choice((1, 2))
    hold_ns = max(1, int(first[1] * Fraction(wanted)))
    count = random.choice((1, 1, 2, 7))
    holds = np.array([random.randint(hold_ns // 2, hold_ns) for _ in range(count)], np.int64)
    keeps, gap_ns = random.random() < 0.3, random.choice((0, 0, random.randrange(200_000)))
    calls = Calls(holds, np.zeros((count, 0), np.int64))
    service = Service(name, tuple(rings), tuple(sampled), (), calls, gap_ns, keeps)
    draft.services.setdefault(node, []).append(service)
    draft.loose.append((name, first[1], first[2], first[3]))


def _accelerator(draft: _Draft, name: str) -> None:
    inputs = [draft.take(name) for _ in range(draft.random.choice((1, 1, 2)))]
    job_ns = int(inputs[0][1] * Fraction(draft.random.uniform(0.01, 0.6)))
    draft.devices.append(Accelerator(name, tuple(each[0] for each in inputs), (), job_ns))
    draft.arrive(inputs[0][2], inputs[0][3])
    draft.loose.append((name, *inputs[0][1:]))


def _link(draft: _Draft, name: str) -> None:
    lanes = []
    for _ in range(draft.random.choice((1, 2))):
        arriving, interval, way, sensor = draft.take(name)
        wire_ns = int(interval * Fraction(draft.random.uniform(0.001, 0.6)))
        leaving = draft.ring(name, f"sink of {name}")
        draft.arrive((*way, leaving), sensor)
        direction = draft.random.choice(("sent", "received"))
        lanes.append(Lane(arriving, leaving, direction, wire_ns))
    latency_ns = draft.random.choice((0, 50_000, 20 * MS))
    draft.devices.append(Link(name, tuple(lanes), latency_ns, draft.chance(0.5)))
    draft.devices.append(Sink(f"sink of {name}", tuple(lane.leaving for lane in lanes)))


def _sink(draft: _Draft) -> None:
    inputs = []
    for source, _, way, sensor in list(draft.loose):
        ring = draft.ring(source, "display")
        draft.arrive((*way, ring), sensor)
        inputs.append(ring)
    draft.devices.append(Sink("display", tuple(inputs)))


def _node(draft: _Draft, name: str, scheduled: bool) -> Node:
    """Return a node whose services send into the rings that were drawn from them."""
    random = draft.random
    services = []
    for service in draft.services[name]:
        outputs = tuple(draft.outputs.get(service.name, ()))
        holds = service.calls.hold_ns
        offsets = np.array([[random.randint(0, int(hold)) for _ in outputs] for hold in holds], np.int64)
        offsets = offsets.reshape(len(holds), len(outputs))
        if draft.features.skips and random.random() < 0.2 and len(holds) > 1:
            offsets[random.randrange(len(holds))] = NOT_SENT
        drawn = [[random.randrange(50_000) for _ in service.required] for _ in holds]
        take = np.array(drawn, np.int64).reshape(len(holds), len(service.required)) if random.random() < 0.4 else None
        rest = np.array([random.randrange(100_000) for _ in holds], np.int64) if random.random() < 0.3 else None
        services.append(replace(service, outputs=outputs, calls=Calls(holds, offsets, take, rest)))
    for service in services:  # rings name the node that sends, not its service
        for ring in service.outputs:
            draft.rings[ring] = replace(draft.rings[ring], source=name)
    wake_ns, bell_ns = random.choice((0, 100_000, random.randrange(500_000))), random.choice((0, 0, 30_000))
    return Node(name, tuple(services), wake_ns, scheduled, bell_ns)


# -- policies --------------------------------------------------------------------------------------------------------


def _policy(
    random: Random, features: Features, duties: Mapping[str, Fraction], quantum_ns: int
) -> tuple[Callable[[], Policy] | None, dict[str, Callable[[int], int | None]]]:
    nodes, kind = list(duties), random.choice(features.policies)
    switch_ns = random.choice((0, quantum_ns // 50))
    if kind == "arinc653":
        windows, frame_ns = _windows(random, nodes, quantum_ns)
        preempting = random.random() < 0.2
        supplies = {
            name: supply_of(name, windows, frame_ns, quantum_ns, switch_ns, preempting, duty).response_ns
            for name, duty in duties.items()
        }
        return partial(Arinc653, quantum_ns, frame_ns, windows, switch_ns, preempting), dict(supplies)
    if kind == "fixed_priority":
        servers = _servers(random, nodes, quantum_ns)
        analysis = Analysis(servers, quantum_ns, switch_ns)
        promised = {
            each.partition: partial(analysis.response_ns, each, duty=duties[each.partition]) for each in servers
        }
        return partial(FixedPriority, quantum_ns, servers, switch_ns), dict(promised)
    return None, {}


def _windows(random: Random, nodes: list[str], quantum_ns: int) -> tuple[list[Window], int]:
    windows, at_ns, core = [], 0, 0
    for _ in range(random.choice((1, 2))):
        for name in nodes:
            length_ns = quantum_ns * random.randint(1, 4)
            windows.append(Window.model_construct(partition=name, core=core, offset_ns=at_ns, length_ns=length_ns))
            at_ns += length_ns + quantum_ns * (random.random() < 0.2)
    return windows, at_ns + quantum_ns


def _servers(random: Random, nodes: list[str], quantum_ns: int) -> list[Server]:
    servers = []
    for place, name in enumerate(nodes):
        period_ns = quantum_ns * random.choice((5, 10, 20))
        budget_ns = int(period_ns * random.uniform(0.3, 1.1) / len(nodes))
        core = random.choice((0, 1))
        servers.append(Server(name, (core,), 100 - place, budget_ns, period_ns))
    if random.random() < 0.3:
        servers[-1] = replace(servers[-1], budget_ns=None, period_ns=None)
    return servers
