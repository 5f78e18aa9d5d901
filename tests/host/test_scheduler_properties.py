"""Whatever partitions do: nobody has a core that is another's, and no response is above the analysis' bound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from machines.participant import Slice
from sim.host.scheduler.arinc653 import Arinc653
from sim.host.scheduler.fixed_priority import FixedPriority
from sim.scenario.checks.response import Analysis
from sim.scenario.checks.supply import supply_of
from sim.scenario.schedule import Server, Window

from .scheduler_world import Job, Load, on_core, run, run_lasting, window

QUANTUM_NS = 10
END_NS = 1_000
EXAMPLES = 200
SWITCHES = st.sampled_from([0, 0, 1, 3])
GAPS = st.one_of(st.just(0), st.integers(0, 3 * QUANTUM_NS), st.integers(0, 200))
SHARES = st.sampled_from([Fraction(1), Fraction(1), Fraction(1, 2), Fraction(3, 5), Fraction(9, 10)])
WORKS = st.one_of(st.integers(1, 3), st.integers(1, 120))

JOBS = st.one_of(
    st.just([Job(0, 10 * END_NS)]),  # busy for ever
    st.integers(1, 2 * QUANTUM_NS).map(lambda gap_ns: [Job(gap_ns, 1) for _ in range(END_NS // (gap_ns + 1))]),
    st.lists(st.builds(Job, GAPS, WORKS, st.booleans()), max_size=30),
    st.lists(st.builds(Job, GAPS, WORKS, st.booleans()), min_size=10, max_size=30),
)
"""Much at once, a little very often, or anything between."""


class FixedPriorities(NamedTuple):
    servers: list[Server]
    loads: dict[str, Load]
    switch_ns: int

    def policy(self) -> FixedPriority:
        return FixedPriority(QUANTUM_NS, self.servers, self.switch_ns)


@st.composite
def fixed_priorities(draw: st.DrawFn) -> FixedPriorities:
    """Return servers on two cores, some on both, whose budgets do not add up to more than a core."""
    left = {0: 100, 1: 100}
    servers: list[Server] = []
    for priority, name in enumerate("abcd"[: draw(st.integers(1, 4))]):
        cores = draw(st.sampled_from([(0,), (0,), (1,), (0, 1)]))
        period_ns = draw(st.sampled_from([20, 40, 50, 100, 200]))
        most_ns = min(left[core] for core in cores) * period_ns // 100
        if priority == 0 and draw(st.booleans()):
            servers.append(Server(name, cores, priority))
        elif most_ns:
            budget_ns = draw(st.integers(1, most_ns))
            for core in cores:
                left[core] -= -(-100 * budget_ns // period_ns)
            servers.append(Server(name, cores, priority, budget_ns, period_ns))
    return FixedPriorities(
        draw(st.permutations(servers)),
        {each.partition: Load(draw(JOBS), draw(SHARES)) for each in servers},
        draw(SWITCHES),
    )


class Partitioned(NamedTuple):
    windows: list[Window]
    frame_ns: int
    loads: dict[str, Load]
    switch_ns: int
    preempting: bool

    def policy(self) -> Arinc653:
        return Arinc653(QUANTUM_NS, self.frame_ns, self.windows, self.switch_ns, self.preempting)


@st.composite
def partitioned(draw: st.DrawFn) -> Partitioned:
    """Return windows on two cores: for each quantum of the frame draw who has which core; "s" has both."""
    pairs = draw(st.lists(st.sampled_from(["ab", "ac", "ss", "a-", "-b", "ad", "cd"]), min_size=1, max_size=12))
    cores = {"a": (0,), "b": (1,), "c": (draw(st.sampled_from([0, 1])),), "d": (1,), "s": (0, 1)}
    windows = [
        window(owner, core, index * QUANTUM_NS, QUANTUM_NS)
        for index, pair in enumerate(pairs)
        for core, owner in enumerate(pair)
        if core in cores.get(owner, ())
    ]
    names = sorted({each.partition for each in windows})
    loads = {name: Load(draw(JOBS), draw(SHARES)) for name in names}
    return Partitioned(
        draw(st.permutations(windows)), len(pairs) * QUANTUM_NS, loads, draw(SWITCHES), draw(st.booleans())
    )


def spaced(slices: Mapping[str, Sequence[Slice]], cores: Mapping[str, Sequence[int]], switch_ns: int) -> bool:
    """Tell whether no two slices overlap on a core, and are a context switch apart if the partition changes."""
    for core in {core for own in cores.values() for core in own}:
        for (_, stop, first), (start, _, second) in pairwise(on_core(slices, cores, core)):
            if start < stop + switch_ns * (first != second):
                return False
    return True


def on_cores_ns(job: Job, load: Load) -> int:
    """Return how much time on its cores a job takes."""
    return -(-job.work_ns // load.share)


def fresh(loads: Mapping[str, Load]) -> dict[str, Load]:
    return {name: Load([replace(job) for job in load.jobs], load.share) for name, load in loads.items()}


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@given(fixed_priorities())
def test_fixed_priority(case: FixedPriorities) -> None:
    again = fresh(case.loads)
    slices = run(case.policy(), case.loads, QUANTUM_NS, END_NS)
    assert slices == run(case.policy(), again, QUANTUM_NS, END_NS, skipping=False)
    assert spaced(slices, {each.partition: each.cores for each in case.servers}, case.switch_ns)
    analysis = Analysis(case.servers, QUANTUM_NS, case.switch_ns)
    for server in case.servers:
        load = case.loads[server.partition]
        used: Counter[int] = Counter()
        for start, stop in load.executed:
            used[start // (server.period_ns or END_NS)] += stop - start
        rounding_ns = 0 if load.share == 1 else (server.period_ns or END_NS) // QUANTUM_NS  # 1 ns in each slice
        assert max(used.values(), default=0) <= (server.budget_ns or END_NS) * load.share + rounding_ns
        for job in load.finished():
            bound_ns = analysis.response_ns(server, on_cores_ns(job, load), load.share)
            assert bound_ns is None or job.response_ns <= bound_ns, (server, job, bound_ns)


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@given(partitioned())
def test_arinc653(case: Partitioned) -> None:
    again = fresh(case.loads)
    slices = run(case.policy(), case.loads, QUANTUM_NS, END_NS)
    assert slices == run(case.policy(), again, QUANTUM_NS, END_NS, skipping=False)
    cores = {name: sorted({each.core for each in case.windows if each.partition == name}) for name in case.loads}
    assert spaced(slices, cores, 0 if not case.preempting else case.switch_ns)
    for name, load in case.loads.items():
        windows = case.windows, case.frame_ns, QUANTUM_NS, case.switch_ns, case.preempting
        supply = supply_of(name, *windows, load.share)
        for start, stop in load.executed if not case.preempting else ():
            assert any(
                s <= start % case.frame_ns and start % case.frame_ns + stop - start <= e for s, e in supply.stretches
            )
        for job in load.finished():
            bound_ns = supply.response_ns(on_cores_ns(job, load))
            assert bound_ns is None or job.response_ns <= bound_ns, (name, job, bound_ns)


@settings(max_examples=2 * EXAMPLES, deadline=None, derandomize=True)
@given(st.one_of(fixed_priorities(), partitioned()))
def test_what_is_asked_less_often_is_the_same(case: FixedPriorities | Partitioned) -> None:
    again = fresh(case.loads)
    slices = run(case.policy(), case.loads, QUANTUM_NS, END_NS, skipping=False)
    assert run_lasting(case.policy(), again, QUANTUM_NS, END_NS)[0] == slices
    assert {name: load.executed for name, load in again.items()} == {
        name: load.executed for name, load in case.loads.items()
    }


@settings(max_examples=100, deadline=None, derandomize=True)
@given(partitioned(), st.sampled_from("abcds"))
def test_windows_keep_others_from_being_noticed(case: Partitioned, name: str) -> None:
    """With doorbells that wait, what a partition does and when is the same with others and without."""
    case = case._replace(preempting=False)
    if name not in case.loads:
        return
    alone = {other: load if other == name else Load([]) for other, load in fresh(case.loads).items()}
    run(case.policy(), case.loads, QUANTUM_NS, END_NS)
    run(case.policy(), alone, QUANTUM_NS, END_NS)
    assert alone[name].executed == case.loads[name].executed
