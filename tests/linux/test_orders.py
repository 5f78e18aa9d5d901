"""Orders to an agent, and channels that break and come back, on the host with real rings."""

from __future__ import annotations

import json
import struct
import time
from typing import Any

import pytest

from virtio_shm import Layout

from .test_agent import Partition, Receiver, Sender, connected, echo
from .test_agent import partition as partition  # the fixture


def order(partition: Partition, kind: str, **facts: Any) -> None:
    """Give an order."""
    partition.host.post(json.dumps({"type": kind, **facts}).encode())


def started(partition: Partition, *services: str) -> list[tuple[Sender, Receiver]]:
    """Start echo services; return the two ends of each."""
    for name in services:
        echo(partition, name)
    partition.start()
    ends = [(partition.producer(2 * at), partition.consumer(2 * at + 1)) for at in range(len(services))]
    for sender, receiver in ends:
        connected(sender, receiver)
    return ends


def passes(ends: tuple[Sender, Receiver], number: int) -> None:
    """Send a number through a service."""
    sender, receiver = ends
    sender.send(number)
    assert receiver.receive()[0].tolist() == [number] * 3


def break_ring(partition: Partition, index: int) -> None:
    """Let the index of a producer's available ring jump by more than the ring holds, and ring."""
    layout = Layout.for_tensor(partition._spec(index), partition.channels[index]["depth"])
    memory, place = partition.wires.regions[index], layout.available + 2
    (number,) = struct.unpack_from("<H", memory, place)
    struct.pack_into("<H", memory, place, (number + 1000) & 0xFFFF)
    partition.wires.ring_agent(1 + index)


def test_every_ping_is_answered(partition: Partition) -> None:
    (ends,) = started(partition, "echo")
    for number in range(1, 6):
        order(partition, "ping", number=number)
        assert partition.host.expect("alive") == {"type": "alive", "number": number}
        passes(ends, number)


def test_orders_that_come_together_are_obeyed_in_order(partition: Partition) -> None:
    started(partition, "echo")
    for number in range(1, 4):
        order(partition, "ping", number=number)
    assert [partition.host.expect("alive")["number"] for _ in range(3)] == [1, 2, 3]


def test_a_service_crashes_at_its_next_call_and_the_other_one_goes_on(partition: Partition) -> None:
    first, second = started(partition, "first", "second")
    passes(first, 1)
    order(partition, "crash", service="first", reason="asked to")
    order(partition, "ping", number=1)
    partition.host.expect("alive")
    first[0].send(2)
    failed = partition.host.expect("failed")
    assert (failed["service"], failed["error"]) == ("first", "RuntimeError: asked to")
    passes(second, 3)
    order(partition, "ping", number=2)
    assert partition.host.expect("alive")["number"] == 2


def test_a_stalled_service_takes_nothing_and_goes_on_by_itself(partition: Partition) -> None:
    stalled, other = started(partition, "stalled", "other")
    until_ns = partition.clock() + 10**18
    order(partition, "stall", service="stalled", until_ns=until_ns)
    order(partition, "ping", number=1)
    partition.host.expect("alive")
    stalled[0].send(1)
    passes(other, 2)
    assert stalled[1].end.take() is None and stalled[0].returned() == 0
    order(partition, "stall", service="stalled", until_ns=partition.clock() + 1000)
    assert stalled[1].receive()[0].tolist() == [1] * 3


@pytest.mark.parametrize("back", [False, True])
def test_a_clock_jumps(partition: Partition, back: bool) -> None:
    (ends,) = started(partition, "echo")
    time.sleep(0.2)
    by_ns = -partition.clock() // 2 if back else 10**14
    order(partition, "jump", by_ns=by_ns)
    order(partition, "crash", service="echo", reason="to see the time")
    ends[0].send(1)  # to a clock that has gone back it comes from the future, and is taken when that has come
    t_ns = partition.host.expect("failed")["t_ns"]
    assert 0 <= partition.clock() + by_ns - t_ns < 10**13


def test_a_service_waits_for_a_producer_that_broke_its_ring_to_start_again(partition: Partition) -> None:
    (ends,) = started(partition, "echo")
    passes(ends, 1)
    break_ring(partition, 0)
    suspended = partition.host.expect("suspended")
    assert suspended["service"] == "echo" and "available_index" in suspended["error"]
    order(partition, "ping", number=1)
    partition.host.expect("alive")
    again = partition.producer(0)
    again.connect()
    assert partition.host.expect("resumed")["service"] == "echo"
    for number in range(10, 20):
        passes((again, ends[1]), number)


def test_one_service_is_suspended_and_the_other_one_goes_on(partition: Partition) -> None:
    broken, other = started(partition, "broken", "other")
    break_ring(partition, 0)
    assert partition.host.expect("suspended")["service"] == "broken"
    for number in range(10):
        passes(other, number)
    again = partition.producer(0)
    again.connect()
    assert partition.host.expect("resumed")["service"] == "broken"
    passes((again, broken[1]), 11)
    passes(other, 12)


def test_it_can_happen_again(partition: Partition) -> None:
    ((sender, receiver),) = started(partition, "echo")
    for number in range(3):
        break_ring(partition, 0)
        partition.host.expect("suspended")
        sender = partition.producer(0)
        sender.connect()
        partition.host.expect("resumed")
        passes((sender, receiver), number)


def test_a_consumer_that_starts_again_is_served_anew(partition: Partition) -> None:
    ((sender, receiver),) = started(partition, "echo")
    passes((sender, receiver), 1)
    sender.send(2)
    again = partition.consumer(1)
    again.connect()
    sender.send(3)
    values = [again.receive()[0].tolist()]
    while values[-1] != [3] * 3:
        values.append(again.receive()[0].tolist())
    assert len(values) <= 2, "what was under way may be lost, what comes later is not"
    order(partition, "ping", number=1)
    partition.host.expect("alive")
