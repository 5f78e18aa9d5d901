"""Whatever guests do: leaving out who has nothing to do changes nothing, and the same again is the same."""

from __future__ import annotations

from functools import partial

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sim.host.channel import Channel
from virtio_shm.layout import REFUSED_OFFSET

from .participants import MS, US, Bench, Ringed, connect

END_NS = 30 * MS

BURST = [(0, 3 * MS), (0, 3 * MS), (1, 3 * MS)]
"""Productions that make more tensors in one quantum than a ring of two holds."""

Plan = tuple[list[int], list[tuple[int, int, int, str]], list[tuple[int, int]]]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Return the work of each guest in ns, channels (from, to, depth, overflow), and (guest, time) of productions."""
    count = draw(st.integers(2, 4))
    works = draw(st.lists(st.sampled_from([0, 1, 300 * US, 1 * MS, 2_700 * US]), min_size=count, max_size=count))
    pairs = [(a, b) for a in range(count) for b in range(count) if a != b]
    chosen = draw(st.lists(st.sampled_from(pairs), min_size=1, max_size=4, unique=True))
    policies = st.sampled_from(["block", "drop_newest", "drop_oldest"])
    channels = [(a, b, draw(st.sampled_from([2, 4])), draw(policies)) for a, b in chosen]
    times = st.one_of(st.integers(0, END_NS), st.integers(0, END_NS // MS).map(lambda number: number * MS))
    return works, channels, draw(st.lists(st.tuples(st.integers(0, count - 1), times), max_size=12))


def run(plan: Plan, eager: bool) -> tuple[Bench, list[Ringed], list[Channel]]:
    works, wiring, productions = plan
    guests = [Ringed(f"g{number}", work_ns, eager) for number, work_ns in enumerate(works)]
    free = [1] * len(guests)
    channels = []
    for number, (a, b, depth, overflow) in enumerate(wiring):
        channels.append(connect(f"c{number}", guests[a], guests[b], (free[a], free[b]), depth, overflow))
        free[a] += 1
        free[b] += 1
    for number, (who, t_ns) in enumerate(productions):
        guests[who].at(t_ns, partial(guests[who].produce, bytes([65 + number]) * 4))
    return Bench(guests, channels).run(END_NS), guests, channels


@settings(max_examples=150, deadline=None, derandomize=True)
@example(([0] * 3, [(0, 1, 4, "block"), (1, 0, 4, "block"), (0, 2, 2, "block"), (1, 2, 2, "drop_oldest")], BURST))
@given(plans())
def test_idle_skipping_and_repetition_change_nothing(plan: Plan) -> None:
    skipping, guests, channels = run(plan, eager=False)
    assert not skipping.failures
    again, _, _ = run(plan, eager=False)
    always, eager_guests, eager_channels = run(plan, eager=True)
    assert skipping.trace.lines == again.trace.lines
    assert skipping.trace.digest == again.trace.digest
    assert skipping.trace.lines == always.trace.lines
    assert skipping.trace.digest == always.trace.digest
    assert skipping.boundaries == again.boundaries
    assert set(skipping.boundaries) <= set(always.boundaries)
    assert sum(len(guest.granted) for guest in guests) <= sum(len(guest.granted) for guest in eager_guests)
    for one, other in zip(channels, eager_channels, strict=True):
        assert one.record.messages == other.record.messages
        one.conclude()
        counted = one.record.producer
        assert one.record.dropped == counted.dropped
        refused = int.from_bytes(one.region.view[REFUSED_OFFSET : REFUSED_OFFSET + 4], "little")
        assert one.record.published == counted.pushed + refused
        assert sum(message.refused for message in one.record.messages) >= refused
