"""The links of off-chip microcontrollers, connected to the rings on both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from machines.native.link import Direction, LinkDevice
from machines.native.link_timing import KINDS, LinkTiming
from sim.host.channel import Channel
from sim.host.legs import Leg, has_link, link_name
from sim.report.record import DeviceRecord, RunRecord
from sim.scenario.model import Channel as DescribedChannel
from sim.scenario.model import McuPartition, Scenario
from virtio_shm import Consumer, Producer, TensorSpec


def make_links(
    scenario: Scenario, legs: Sequence[Leg], channels: Mapping[str, Channel], record: RunRecord
) -> dict[str, LinkDevice]:
    """Return the link of every off-chip microcontroller that has something to carry.

    Parameters:
        scenario: what is run.
        legs: all rings.
        channels: these, by the name of their leg.
        record: takes what there is to say of the links.
    """
    links = {}
    for partition in filter(lambda name: has_link(scenario, name), scenario.partitions):
        name = link_name(partition)
        crossings = [(leg, legs[i + 1]) for i, leg in enumerate(legs) if leg.target.participant == name]
        if not crossings:
            continue
        links[name] = link = LinkDevice(name, _timing(scenario.partitions[partition]))
        for arriving, leaving in crossings:
            described = scenario.channels[arriving.channel]
            direction: Direction = "sent" if described.source.node == partition else "received"
            consumer, producer = _ends(described, channels[arriving.name], channels[leaving.name], link)
            link.connect(direction, arriving.target.vector, consumer, leaving.source.vector, producer)
        record.devices[name] = DeviceRecord("link", _summary(scenario.partitions[partition]))
    return links


def _timing(partition: object) -> LinkTiming:
    assert isinstance(partition, McuPartition) and partition.effective_link is not None
    link = partition.effective_link
    return LinkTiming(KINDS[link.kind], link.rate, link.latency_ns, link.mtu_bytes)


def _summary(partition: object) -> str:
    assert isinstance(partition, McuPartition) and partition.effective_link is not None
    link = partition.effective_link
    rate = f"{float(link.rate) / 1e6:g} {'MHz' if link.kind in ('spi', 'sdio') else 'Mbit/s'}"
    return f"{link.kind} at {rate}, {link.latency_ns / 1000:g} us, packets of {link.mtu_bytes} bytes"


def _ends(
    described: DescribedChannel, arriving: Channel, leaving: Channel, link: LinkDevice
) -> tuple[Consumer, Producer]:
    """Return the link's ends of the ring that tensors come from and of the one that they go into."""
    tensor = described.tensor
    spec = TensorSpec(tensor.dtype, tensor.shape, tensor.scale, tensor.zero_point)
    consumer = Consumer(arriving.region.view, arriving.layout, spec=spec, clock=link.clock)
    producer = Producer(leaving.region.view, leaving.layout, overflow=described.overflow, clock=link.clock)
    return consumer, producer
