"""Random plans: small systems of all that a plan can have, some of them overloaded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from random import Random
from typing import Any

import numpy as np

from sim.host.scheduler import Policy
from sim.host.scheduler.arinc653 import Arinc653
from sim.host.scheduler.dedicated import Dedicated
from sim.host.scheduler.fixed_priority import FixedPriority
from sim.scenario.schedule import Server, Window
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

QUANTA_NS = (100_000, 250_000, 1_000_000, 10_000_000)
OVERFLOWS: tuple[Overflow, ...] = ("block", "block", "drop_newest", "drop_oldest")


@dataclass
class _Draft:
    """A service whose rings are not known yet."""

    node: str
    name: str
    required: list[str] = field(default_factory=list)
    sampled: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)


class Draw:
    """Draws one plan.

    Parameters:
        seed: the same gives the same plan.
    """

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._quantum_ns = self._random.choice(QUANTA_NS)
        self._rings: dict[str, Ring] = {}
        self._lanes: dict[str, list[Lane]] = {}
        self._seed = seed

    def plan(self) -> Plan:
        """Return it."""
        random = self._random
        duration_ns = self._quantum_ns * random.randint(20, 80)
        names = [f"n{number}" for number in range(random.randint(1, 5))]
        is_firmware = {name: random.random() < 0.35 for name in names}
        drafts = [
            _Draft(name, f"{name}s{number}")
            for name in names
            for number in range(1 if is_firmware[name] else random.choice((1, 1, 2, 3)))
        ]
        sensors = [f"sensor{number}" for number in range(random.randint(1, 3))]
        accelerators = [f"npu{number}" for number in range(random.choice((0, 0, 1, 2)))]
        self._linked = {name: f"{name}@link" for name in names if random.random() < 0.3}
        outputs, inputs = self._wire(drafts, sensors, accelerators, is_firmware)
        nodes = self._nodes(names, drafts, is_firmware)
        devices = self._devices(outputs, inputs)
        random.shuffle(nodes)
        random.shuffle(devices)
        policy, scheduled = self._policy([node.name for node in nodes])
        nodes = [replace(node, scheduled=node.name in scheduled, duty=self._duty()) for node in nodes]
        return Plan(
            f"random {self._seed}",
            self._quantum_ns,
            duration_ns,
            self._rings,
            tuple(nodes),
            tuple(devices),
            self._paths(nodes, devices),
            policy,
        )

    def _duty(self) -> Fraction:
        """Return what a machine executes of its time; mostly all of it."""
        return self._random.choice(
            (Fraction(1), Fraction(1), Fraction(1), Fraction(1, 2), Fraction(3, 5), Fraction(7, 9))
        )

    def _span_ns(self, *quanta: float) -> int:
        """Return a time of about so many quanta; sometimes a round one, so that things fall together."""
        span = self._quantum_ns * self._random.choice(quanta)
        return max(1, int(span if self._random.random() < 0.4 else span * self._random.uniform(0.5, 1.5)))

    # -- rings -------------------------------------------------------------------------------------------------------

    def _ring(self, channel: str, name: str, source: str, target: str, payload_bytes: int) -> None:
        random = self._random
        depth, overflow, open_ns = random.choice((2, 2, 4, 8, 16)), random.choice(OVERFLOWS), 0
        if not source.startswith("n") or "@" in source or source.startswith("npu"):  # a device waits for its other end
            open_ns = random.choice((0, 0, 0, 0, self._quantum_ns * random.randint(1, 8)))
        self._rings[name] = Ring(name, channel, source, target, payload_bytes, depth, overflow, open_ns)

    def _channel(self, source: str, target: str) -> tuple[str, str]:
        """Make the rings of a channel; return the first and the last."""
        linked = self._linked
        both_nodes = all(stop.startswith("n") and not stop.startswith("npu") for stop in (source, target))
        name = f"c{len({ring.channel for ring in self._rings.values()})}"
        payload_bytes = 16 if source.startswith("sensor") else self._random.choice((16, 32, 48))
        crossing = [node for node in (source, target) if both_nodes and source != target and node in linked]
        stops = [source, *(linked[node] for node in crossing for _ in range(2)), target]
        legs = [(stops[place], stops[place + 1]) for place in range(0, len(stops), 2)]
        made = [name if number == len(legs) - 1 else f"{name}@{legs[number][0]}" for number in range(len(legs))]
        for leg, (start, end) in zip(made, legs, strict=True):
            self._ring(name, leg, start, end, payload_bytes)
        for number, node in enumerate(crossing):
            direction: Any = "sent" if node == source else "received"
            lane = Lane(made[number], made[number + 1], direction, payload_bytes)  # its time is known later
            self._lanes.setdefault(linked[node], []).append(lane)
        return made[0], made[-1]

    def _wire(
        self,
        drafts: Sequence[_Draft],
        sensors: Sequence[str],
        accelerators: Sequence[str],
        is_firmware: dict[str, bool],
    ) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """Connect every input to a source; return what devices send, and what they take."""
        random = self._random
        outputs: dict[str, list[str]] = {device: [] for device in (*sensors, *accelerators)}
        inputs: dict[str, list[str]] = {device: [] for device in (*accelerators, "sink0", "sink1")}

        def join(source: str | _Draft, target: str, taken: list[str]) -> None:
            first, last = self._channel(source if isinstance(source, str) else source.node, target)
            (outputs[source] if isinstance(source, str) else source.outputs).append(first)
            taken.append(last)

        def connect(draft: _Draft, number: int, taken: list[str]) -> None:
            early = [*sensors, *accelerators, *drafts[:number]]
            join(random.choice(early if random.random() < 0.93 else [*early, *drafts[number:]]), draft.node, taken)

        for number, accelerator in enumerate(accelerators):
            for _ in range(random.choice((1, 1, 2, 3))):
                join(random.choice((*sensors, *accelerators[:number], *drafts)), accelerator, inputs[accelerator])
        for number, draft in enumerate(drafts):
            least = 0 if is_firmware[draft.node] and random.random() < 0.4 else 1
            for _ in range(random.choice((least, 1, 1, 2, 3)) or least):
                connect(draft, number, draft.required)
            for _ in range(random.choice((0, 0, 1, 2)) if draft.required else random.choice((1, 1, 2))):
                connect(draft, number, draft.sampled)
        for source in (*sensors, *accelerators, *drafts):
            mine = outputs[source] if isinstance(source, str) else source.outputs
            if not mine or random.random() < 0.3:
                sink = random.choice(("sink0", "sink1"))
                join(source, sink, inputs[sink])
        for draft in drafts:
            for ring in draft.sampled:
                if random.random() < 0.4:
                    self._rings[ring] = replace(self._rings[ring], depth=2, overflow="drop_oldest")
        return outputs, inputs

    # -- who is at their ends ----------------------------------------------------------------------------------------

    def _nodes(self, names: Sequence[str], drafts: Sequence[_Draft], is_firmware: dict[str, bool]) -> list[Node]:
        random = self._random
        nodes = []
        for name in names:
            services = tuple(self._service(draft, is_firmware[name]) for draft in drafts if draft.node == name)
            wake_ns = random.choice((0, 0, 1, self._span_ns(0.05, 0.4)))
            bell_ns = random.choice((0, 0, 1, self._span_ns(0.02, 0.3)))
            nodes.append(Node(name, services, wake_ns, bell_ns=bell_ns))
        return nodes

    def _service(self, draft: _Draft, keeps: bool) -> Service:
        random = self._random
        count, scale = random.randint(1, 4), random.choice((0.05, 0.3, 1.0, 3.0))
        hold = [self._span_ns(scale, scale / 3) for _ in range(count)]
        offsets = []
        for longest in hold:
            row = [random.choice((longest, random.randint(0, longest))) for _ in draft.outputs]
            row = row if keeps else sorted(row)
            offsets.append([NOT_SENT if random.random() < 0.1 else offset for offset in row])
        table = np.array(offsets, np.int64).reshape(count, len(draft.outputs))
        take = np.zeros((count, len(draft.required)), np.int64)
        for place in np.ndindex(take.shape):
            take[place] = random.choice((0, self._span_ns(0.02, 0.4)))
        rest = np.array([random.choice((0, self._span_ns(0.02, 0.5))) for _ in range(count)], np.int64)
        late = random.random() < 0.4
        calls = Calls(np.array(hold, np.int64), table, take if random.random() < 0.6 else None, rest if late else None)
        gap_ns = random.choice((0, 0, 1, self._span_ns(0.02, 0.5)))
        rings = tuple(draft.required), tuple(draft.sampled), tuple(draft.outputs)
        return Service(draft.name, *rings, calls, gap_ns, keeps)

    def _devices(self, outputs: dict[str, list[str]], inputs: dict[str, list[str]]) -> list[Device]:
        random = self._random
        devices: list[Device] = [self._sensor(name, outputs[name]) for name in outputs if name not in inputs]
        for name, rings in inputs.items():
            if name in outputs:
                job_ns = self._span_ns(0.05, 0.4, 1.0, 3.0)
                devices.append(Accelerator(name, tuple(rings), tuple(outputs[name]), job_ns))
            elif rings:
                devices.append(Sink(name, tuple(rings)))
        for name, lanes in self._lanes.items():
            byte_ns = self._span_ns(0.3, 1.0, 0.02) // 32
            timed = (Lane(lane.arriving, lane.leaving, lane.direction, lane.wire_ns * byte_ns) for lane in lanes)
            latency_ns = random.choice((0, self._span_ns(0.1, 1.5)))
            devices.append(Link(name, tuple(timed), latency_ns, random.random() < 0.5))
        return devices

    def _sensor(self, name: str, outputs: Sequence[str]) -> Sensor:
        random = self._random
        interval = Fraction(self._span_ns(0.3, 1.0, 2.0, 7.0), random.choice((1, 3)))
        jitter_ns = random.choice((0, 0, int(interval // 2), int(interval) - 1))
        count = random.choice((None, None, 1, 9))
        return Sensor(name, interval, tuple(outputs), max(0, jitter_ns), self._seed, count, random.random() < 0.5)

    # -- paths -------------------------------------------------------------------------------------------------------

    def _paths(self, nodes: Sequence[Node], devices: Sequence[Device]) -> dict[str, Path]:
        """Return a path to each ring to which samples come by one way only."""
        before: dict[str, str] = {}
        for service in (service for node in nodes for service in node.services):
            origins = service.required[:1] or service.sampled
            before.update(dict.fromkeys(service.outputs, origins[0]) if len(origins) == 1 else {})
        for device in devices:
            if isinstance(device, Accelerator) and len(device.inputs) == 1:
                before.update(dict.fromkeys(device.outputs, device.inputs[0]))
            elif isinstance(device, Link):
                before.update({lane.leaving: lane.arriving for lane in device.lanes})
        paths = {}
        for name in self._rings:
            way = [name]
            while way[0] in before and before[way[0]] not in way:
                way.insert(0, before[way[0]])
            source = self._rings[way[0]].source
            if source.startswith("sensor"):
                deadline_ns = self._random.choice((None, self._span_ns(0.5, 3.0)))
                paths[f"{source}->{name}"] = Path(f"{source}->{name}", source, tuple(way), deadline_ns)
        return paths

    # -- policies ----------------------------------------------------------------------------------------------------

    def _policy(self, names: Sequence[str]) -> tuple[Callable[[], Policy] | None, set[str]]:
        random, quantum_ns = self._random, self._quantum_ns
        scheduled = {name for name in names if random.random() < 0.8}
        kind = random.choice(("none", "dedicated", "arinc653", "arinc653", "fixed_priority", "fixed_priority"))
        if kind == "none" or not scheduled:
            return None, set()
        if kind == "dedicated":
            return lambda: Dedicated(quantum_ns), scheduled
        switch_ns = random.choice((0, 0, quantum_ns // 10, quantum_ns // 2))
        in_order = sorted(scheduled)
        if kind == "arinc653":
            return self._arinc653(in_order, switch_ns), scheduled
        return self._fixed_priority(in_order, switch_ns), scheduled

    def _arinc653(self, names: Sequence[str], switch_ns: int) -> Callable[[], Policy]:
        random, quantum_ns = self._random, self._quantum_ns
        cores = random.choice((1, 2))
        windows, ends = [], [0] * cores
        places = [(name, random.randrange(cores)) for name in names]
        for name, core in [*places, *(place for place in places if random.random() < 0.4)]:
            offset = ends[core] + random.choice((0, 0, 1))
            length = random.randint(1, 3)
            ends[core] = offset + length
            windows.append(
                Window.model_construct(
                    partition=name, core=core, offset_ns=offset * quantum_ns, length_ns=length * quantum_ns
                )
            )
        frame_ns = (max(ends) + random.choice((0, 0, 2))) * quantum_ns
        preempting = random.random() < 0.5
        return lambda: Arinc653(quantum_ns, frame_ns, windows, switch_ns, preempting)

    def _fixed_priority(self, names: Sequence[str], switch_ns: int) -> Callable[[], Policy]:
        random, quantum_ns = self._random, self._quantum_ns
        servers = []
        for priority, name in enumerate(random.sample(list(names), len(names))):
            period_ns = quantum_ns * random.randint(2, 10)
            budget_ns = int(period_ns * random.uniform(0.1, 0.9))
            rationed = (budget_ns, period_ns) if random.random() < 0.6 else (None, None)
            servers.append(Server(name, (random.randrange(2),), priority, *rationed))
        return lambda: FixedPriority(quantum_ns, servers, switch_ns)


def random_plan(seed: int) -> Plan:
    """Return the plan of a seed."""
    return Draw(seed).plan()
