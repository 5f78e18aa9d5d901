"""What devices and links have to say at the end of a run."""

from __future__ import annotations

from collections.abc import Mapping

from machines.native.accelerator import AcceleratorDevice
from machines.native.link import LinkDevice, LinkStatistics
from machines.native.participant import NativeDevice
from machines.native.sink import SinkDevice
from sim.host.legs import link_name
from sim.report.record import ChannelRecord, LinkRecord, RunRecord, Span, TrafficRecord

JOB = "job"
"""What the calls of an accelerator are called."""


def conclude_devices(devices: Mapping[str, NativeDevice], record: RunRecord) -> None:
    """Note what each device took and sent, what sinks make of it, and what went over the links.

    Parameters:
        devices: by name; links are among them.
        record: its channels are complete.
    """
    for name, device in devices.items():
        noted = record.devices[name]
        if isinstance(device, LinkDevice):
            noted.tensors = sum(traffic.tensors for traffic in device.statistics.values())
            continue
        if isinstance(device, AcceleratorDevice):
            noted.spans = [Span(JOB, *job) for job in device.jobs]
            noted.tensors = len(noted.spans)
            continue
        rings = [ring for ring in record.channels.values() if name in _nodes(ring)]
        noted.tensors = sum(ring.published - ring.dropped for ring in rings)
        if isinstance(device, SinkDevice):
            noted.digest = device.digest
    for partition in record.partitions:
        link = devices.get(link_name(partition))
        if isinstance(link, LinkDevice):
            record.links[partition] = _link(link)


def _nodes(ring: ChannelRecord) -> tuple[str, str]:
    return ring.source.partition(".")[0], ring.target.partition(".")[0]


def _link(link: LinkDevice) -> LinkRecord:
    timing = link.timing
    return LinkRecord(
        kind=timing.kind.name,
        rate_hz=float(timing.rate),
        latency_ns=timing.latency_ns,
        mtu_bytes=timing.mtu,
        sent=_traffic(link.statistics["sent"]),
        received=_traffic(link.statistics["received"]),
    )


def _traffic(statistics: LinkStatistics) -> TrafficRecord:
    return TrafficRecord(
        tensors=statistics.tensors,
        bytes=statistics.bytes,
        packets=statistics.packets,
        busy_ns=statistics.busy_ns,
        worst_transit_ns=statistics.worst_transit_ns,
    )
