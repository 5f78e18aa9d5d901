"""A plan: what the model simulates. A scenario reduced to what takes time and memory, with nothing left to look up.

Rings, nodes, services and devices are named as in the scenario and in reports; a channel over a link has a ring on
each side of it. Plans are values: a variant is made with `dataclasses.replace`. All times are virtual ns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sim.host.scheduler import Policy
from virtio_shm import Layout

Overflow = Literal["block", "drop_newest", "drop_oldest"]
NOT_SENT = -1
"""In `Calls.offsets_ns`: this call sends nothing there."""

LONGEST_NS = 1 << 47
"""No time of a plan is longer: 39 hours, more than any run; the sum of all calls of a service is an int64 even so."""


def scaled_ns(time_ns: int, factor: float) -> int:
    """Return a time in ns that is `factor` times as long, at most `LONGEST_NS`."""
    return round(min(time_ns * factor, LONGEST_NS))


@dataclass(frozen=True, slots=True)
class Ring:
    """One ring in shared memory.

    Attributes:
        name: of the ring, `CHANNEL` or `CHANNEL@SENDER`.
        channel: of the scenario that it is (a part of).
        source, target: the node, device or link at each end.
        payload_bytes: size of one tensor.
        depth: tensors that it holds.
        overflow: what happens when it is full.
        open_ns: from when on its producer can send.
    """

    name: str
    channel: str
    source: str
    target: str
    payload_bytes: int
    depth: int
    overflow: Overflow
    open_ns: int = 0

    @property
    def layout(self) -> Layout:
        """Where everything lies in its region."""
        return _layout(self.depth, self.payload_bytes)


@lru_cache(maxsize=1024)
def _layout(depth: int, payload_bytes: int) -> Layout:
    """Return a layout; a sweep asks for the same ones again and again."""
    return Layout(depth, payload_bytes)


@dataclass(frozen=True, slots=True)
class Calls:
    """How long a service executes, call by call; after the last comes the first again.

    Attributes:
        hold_ns: int64[calls]; execution time from taking the inputs to giving them back.
        offsets_ns: int64[calls, outputs]; execution time from taking the inputs to sending each output, `NOT_SENT`
            where a call sends nothing on it.
        take_ns: int64[calls, required]; execution time up to taking each input: the first one from looking at the
            service when its node was woken for the call (0 when it was awake), the others from the one before, within
            `hold_ns`. None: takes no time.
        rest_ns: int64[calls]; execution time after each call beyond the service's `gap_ns`. None: none.
    """

    hold_ns: NDArray[np.int64]
    offsets_ns: NDArray[np.int64]
    take_ns: NDArray[np.int64] | None = None
    rest_ns: NDArray[np.int64] | None = None

    def scaled(self, factor: float) -> Calls:
        """Return calls that take `factor` times as long, but none longer than `LONGEST_NS`."""

        def scaled(times_ns: NDArray[np.int64]) -> NDArray[np.int64]:
            whole: NDArray[np.int64] = np.rint(np.minimum(times_ns * factor, LONGEST_NS)).astype(np.int64)
            return whole

        offsets = np.where(self.offsets_ns < 0, NOT_SENT, scaled(self.offsets_ns))
        others = (None if each is None else scaled(each) for each in (self.take_ns, self.rest_ns))
        return Calls(scaled(self.hold_ns), offsets, *others)

    def for_inputs(self, count: int) -> Calls:
        """Return calls that take so many inputs; further ones take as long as the last of the present ones."""
        take = self.take_ns
        if take is None or take.shape[1] == count:
            return self
        further = take[:, -1:] if take.shape[1] > 1 else np.zeros_like(take)
        wider = np.concatenate((take, np.repeat(further, max(0, count - take.shape[1]), axis=1)), axis=1)
        return replace(self, take_ns=np.ascontiguousarray(wider[:, :count]))


@dataclass(frozen=True, slots=True)
class Service:
    """A service of a node.

    Attributes:
        name: as in the scenario.
        required: rings of which a call needs a tensor each, in the order in which they are taken; the first one tells
            the origin of what is sent.
        sampled: rings of which it looks at the newest tensor only. Without any `required` it is called when one of
            these has a new one.
        outputs: rings that it sends into, in the order of the columns of `calls.offsets_ns`.
        calls: how long it executes.
        gap_ns: execution time from the end of a call to taking inputs that are there already, at least.
        keeps: it holds a sampled tensor until a newer one comes, as firmware does; else to the end of its next call.
    """

    name: str
    required: tuple[str, ...]
    sampled: tuple[str, ...]
    outputs: tuple[str, ...]
    calls: Calls
    gap_ns: int = 0
    keeps: bool = False


@dataclass(frozen=True, slots=True)
class Node:
    """A Linux guest or a microcontroller: executes one service after the other.

    Attributes:
        name: of the partition.
        services: in the order in which its loop looks at them.
        wake_ns: execution time from a doorbell to looking at the first service.
        bell_ns: execution time from publishing a tensor, or giving one back, to ringing the other end.
        scheduled: the host's policy says when it executes; else always.
        duty: share of its time on its core that its machine executes, the first part of each slice, where its speed is
            none that the machine has (`sim.host.duty`). Execution times are such as if it executed all the time at
            its own speed.
    """

    name: str
    services: tuple[Service, ...]
    wake_ns: int = 0
    scheduled: bool = False
    bell_ns: int = 0
    duty: Fraction = Fraction(1)


@dataclass(frozen=True, slots=True)
class Sensor:
    """A device that sends samples.

    Attributes:
        name: of the device.
        interval_ns: between two samples, exactly.
        outputs: rings; each sample goes into all of them.
        jitter_ns: a sample is late by up to this much (drawn as `machines.native.camera` does).
        seed: of the jitter.
        count: stops after this many samples; None: never.
        waits: samples wait for a blocking ring to open, as a recording's do; else they pass, but for the last.
        camera: it is a camera, which sweeps may multiply.
    """

    name: str
    interval_ns: Fraction
    outputs: tuple[str, ...]
    jitter_ns: int = 0
    seed: int = 0
    count: int | None = None
    waits: bool = False
    camera: bool = False


@dataclass(frozen=True, slots=True)
class Sink:
    """A device that takes whatever comes at once, such as a display."""

    name: str
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Accelerator:
    """A device that works on one tensor after the other, the one that was published first first.

    Attributes:
        name: of the device.
        inputs: rings; each tensor is a job.
        outputs: rings; the result of a job goes into all of them.
        job_ns: how long a job takes.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    job_ns: int


@dataclass(frozen=True, slots=True)
class Lane:
    """One channel's way over a link: from a ring to a ring, keeping a wire busy for `wire_ns` a tensor."""

    arriving: str
    leaving: str
    direction: Literal["sent", "received"]
    wire_ns: int


@dataclass(frozen=True, slots=True)
class Link:
    """The wire of a microcontroller on a board of its own (`machines.native.link`).

    Attributes:
        name: of the link.
        lanes: what it carries; the first goes first where tensors were ready at the same time.
        latency_ns: from the end of a tensor on the wire to its arrival.
        full_duplex: each direction has a wire of its own.
    """

    name: str
    lanes: tuple[Lane, ...]
    latency_ns: int
    full_duplex: bool


Device = Sensor | Sink | Accelerator | Link


@dataclass(frozen=True, slots=True)
class Path:
    """Samples of a device followed to the ring from which they are taken at last.

    Attributes:
        name: `FROM->TO`, or the scenario's.
        source: the sensor.
        rings: that they pass, in order.
        deadline_ns: age from which on an arrival is late.
    """

    name: str
    source: str
    rings: tuple[str, ...]
    deadline_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is simulated.

    Attributes:
        scenario: its name.
        quantum_ns: distance of boundaries.
        duration_ns: how long; whole quanta.
        rings: all, by name.
        nodes: in the order in which they are granted.
        devices: in the order in which they act.
        paths: that are measured, by name.
        policy: makes the executive's policy for one run; None: everybody always executes.
        supplies: of nodes that do not execute all the time, by name: the longest time in ns, from any moment on, until
            so much execution time in ns has been given, None: never (`sim.sizing.bounds.supply.supplies_of`). Only
            bounds need them.
    """

    scenario: str
    quantum_ns: int
    duration_ns: int
    rings: Mapping[str, Ring]
    nodes: tuple[Node, ...]
    devices: tuple[Device, ...]
    paths: Mapping[str, Path] = field(default_factory=dict)
    policy: Callable[[], Policy] | None = None
    supplies: Mapping[str, Callable[[int], int | None]] = field(default_factory=dict)

    @property
    def memory_bytes(self) -> int:
        """Mapped size of all rings."""
        return sum(ring.layout.mapping_bytes for ring in self.rings.values())
