"""What the host reads of memory that a guest writes, while that is full of rubbish: 10,000 looks at each."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

from machines.errors import ParticipantFailed
from machines.memory import SharedRegion
from machines.qemu import command, control
from sim.host.channel import Channel, End
from sim.host.trace import Trace
from sim.report.record import ChannelRecord
from virtio_shm import Consumer, Layout, Producer, TensorSpec

ROUNDS = 10_000
SPEC = TensorSpec("uint8", (64,))
LAYOUT = Layout.for_tensor(SPEC, depth=4)
DRIVER_WRITES = (*range(512), *range(1024, LAYOUT.used), *range(LAYOUT.slots, LAYOUT.region_bytes))
DEVICE_WRITES = (*range(512, 1024), *range(LAYOUT.used, LAYOUT.slots))
"""docs/ring.md, "Layout"."""

CONTROL_RINGS = (
    *range(control.TO_GUEST.slots + 128),
    *range(control.TO_HOST_OFFSET, control.TO_HOST_OFFSET + control.TO_HOST.slots + 4 * control.TO_HOST.slot_bytes),
)
"""Bookkeeping of both, and the first tensors."""


class Wire:
    """One channel between two sound ends, as the host sees it after some trade."""

    def __init__(self, region: SharedRegion) -> None:
        self.now_ns = 0
        record = ChannelRecord("villain", "victim", "uint8", (64,), 4, "drop_oldest", LAYOUT.region_bytes)
        self.channel = Channel("wire", region, LAYOUT, End("villain", 1), End("victim", 1), record)
        producer = Producer(region.view, LAYOUT, overflow="drop_oldest", clock=lambda: self.now_ns)
        consumer = Consumer(region.view, LAYOUT, spec=SPEC, clock=lambda: self.now_ns)
        while not (producer.poll_ready() & consumer.poll_ready()):
            pass
        for sent in range(6):
            self.now_ns += 1000
            producer.send(SPEC, bytes(64))
            self.look("villain")
            frame = consumer.take() if sent < 4 else None
            if frame is not None:
                consumer.give_back(frame)
            self.look("victim")

    def look(self, actor: str) -> None:
        """Observe the channel as after a grant."""
        self.channel.observe(self.now_ns, Trace(), actor)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(1)


@pytest.fixture
def memory() -> Iterator[SharedRegion]:
    with contextlib.closing(SharedRegion("wire", LAYOUT.mapping_bytes)) as region:
        yield region


def spoil(memory: SharedRegion, places: np.ndarray, random: np.random.Generator) -> None:
    """Write one to eight random bytes."""
    chosen = random.choice(places, random.integers(1, 9))
    np.frombuffer(memory.view, np.uint8)[chosen] = random.integers(0, 256, chosen.size, np.uint8)


@pytest.mark.parametrize(("actor", "own"), [("villain", DRIVER_WRITES), ("victim", DEVICE_WRITES)])
def test_rubbish_in_its_own_parts_of_a_channel_is_blamed_or_harmless(
    memory: SharedRegion, random: np.random.Generator, actor: str, own: tuple[int, ...]
) -> None:
    verdicts: Counter[bool] = Counter()
    for _ in range(ROUNDS // 2):
        wire = Wire(memory)
        spoil(memory, np.array(own), random)
        try:
            for now in range(2):
                wire.now_ns += now
                wire.look(actor)
            blamed = False
        except ParticipantFailed as failure:
            assert failure.participant == actor
            assert "channel wire" in failure.reason
            blamed = True
        verdicts[blamed] += 1
        wire.channel.conclude()
        assert len(wire.channel.record.messages) < 100_100
    assert min(verdicts.values()) > 100, verdicts


@pytest.mark.parametrize(("actor", "foreign"), [("villain", DEVICE_WRITES), ("victim", DRIVER_WRITES)])
def test_rubbish_in_the_other_ends_bookkeeping_is_always_blamed(
    memory: SharedRegion, random: np.random.Generator, actor: str, foreign: tuple[int, ...]
) -> None:
    places = np.array([place for place in foreign if place < LAYOUT.slots])
    for _ in range(1000):
        wire = Wire(memory)
        place = random.choice(places)
        memory.view[place] ^= random.integers(1, 256, dtype=np.uint8)
        with pytest.raises(ParticipantFailed, match="channel wire") as told:
            wire.look(actor)
        assert told.value.participant == actor


def test_rubbish_in_the_control_region_fails_its_guest_or_harms_nobody(random: np.random.Generator) -> None:
    places, verdicts = np.array(CONTROL_RINGS), Counter[bool]()
    with contextlib.closing(SharedRegion("control", command.CONTROL_BYTES)) as region:
        inward = region.view[control.TO_HOST_OFFSET : control.TO_HOST_OFFSET + control.TO_HOST.region_bytes]
        shared = np.frombuffer(region.view, np.uint8)
        for _ in range(ROUNDS):
            shared[places] = 0
            link = control.ControlLink("villain", region, lambda: 1)
            agent = Producer(inward, control.TO_HOST, overflow="block", clock=lambda: 0)
            while not agent.poll_ready():
                link.pump()
            for text in (b'{"type": "armed"}', b'{"type": "log", "text": "no"}'):
                agent.send(TensorSpec("uint8", (len(text),)), text)
            spoil(region, places, random)
            try:
                link.receive()
                link.pump()
                verdicts[False] += 1
            except ParticipantFailed as failure:
                assert failure.participant == "villain"
                assert "control" in failure.reason
                verdicts[True] += 1
    assert min(verdicts.values()) > 100, verdicts


@pytest.mark.parametrize("where", ["orders", "messages"])
def test_rubbish_in_the_hosts_part_of_the_control_region_is_always_told(
    where: str, random: np.random.Generator
) -> None:
    out, into = control.TO_GUEST, control.TO_HOST
    spans = {
        "orders": [*range(out.device), *range(out.descriptors, out.used)],
        "messages": [control.TO_HOST_OFFSET + at for at in (*range(512, 1024), *range(into.used, into.slots))],
    }
    with contextlib.closing(SharedRegion("control", command.CONTROL_BYTES)) as region:
        link = control.ControlLink("villain", region, lambda: 1)
        for _ in range(500):
            link.pump()
            place = random.choice(spans[where])
            region.view[place] ^= random.integers(1, 256, dtype=np.uint8)
            with pytest.raises(ParticipantFailed, match="control ring: wrote what only the host may"):
                link.receive()
            region.view[place] = 0
            link = control.ControlLink("villain", region, lambda: 1)
