"""The executive with scripted participants: boundaries, order, doorbells, failures."""

from __future__ import annotations

import pytest

from machines.errors import ParticipantFailed
from sim.host.channel import End
from sim.host.executive import Executive

from .participants import MS, US, Bench, Device, Guest, Wire


def nothing() -> None:
    """Just be awake."""


def ringing(name: str, *times_ns: int, vector: int = 1, **options: object) -> Guest:
    """Return a guest that rings at given times."""
    guest = Guest(name, **options)  # type: ignore[arg-type]
    for t_ns in times_ns:
        guest.at(t_ns, lambda: guest.ring(vector))
    return guest


def wire(source: Guest, target: Guest, vector: int = 1) -> Wire:
    return Wire(f"{source.name}-{target.name}", End(source.name, vector), End(target.name, vector))


# -- boundaries ------------------------------------------------------------------------------------------------------


def test_a_boundary_ends_every_quantum_in_which_something_happens() -> None:
    guest = Guest("a", [(t, nothing) for t in (300 * US, 7_200 * US, 7_900 * US, 12 * MS)])
    bench = Bench([guest]).run(20 * MS)
    assert bench.boundaries == [1 * MS, 8 * MS, 13 * MS, 20 * MS]  # what lies on a boundary happens after it
    assert guest.granted == [1 * MS, 8 * MS, 13 * MS]


def test_a_device_acts_at_the_first_boundary_that_is_not_before_its_time() -> None:
    acted: list[int] = []
    times_ns = [0, 5 * MS, 5 * MS + 1, 8_999 * US]

    class Timed(Device):
        @property
        def wake_ns(self) -> int:
            return times_ns[len(acted)] if len(acted) < len(times_ns) else 2**63 - 1

        def settle(self) -> None:
            acted.append(self.granted[-1])

    bench = Bench([], devices=[Timed("camera")]).run(12 * MS)
    assert acted == [0, 5 * MS, 6 * MS, 9 * MS]
    assert bench.boundaries == [5 * MS, 6 * MS, 9 * MS, 12 * MS]


def test_a_run_that_ends_within_a_quantum_ends_there() -> None:
    guest = Guest("a", eager=True)
    assert Bench([guest]).run(2_500 * US).boundaries == [1 * MS, 2 * MS, 2_500 * US]


def test_with_nobody_to_run_time_goes_to_the_end_at_once() -> None:
    assert Bench([]).run(3_600_000 * MS).boundaries == [3_600_000 * MS]
    assert Bench([Guest("a")]).run(3_600_000 * MS).boundaries == [3_600_000 * MS]


def test_who_has_nothing_to_do_is_not_granted() -> None:
    busy, idle = Guest("busy", eager=True), Guest("idle", [(50 * MS, nothing)])
    Bench([busy, idle]).run(100 * MS)
    assert len(busy.granted) == 100
    assert idle.granted == [51 * MS]


# -- order -----------------------------------------------------------------------------------------------------------


def test_guests_that_share_a_channel_run_one_after_the_other() -> None:
    journal: list[str] = []
    a, b = (Guest(name, eager=True, journal=journal) for name in "ab")
    Bench([a, b], [wire(b, a)]).run(2 * MS)
    assert journal == ["grant a", "settle a", "grant b", "settle b"] * 2


def test_guests_that_share_nothing_run_at_once() -> None:
    journal: list[str] = []
    a, b = (Guest(name, eager=True, journal=journal) for name in "ab")
    Bench([a, b]).run(2 * MS)
    assert journal == ["grant a", "grant b", "settle a", "settle b"] * 2


def test_a_chain_runs_in_order_and_what_hangs_beside_it_at_once() -> None:
    journal: list[str] = []
    a, b, c, d = (Guest(name, eager=True, journal=journal) for name in "abcd")
    Bench([a, b, c, d], [wire(a, b), wire(b, c, 2)]).run(1 * MS)
    order = [line.split()[1] for line in journal if line.startswith("settle")]
    assert order.index("a") < order.index("b") < order.index("c")
    for one, other in ("ab", "bc"):
        assert journal.index(f"settle {one}") < journal.index(f"grant {other}")
    assert journal.index("grant d") < journal.index("settle a")


def test_a_channel_is_observed_after_each_of_its_ends_ran_and_by_name() -> None:
    a, b, c = (Guest(name, eager=True) for name in "abc")
    shared = wire(a, b)
    Bench([a, b, c], [shared]).run(2 * MS)
    assert shared.observed == [(1 * MS, "a"), (1 * MS, "b"), (2 * MS, "a"), (2 * MS, "b")]


# -- doorbells -------------------------------------------------------------------------------------------------------


def test_a_doorbell_is_delivered_at_the_boundary() -> None:
    a, b = ringing("a", 300 * US, 400 * US, 5_100 * US), Guest("b")
    bench = Bench([a, b], [wire(a, b)]).run(10 * MS)
    assert b.heard == [(1 * MS, [1]), (6 * MS, [1])]
    assert bench.doorbells == [(1 * MS, "a", "b"), (6 * MS, "a", "b")]
    assert bench.trace.lines == ["1000000 doorbell a-b a b\n", "6000000 doorbell a-b a b\n"]


def test_a_doorbell_goes_both_ways() -> None:
    a, b = Guest("a"), ringing("b", 100 * US)
    Bench([a, b], [wire(a, b)]).run(2 * MS)
    assert (a.heard, b.heard) == ([(1 * MS, [1])], [])


def test_several_doorbells_come_as_one_in_the_order_of_vectors() -> None:
    a, b, c = ringing("a", 10 * US), ringing("b", 5 * US), Guest("c")
    channels = [Wire("x", End("a", 1), End("c", 7)), Wire("y", End("b", 1), End("c", 3))]
    Bench([a, b, c], channels).run(1 * MS)
    assert c.heard == [(1 * MS, [3, 7])]


def test_a_doorbell_that_leads_nowhere_is_ignored() -> None:
    a, b = ringing("a", 10 * US, vector=9), Guest("b")
    bench = Bench([a, b], [wire(a, b)]).run(2 * MS)
    assert (b.heard, bench.doorbells) == ([], [])


def test_who_was_left_behind_is_brought_to_now_before_it_is_rung() -> None:
    a, b = ringing("a", 70_500 * US), Guest("b")
    Bench([a, b], [wire(a, b)]).run(100 * MS)
    assert b.granted == [71 * MS]
    assert b.heard == [(71 * MS, [1])]


def test_who_wakes_by_itself_at_the_boundary_at_which_it_is_rung_wakes_once() -> None:
    seen: list[int] = []
    a, b = ringing("a", 4_500 * US), Guest("b", [(5 * MS, lambda: seen.append(b.now_ns))])
    Bench([a, b], [wire(a, b)]).run(10 * MS)
    assert b.heard == [(5 * MS, [1])]
    assert seen == [5 * MS]


def test_a_device_answers_at_the_same_boundary() -> None:
    guest = ringing("guest", 2_500 * US)

    class Echo(Device):
        def settle(self) -> None:
            super().settle()
            self.ring(1)

    echo = Echo("echo")
    Bench([guest], [wire(guest, echo)], [echo]).run(5 * MS)
    assert echo.granted == [3 * MS]
    assert guest.heard == [(3 * MS, [1])]


def test_devices_that_ring_each_other_for_ever_are_stopped() -> None:
    class Restless(Device):
        def settle(self) -> None:
            super().settle()
            self.ring(1)

    one, other = Restless("one", [(0, nothing)]), Restless("other")
    guest = Guest("guest", eager=True)
    bench = Bench([guest], [wire(one, other)], [one, other])
    bench.run(3 * MS)
    assert bench.boundaries == [1 * MS, 2 * MS, 3 * MS]
    assert len(one.granted) < 10_000
    assert {text.split(":")[0] for _, text in bench.failures} & {"one", "other"}


# -- failures --------------------------------------------------------------------------------------------------------


def test_a_guest_that_dies_is_dropped_and_the_others_go_on() -> None:
    a, b, c = ringing("a", *range(0, 10 * MS, MS)), Guest("b", eager=True), Guest("c", eager=True)
    b.dies_at_ns = 3_500 * US
    bench = Bench([a, b, c], [wire(a, b)]).run(10 * MS)
    assert bench.failures == [(3 * MS, "b: died")]
    assert b.state.value == "failed"
    assert b.granted[-1] == 4 * MS
    assert len(c.granted) == 10
    assert [t_ns for t_ns, _ in b.heard] == [1 * MS, 2 * MS, 3 * MS]
    assert [line.split()[1:] for line in bench.trace.lines].count(["failed", "b"]) == 1


def test_a_guest_that_dies_as_it_is_rung_is_dropped() -> None:
    class Fragile(Guest):
        def deliver(self, vectors: object) -> None:
            raise ParticipantFailed(self.name, "took no doorbell")

    a, b = ringing("a", 500 * US, 1_500 * US), Fragile("b")
    bench = Bench([a, b], [wire(a, b)]).run(5 * MS)
    assert bench.failures == [(1 * MS, "b: took no doorbell")]


def test_who_broke_a_ring_is_dropped_and_not_its_other_end() -> None:
    a, b = Guest("a", eager=True), Guest("b", eager=True)
    shared = wire(a, b)
    shared.breaks_at_ns = 2 * MS
    bench = Bench([a, b], [shared]).run(5 * MS)
    assert [text for _, text in bench.failures] == ["a: broke the ring of channel a-b"]
    assert len(b.granted) == 5


def test_all_dead_is_the_end_of_what_happens_but_not_of_time() -> None:
    guest = Guest("a", eager=True)
    guest.dies_at_ns = 0
    bench = Bench([guest]).run(50 * MS)
    assert bench.boundaries == [1 * MS, 50 * MS]


@pytest.mark.parametrize("quantum_ns", [1, 7, 100 * US])
def test_any_quantum_is_a_grid(quantum_ns: int) -> None:
    guest = Guest("a", [(t, nothing) for t in (0, 20, 21, 500)])
    boundaries: list[int] = []
    bench = Bench([guest])
    executive = Executive([guest], [], [], quantum_ns, bench.trace, print, print)
    executive.run(700 * quantum_ns, boundaries.append)
    assert all(boundary % quantum_ns == 0 for boundary in boundaries)
    assert guest.granted == sorted({(t // quantum_ns + 1) * quantum_ns for t in (0, 20, 21, 500)})
