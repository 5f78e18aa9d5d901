"""Participants in memory: scripted guests, guests with real rings, and devices, all deterministic."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from machines.errors import ParticipantFailed
from machines.memory import SharedRegion
from machines.participant import NEVER_NS, Slice, State
from sim.host.channel import Channel, End
from sim.host.executive import Executive
from sim.host.trace import Trace
from sim.report.record import ChannelRecord
from virtio_shm import Consumer, Layout, Producer, TensorSpec

US, MS = 1_000, 1_000_000
QUANTUM_NS = MS
SPEC = TensorSpec("uint8", (16,))


class Guest:
    """A guest that does what it was told to do at given times, and what it hears.

    Parameters:
        name: of the participant.
        script: (time in ns, what to do then).
        eager: claims to be busy always, so that it is granted every quantum.
        journal: takes a line for each call of the executive.
    """

    def __init__(
        self,
        name: str,
        script: Iterable[tuple[int, Callable[[], None]]] = (),
        eager: bool = False,
        journal: list[str] | None = None,
    ) -> None:
        self.name = name
        self.state = State.RUNNING
        self.now_ns = self.at_ns = 0
        self.heard: list[tuple[int, list[int]]] = []
        self.granted: list[int] = []
        self.dies_at_ns = NEVER_NS
        self.journal = [] if journal is None else journal
        self.rung: set[int] = set()
        self.eager = eager
        self._order = itertools.count()
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        for t_ns, act in script:
            self.at(t_ns, act)

    def at(self, t_ns: int, act: Callable[[], None]) -> None:
        """Do something at a time, after what was planned for the same time before."""
        heapq.heappush(self._agenda, (t_ns, next(self._order), act))

    def ring(self, vector: int) -> None:
        """Ring a doorbell now."""
        self.rung.add(vector)

    def hear(self, vectors: Sequence[int]) -> None:
        """React to doorbells; nothing here."""

    # -- participant -------------------------------------------------------------------------------------------------

    @property
    def wake_ns(self) -> int:
        return self.at_ns if self.eager else self._agenda[0][0] if self._agenda else NEVER_NS

    def grant(self, until_ns: int, executing: Slice | None = None) -> None:
        assert until_ns >= self.at_ns, "time goes on only"
        self.journal.append(f"grant {self.name}")
        self.granted.append(until_ns)

    def settle(self) -> None:
        self.journal.append(f"settle {self.name}")
        until_ns = self.granted[-1]
        if self.dies_at_ns < until_ns:
            raise ParticipantFailed(self.name, "died")
        while self._agenda and self._agenda[0][0] < until_ns:
            t_ns, _, act = heapq.heappop(self._agenda)
            self.now_ns = max(t_ns, self.now_ns)
            act()
        self.now_ns = self.at_ns = until_ns

    def deliver(self, vectors: Sequence[int]) -> None:
        self.heard.append((self.at_ns, list(vectors)))
        self.hear(vectors)

    def collect(self) -> Sequence[int]:
        rung, self.rung = sorted(self.rung), set()
        return rung

    def fail(self) -> None:
        self.state = State.FAILED

    def stop(self) -> None:
        self.state = State.STOPPED


class Device(Guest):
    """A device of the host: acts at boundaries, at those of its script and when it is rung."""

    def broken(self) -> Sequence[tuple[int, str]]:
        return ()


@dataclass
class Wire:
    """What the executive needs of a channel, without a ring."""

    name: str
    source: End
    target: End
    observed: list[tuple[int, str]] = field(default_factory=list)
    breaks_at_ns: int = NEVER_NS

    def other(self, end: End) -> End:
        return self.target if end == self.source else self.source

    def observe(self, now_ns: int, trace: Trace, actor: str) -> None:
        self.observed.append((now_ns, actor))
        if now_ns >= self.breaks_at_ns:
            self.breaks_at_ns = NEVER_NS
            raise ParticipantFailed(actor, f"broke the ring of channel {self.name}")


class Ringed(Guest):
    """A guest with real rings: it forwards what comes in to what goes out, a while later."""

    def __init__(self, name: str, work_ns: int = 0, eager: bool = False) -> None:
        super().__init__(name, eager=eager)
        self._work_ns = work_ns
        self._inputs: dict[int, Consumer] = {}
        self._outputs: dict[int, Producer] = {}
        self._unsent: dict[int, deque[bytes]] = {}
        self.at(0, self.serve)

    def clock(self) -> int:
        """Return the time now, for the rings."""
        return self.now_ns

    def attach(self, vector: int, end: Producer | Consumer) -> None:
        """Connect one channel."""
        if isinstance(end, Producer):
            self._outputs[vector] = end
            self._unsent[vector] = deque()
        else:
            self._inputs[vector] = end

    def produce(self, content: bytes) -> None:
        """Send a tensor on every output."""
        for queue in self._unsent.values():
            queue.append(content[:16].ljust(16, b"\0"))
        self.serve()

    def hear(self, vectors: Sequence[int]) -> None:
        self.at(self.at_ns, self.serve)

    def serve(self) -> None:
        """Do all that can be done now."""
        for vector, end in (*self._inputs.items(), *self._outputs.items()):
            end.poll_ready()
            self._announce(vector, end)
        for vector, consumer in self._inputs.items():
            self._take(vector, consumer)
        for vector, producer in self._outputs.items():
            self._send(vector, producer)

    def _announce(self, vector: int, end: Producer | Consumer) -> None:
        if end.announce():
            self.ring(vector)

    def _take(self, vector: int, consumer: Consumer) -> None:
        while (frame := consumer.take()) is not None:
            content = frame.array.tobytes()

            def done(frame: object = frame, content: bytes = content) -> None:
                if consumer.give_back(frame):  # type: ignore[arg-type]
                    self.ring(vector)
                self.produce(content[1:])

            self.at(self.now_ns + self._work_ns, done)
        self._announce(vector, consumer)
        if consumer.due_ns is not None:
            self.at(consumer.due_ns, self.serve)

    def _send(self, vector: int, producer: Producer) -> None:
        queue = self._unsent[vector]
        while queue:
            slot = producer.reserve(SPEC)
            if slot is None:
                self._announce(vector, producer)
                if producer.overflow == "block" or not producer.poll_ready():
                    return
            else:
                slot[:] = np.frombuffer(queue[0], np.uint8)
                if producer.commit():
                    self.ring(vector)
            queue.popleft()


def record(overflow: str = "block") -> ChannelRecord:
    """Return the empty record of a channel."""
    return ChannelRecord("a", "b", SPEC.dtype, SPEC.shape, 0, overflow, 0)


def connect(
    name: str, producer: Ringed, consumer: Ringed, vectors: tuple[int, int], depth: int, overflow: str
) -> Channel:
    """Return a real channel between two guests."""
    layout = Layout.for_tensor(SPEC, depth)
    region = SharedRegion(name, layout.mapping_bytes)
    region.close()  # the mapping stays
    producer.attach(vectors[0], Producer(region.view, layout, overflow=overflow, clock=producer.clock))  # type: ignore[arg-type]
    consumer.attach(vectors[1], Consumer(region.view, layout, spec=SPEC, clock=consumer.clock))
    ends = End(producer.name, vectors[0]), End(consumer.name, vectors[1])
    return Channel(name, region, layout, *ends, record(overflow))


@dataclass
class Bench:
    """An executive and all that it tells."""

    guests: Sequence[Guest]
    channels: Sequence[Channel | Wire] = ()
    devices: Sequence[Device] = ()
    trace: Trace = field(default_factory=Trace)
    doorbells: list[tuple[int, str, str]] = field(default_factory=list)
    failures: list[tuple[int, str]] = field(default_factory=list)
    boundaries: list[int] = field(default_factory=list)

    def run(self, until_ns: int) -> Bench:
        """Run from 0 to `until_ns`."""
        executive = Executive(
            self.guests,
            self.devices,
            self.channels,  # type: ignore[arg-type]
            QUANTUM_NS,
            self.trace,
            lambda now_ns, source, target, _: self.doorbells.append((now_ns, source.participant, target.participant)),
            lambda now_ns, failure: self.failures.append((now_ns, str(failure))),
        )
        executive.run(until_ns, self.boundaries.append)
        assert executive.now_ns == until_ns
        return self
