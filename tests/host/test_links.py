"""The links of a scenario as devices: which directions they carry, with which timing, on which doorbells."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from machines.memory import SharedRegion
from machines.native.link import LinkDevice
from sim.host.channel import Channel
from sim.host.legs import Leg, legs_of, link_name
from sim.host.links import make_links
from sim.report.record import ChannelRecord, RunRecord
from sim.scenario import load
from sim.scenario.model import Scenario
from virtio_shm import Consumer, Layout, Producer, TensorSpec

from .test_legs import SCENARIO
from .test_legs import scenario as scenario  # the fixture

MS = 1_000_000


class Rings:
    """The rings of a scenario with its links in between; the test plays everyone else."""

    def __init__(self, scenario: Scenario) -> None:
        self.now_ns = 0
        self.legs = {leg.name: leg for leg in legs_of(scenario)}
        self.record = RunRecord("legs", 1, MS, 10 * MS)
        self.channels = {name: self._channel(scenario, leg) for name, leg in self.legs.items()}
        self.links: dict[str, LinkDevice] = make_links(scenario, list(self.legs.values()), self.channels, self.record)

    def _channel(self, scenario: Scenario, leg: Leg) -> Channel:
        described = scenario.channels[leg.channel]
        layout = Layout(described.depth, described.payload_bytes)
        shape = described.tensor.shape
        record = ChannelRecord(*leg.shown, "uint8", shape, layout.depth, "block", layout.region_bytes)
        region = SharedRegion(leg.name, layout.mapping_bytes)
        return Channel(leg.name, region, layout, leg.source, leg.target, record)

    def close(self) -> None:
        """Release the memory."""
        for channel in self.channels.values():
            channel.region.close()

    def act(self, until_ns: int) -> None:
        """Let the links act at a boundary."""
        self.now_ns = until_ns
        for link in self.links.values():
            link.grant(until_ns)
            link.settle()


@pytest.fixture
def rings(scenario: Scenario) -> Iterator[Rings]:
    made = Rings(scenario)
    yield made
    made.close()


def test_each_board_off_the_chip_has_one(rings: Rings) -> None:
    assert list(rings.links) == [link_name("near"), link_name("far")]
    assert rings.record.devices[link_name("near")].kind == "link"
    assert "spi at 40 MHz, 20 us, packets of 4096 bytes" in rings.record.devices[link_name("near")].description


def test_a_board_without_channels_to_partitions_has_none(tmp_path: Path, scenario: Scenario) -> None:
    kept = [line for line in SCENARIO.splitlines() if not line.strip().startswith(("near:", "up:", "copy:", "second:"))]
    lone = "\n".join(kept).replace("from: near.echo.result", "from: chip.echo.result")
    (tmp_path / "lone.yaml").write_text(lone)
    changed = Rings(load(tmp_path / "lone.yaml", {}))
    assert list(changed.links) == [link_name("far")]
    changed.close()


def test_a_link_is_as_the_scenario_says(tmp_path: Path, scenario: Scenario) -> None:
    uart = "near: {link: {kind: uart, rate: 2Mbit/s, latency: 5us, mtu: 100B}, "
    (tmp_path / "uart.yaml").write_text(SCENARIO.replace("near: {", uart))
    made = Rings(load(tmp_path / "uart.yaml", {}))
    timing = made.links[link_name("near")].timing
    assert (timing.kind.name, timing.rate, timing.latency_ns, timing.mtu) == ("uart", Fraction(2_000_000), 5000, 100)
    made.close()


def test_a_tensor_crosses_both_links_in_their_directions(rings: Rings) -> None:
    spec = TensorSpec("uint8", (64,))
    first, last = rings.channels["across@near"], rings.channels["across"]
    producer = Producer(first.region.view, first.layout, overflow="block", clock=lambda: rings.now_ns)
    consumer = Consumer(last.region.view, last.layout, spec=spec, clock=lambda: rings.now_ns)
    for boundary in range(1, 8):
        producer.poll_ready()
        consumer.poll_ready()
        rings.act(boundary * MS)
    assert producer.poll_ready() and consumer.poll_ready()
    producer.reserve(spec)[:] = 7
    producer.commit(origin_sequence=5, origin_ns=3)
    rings.act(8 * MS)
    assert consumer.take() is None, "it is on the wire"
    rings.act(9 * MS)
    rings.act(10 * MS)
    frame = consumer.take()
    assert frame is not None
    assert (set(frame.array), frame.origin_sequence, frame.origin_ns) == ({7}, 5, 3)
    carried = [(link.statistics["sent"].tensors, link.statistics["received"].tensors) for link in rings.links.values()]
    assert carried == [(1, 0), (0, 1)]
