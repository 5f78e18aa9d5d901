# SPDX-License-Identifier: Apache-2.0
"""What the ring promises to those who use it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ring_support import SPEC, SteppingClock, agree, content, pair, region, send, take

from virtio_shm import Consumer, Layout, Producer, RingError, TensorSpec, counter
from virtio_shm.errors import KINDS
from virtio_shm.tensor import DTYPES


@pytest.mark.parametrize("producer_first", [True, False])
def test_either_end_may_start_first(producer_first: bool) -> None:
    layout = Layout.for_tensor(SPEC, 4)
    memory, clock = region(layout), SteppingClock()
    ends: list[Any] = []
    for is_producer in (producer_first, not producer_first):
        if is_producer:
            ends.append(Producer(memory, layout, overflow="block", clock=clock))
        else:
            ends.append(Consumer(memory, layout, spec=SPEC, clock=clock))
        assert not ends[0].poll_ready()
    rings = 0
    while not (ends[0].poll_ready() & ends[1].poll_ready()):
        rings += sum(end.announce() for end in ends)
        assert rings < 10
    assert rings >= 2, "every step is announced: who sleeps until the doorbell must hear of it"


def test_negotiation_needs_no_polling() -> None:
    """Each end acts only when the other one rang: the session still comes about."""
    producer, consumer, _, _ = pair(agreed=False)
    ends = [producer, consumer]
    queue = [1, 0]  # both start by looking
    for _ in range(12):
        if not queue:
            break
        number = queue.pop(0)
        ends[number].poll_ready()
        if ends[number].announce():
            queue.append(1 - number)
    assert producer.poll_ready() and consumer.poll_ready()
    assert not producer.announce() and not consumer.announce()


def test_tensor_arrives_as_it_was_sent() -> None:
    producer, consumer, _, clock = pair()
    array = producer.reserve(SPEC)
    assert array is not None and array.dtype == np.uint8 and array.shape == (4, 6)
    assert producer.reserve(SPEC) is array, "a second reserve gives the same slot"
    array[...] = content(0)
    assert producer.commit(origin_sequence=41, origin_ns=5) is True, "an idle consumer is kicked"
    produced = clock.now
    frame = consumer.take()
    assert frame is not None
    assert (frame.sequence, frame.produced_ns, frame.origin_sequence, frame.origin_ns) == (0, produced, 41, 5)
    assert (frame.dtype, frame.shape, frame.scale, frame.zero_point) == ("uint8", (4, 6), 0.5, -3)
    assert np.shares_memory(frame.array, array), "no copy was made"
    assert not frame.array.flags.writeable
    assert np.allclose(frame.dequantised(), (content(0).astype(float) + 3) * 0.5)
    assert consumer.give_back(frame) is False, "a producer with free slots is left alone"
    with pytest.raises(ValueError, match="not held"):
        consumer.give_back(frame)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (1,), (3, 5), (2, 1, 2, 1, 2, 2)])
def test_every_dtype_and_rank(dtype: str, shape: tuple[int, ...]) -> None:
    spec = TensorSpec(dtype, shape)
    layout = Layout.for_tensor(spec, 2)
    memory, clock = region(layout), SteppingClock()
    producer = Producer(memory, layout, overflow="block", clock=clock)
    for expected in (None, spec):
        consumer = Consumer(memory, layout, spec=expected, clock=clock)
        agree(producer, consumer)
        array = producer.reserve(spec)
        assert array is not None and array.shape == shape and array.nbytes == spec.bytes
        sample = np.arange(array.size).reshape(shape).astype(dtype)
        array[...] = sample
        producer.commit()
        frame = consumer.take()
        assert frame is not None and (frame.dtype, frame.shape) == (dtype, shape)
        assert frame.array.tobytes() == sample.tobytes()
        consumer.give_back(frame)


def test_tensors_of_several_shapes_in_one_channel() -> None:
    layout = Layout(4, 256)
    memory, clock = region(layout), SteppingClock()
    producer = Producer(memory, layout, overflow="block", clock=clock)
    consumer = Consumer(memory, layout, clock=clock)
    agree(producer, consumer)
    specs = [TensorSpec("uint8", (9,)), TensorSpec("float32", (8, 8)), TensorSpec("bool", ())]
    for number, spec in enumerate(specs * 3):
        array = producer.reserve(spec)
        assert array is not None
        array[...] = 1
        producer.commit()
        frame = consumer.take()
        assert frame is not None and (frame.dtype, frame.shape) == (spec.dtype, spec.shape), number
        assert frame.array.astype(int).sum() == array.size
        consumer.give_back(frame)
    with pytest.raises(ValueError, match="a slot holds 256"):
        producer.reserve(TensorSpec("uint8", (257,)))


def test_block_stalls_and_is_woken() -> None:
    producer, consumer, _, _ = pair(depth=2)
    assert [send(producer, number) for number in range(3)] == [True, False, None]
    assert send(producer, 2) is None
    assert producer.counters.stalls == 1, "one wait is one stall, however often the caller looks"
    first, second = take(consumer, 0), take(consumer, 1)
    assert consumer.give_back(second) is True, "it waits for a slot: kick"
    assert consumer.give_back(first) is False, "it was woken already"
    assert send(producer, 2) is False, "a consumer that has not been told None is awake"
    consumer.give_back(take(consumer, 2))
    assert consumer.take() is None
    assert send(producer, 3) is True
    assert producer.counters.dropped == 0


def test_drop_newest_leaves_a_gap() -> None:
    producer, consumer, _, _ = pair(depth=2, overflow="drop_newest")
    assert [send(producer, number) for number in range(4)] == [True, False, None, None]
    assert producer.counters.dropped == 2
    for number in (0, 1):
        consumer.give_back(take(consumer, number))
    send(producer, 4)
    take(consumer, 4)


def test_drop_oldest_drops_what_was_not_taken() -> None:
    producer, consumer, _, _ = pair(depth=4, overflow="drop_oldest")
    for number in range(3):
        send(producer, number)
    held = take(consumer, 0)
    for number in range(3, 1000):
        assert send(producer, number) is not None
    assert (held.array == content(0)).all(), "what the consumer holds is never used again"
    assert producer.counters.dropped == 1000 - 1 - 3
    consumer.give_back(held)
    for number in (997, 998, 999):
        consumer.give_back(take(consumer, number))
    assert consumer.take() is None


def test_drop_oldest_while_everything_is_held() -> None:
    producer, consumer, _, _ = pair(depth=2, overflow="drop_oldest")
    send(producer, 0), send(producer, 1)
    frames = [take(consumer, 0), take(consumer, 1)]
    assert [send(producer, number) for number in (2, 3)] == [None, None], "nothing is left that could be withdrawn"
    assert (producer.counters.dropped, producer.counters.stalls) == (2, 0), "they are dropped themselves"
    assert consumer.give_back(frames[0]) is False, "nobody waits for it"
    send(producer, 4)
    take(consumer, 4)


@pytest.mark.parametrize("overflow", ["block", "drop_newest", "drop_oldest"])
@pytest.mark.parametrize("event_index", [True, False])
def test_indices_wrap(overflow: str, event_index: bool) -> None:
    """150,000 tensors: the 16-bit indices go round more than twice, with the ring at times full and at times empty."""
    producer, consumer, _, _ = pair(depth=4, overflow=overflow, event_index=event_index)
    assert bool(producer.features & 1 << 29) == event_index
    body = SPEC.bytes * b"x"
    sent = taken = 0
    while sent < 150_000:
        for _ in range(1 + sent % 5):
            sent += producer.send(SPEC, body) is not None
        while frames := consumer.exchange()[0]:
            taken += len(frames)
    counters = producer.counters
    withdrawn = counters.dropped if overflow == "drop_oldest" else 0
    assert counters.pushed == sent == taken + withdrawn
    assert consumer.counters.popped == taken
    assert counters.high_water == 4


def test_long_stall_of_the_consumer() -> None:
    """It sleeps while 200,000 tensors pass: the 16-bit index has come round, the positions have not."""
    producer, consumer, _, _ = pair(depth=4, overflow="drop_oldest")
    send(producer, 0)
    held = take(consumer, 0)
    body = SPEC.bytes * b"x"
    for _ in range(200_000):
        assert producer.send(SPEC, body) is not None
    consumer.give_back(held)
    assert [frame.sequence for frame in consumer.exchange()[0]] == [199_998, 199_999, 200_000]


def test_exchange_takes_many_and_gives_them_back() -> None:
    producer, consumer, memory, _ = pair(depth=4)
    for number in range(4):
        send(producer, number)
    assert send(producer, 4) is None
    frames, kick = consumer.exchange(3)
    assert [frame.sequence for frame in frames] == [0, 1, 2] and not kick
    assert all((frame.array == content(frame.sequence)).all() for frame in frames)
    single = take(consumer, 3)
    consumer.give_back(frames[1])
    frames, kick = consumer.exchange()
    assert frames == [] and not kick, "the producer was woken by the first that came back"
    assert producer.counters.popped == 0 and send(producer, 4) is not None
    assert producer.counters.popped == 3
    consumer.give_back(single)
    send(producer, 5), send(producer, 6)
    start = producer.layout.slot(consumer.exchange(1)[0][0].slot)
    assert start >= producer.layout.slots
    spoilt = producer.layout
    for number in range(spoilt.depth):
        if memory[spoilt.slot(number) + 48] == 6:
            memory[spoilt.slot(number)] ^= 1
    frames, _ = consumer.exchange()
    assert [frame.sequence for frame in frames] == [5], "first what came before the bad one"
    with pytest.raises(RingError, match="frame_header"):
        consumer.exchange()
    assert consumer.exchange() == ([], False)
    assert consumer.counters.popped == 6


def test_future_tensor_waits_until_it_is_due() -> None:
    producer, consumer, memory, clock = pair()
    late = Producer(memory, producer.layout, overflow="block", clock=lambda: clock.now + 500)
    agree(late, consumer)
    send(late, 0)
    due = clock.now + 500
    assert consumer.take() is None and consumer.due_ns == due
    clock.now = due - 2
    assert consumer.take() is None
    frame = consumer.take()
    assert frame is not None and frame.produced_ns == due
    assert consumer.due_ns is None


def test_cancel_gives_the_slot_back() -> None:
    producer, consumer, _, _ = pair(depth=2)
    for _ in range(10):
        assert producer.reserve(SPEC) is not None
        producer.cancel()
    producer.cancel()
    with pytest.raises(RuntimeError, match="without reserve"):
        producer.commit()
    assert [send(producer, number) for number in range(2)] == [True, False]
    take(consumer, 0)


def test_producer_restarts_while_a_tensor_is_held() -> None:
    producer, consumer, memory, clock = pair()
    send(producer, 0), send(producer, 1)
    held = take(consumer, 0)
    reborn = Producer(memory, producer.layout, overflow="block", clock=clock)
    for _ in range(5):
        assert not reborn.poll_ready() and not consumer.poll_ready(), "no session over a buffer that is being read"
    assert consumer.take() is None
    assert (held.array == content(0)).all()
    assert consumer.give_back(held) is False
    agree(reborn, consumer)
    send(reborn, 0)
    take(consumer, 0)


def test_consumer_restarts() -> None:
    producer, consumer, memory, clock = pair()
    for number in range(3):
        send(producer, number)
    take(consumer, 0)
    reborn = Consumer(memory, producer.layout, spec=SPEC, clock=clock)
    agree(producer, reborn)
    assert producer.counters.dropped == 3, "what was in flight is lost, and counted"
    send(producer, 3)
    assert reborn.counters.pushed == 0
    take(reborn, 3)


def test_counters_are_time_weighted() -> None:
    layout = Layout.for_tensor(SPEC, 4)
    memory = region(layout)
    now = 0
    producer = Producer(memory, layout, overflow="block", clock=lambda: now)
    consumer = Consumer(memory, layout, spec=SPEC, clock=lambda: now)
    agree(producer, consumer)
    now = 100
    send(producer, 0)
    now = 150
    send(producer, 1)
    now = 250
    consumer.give_back(take(consumer, 0))
    producer.reserve(SPEC)
    now = 400
    counters = producer.counters
    assert counters.occupancy_ns == 50 * 1 + 100 * 2 + 150 * 1
    assert counters.occupancy_mean == pytest.approx(400 / 400)
    assert (counters.occupancy, counters.high_water, counters.pushed, counters.popped) == (1, 2, 2, 1)
    assert (counters.since_ns, counters.until_ns) == (0, 400)
    assert consumer.counters.pushed == consumer.counters.popped == 1


def test_counter_moves_on() -> None:
    assert counter() < counter()


def test_example_of_the_documentation(capsys: pytest.CaptureFixture[str]) -> None:
    document = (Path(__file__).parents[2] / "docs" / "ring.md").read_text()
    example = document.split("```python\n")[1].split("```")[0]
    names: dict[str, Any] = {}
    exec(example, names)
    assert capsys.readouterr().out == "0 (480, 640, 3) 7.0\n"
    assert (names["kick_consumer"], names["kick_producer"]) == (True, False)


def test_tables_of_the_documentation() -> None:
    """Every kind of lie is in the tables of docs/ring.md."""
    document = (Path(__file__).parents[2] / "docs" / "ring.md").read_text()
    for kind, _, _ in KINDS[2:]:
        assert f"`{kind}`" in document, kind
