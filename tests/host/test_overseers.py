"""What overseers may do to a run: hold guests back, lose doorbells, put guests in, end it."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from machines.errors import ParticipantFailed
from machines.participant import NEVER_NS, Slice
from sim.host.channel import End
from sim.host.executive import Executive
from sim.host.trace import Trace

from .participants import MS, QUANTUM_NS, Guest, Wire


class Sliced(Guest):
    """A guest that notes when it may execute."""

    def __init__(self, name: str) -> None:
        super().__init__(name, eager=True)
        self.slices: list[Slice | None] = []

    def grant(self, until_ns: int, executing: Slice | None = None) -> None:
        super().grant(until_ns, executing)
        self.slices.append(executing)


class At:
    """An overseer that does things at given times."""

    def __init__(self, *plan: tuple[int, Callable[[], None]]) -> None:
        self.plan = list(plan)
        self.acted: list[int] = []

    @property
    def wake_ns(self) -> int:
        return self.plan[0][0] if self.plan else NEVER_NS

    def act(self, now_ns: int) -> None:
        self.acted.append(now_ns)
        while self.plan and self.plan[0][0] <= now_ns:
            self.plan.pop(0)[1]()


def executive(*guests: Guest, wires: tuple[Wire, ...] = (), shares: dict[str, Fraction] | None = None) -> Executive:
    return Executive(
        guests, [], wires, QUANTUM_NS, Trace(), lambda *_: None, lambda *_: None, None, (), shares or {}  # type: ignore[arg-type]
    )  # fmt: skip


def run(host: Executive, until_ns: int) -> list[int]:
    boundaries: list[int] = []
    host.run(until_ns, boundaries.append)
    return boundaries


def test_an_overseer_acts_at_the_first_boundary_that_is_not_before_its_time() -> None:
    host = executive(Guest("a"))
    watcher = At((0, lambda: None), (2_300_000, lambda: None), (5 * MS, lambda: None))
    host.overseers.append(watcher)
    assert run(host, 8 * MS) == [3 * MS, 5 * MS, 8 * MS]
    assert watcher.acted == [0, 3 * MS, 5 * MS]


def test_a_throttled_guest_executes_its_share_from_then_on() -> None:
    guest = Sliced("a")
    host = executive(guest)
    host.overseers.append(
        At((2 * MS, lambda: host.throttle("a", Fraction(1, 4))), (4 * MS, lambda: host.throttle("a", Fraction(1))))
    )
    run(host, 5 * MS)
    assert guest.slices == [None, None, (2 * MS, 2_250_000), (3 * MS, 3_250_000), None]


def test_a_fault_takes_its_part_of_what_the_speed_leaves() -> None:
    guest = Sliced("a")
    host = executive(guest, shares={"a": Fraction(1, 2)})
    host.overseers.append(At((1 * MS, lambda: host.throttle("a", Fraction(1, 2)))))
    run(host, 2 * MS)
    assert guest.slices == [(0, 500_000), (1 * MS, 1_250_000)]


def test_one_that_is_admitted_takes_the_place_of_the_failed_one_and_executes_as_ever() -> None:
    first, other, second = Sliced("a"), Sliced("b"), Sliced("a")
    second.at_ns = second.now_ns = 3 * MS
    host = executive(first, other)
    host.overseers.append(
        At(
            (1 * MS, lambda: host.throttle("a", Fraction(0))),
            (2 * MS, lambda: host.fail(ParticipantFailed("a", "died"))),
            (3 * MS, lambda: host.admit(second)),
        )
    )
    run(host, 5 * MS)
    assert first.slices == [None, (1 * MS, 1 * MS)]
    assert second.granted == [4 * MS, 5 * MS] and second.slices == [None, None]
    assert other.granted == [1 * MS, 2 * MS, 3 * MS, 4 * MS, 5 * MS]


def test_a_halted_run_ends_at_the_boundary() -> None:
    host = executive(Guest("a", eager=True))
    host.overseers.append(At((2 * MS, lambda: host.halt("enough"))))
    assert run(host, 5 * MS) == [1 * MS, 2 * MS]
    assert host.halted == "enough"


def test_lost_doorbells_are_lost_and_the_next_is_heard() -> None:
    a, b = Guest("a"), Guest("b")
    for t_ns in (0, 1 * MS, 2 * MS):
        a.at(t_ns, lambda: a.ring(1))
    host = executive(a, b, wires=(Wire("ab", End("a", 1), End("b", 1)),))
    host.doorbells.losing[End("a", 1)] = 2
    run(host, 5 * MS)
    assert b.heard == [(3 * MS, [1])]


def test_a_guest_that_was_held_back_does_not_execute_when_it_is_rung() -> None:
    a, b = Sliced("a"), Sliced("b")
    b.eager = False
    b.at(1_500_000, lambda: None)
    a.at(3 * MS + 1, lambda: a.ring(1))
    host = executive(a, b, wires=(Wire("ab", End("a", 1), End("b", 1)),))
    host.throttle("b", Fraction(0))
    run(host, 6 * MS)
    assert all(each is None or each.start_ns == each.stop_ns for each in b.slices)
