"""Partitions without machines: jobs that take time on cores, run by a policy, with everything that happened noted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from machines.participant import NEVER_NS, Slice
from sim.host.duty import Duty
from sim.host.scheduler.policy import Demand, Lasting, Policy
from sim.scenario.schedule import Window


def window(partition: str, core: int, offset_ns: int, length_ns: int) -> Window:
    return Window.model_construct(partition=partition, core=core, offset_ns=offset_ns, length_ns=length_ns)


@dataclass
class Job:
    """Work that comes `gap_ns` after the one before it is done: by a timer, or by a doorbell at the next boundary."""

    gap_ns: int
    work_ns: int
    rings: bool = False
    came_ns: int = -1
    done_ns: int = -1

    @property
    def response_ns(self) -> int:
        return self.done_ns - self.came_ns


@dataclass
class Load:
    """What one partition has to do, job after job; afterwards nothing. It executes a share of each of its slices."""

    jobs: Sequence[Job]
    share: Fraction = Fraction(1)
    executed: list[tuple[int, int]] = field(default_factory=list)
    _next: int = 0
    _left_ns: int = 0
    _comes_ns: int = NEVER_NS
    _rung: bool = False
    _total_ns: int = 0

    def __post_init__(self) -> None:
        self._duty = Duty(self.share)

    def plan(self, now_ns: int, quantum_ns: int) -> None:
        if self._next < len(self.jobs):
            job = self.jobs[self._next]
            comes_ns = now_ns + job.gap_ns
            self._comes_ns = -(-comes_ns // quantum_ns) * quantum_ns if job.rings else comes_ns
        else:
            self._comes_ns = NEVER_NS

    def demand(self, now_ns: int) -> Demand:
        if not self._left_ns and self._comes_ns <= now_ns:
            self._begin()
            self._rung = self.jobs[self._next].rings
        if self._left_ns:
            return Demand(now_ns, self._rung)
        rings = self._next < len(self.jobs) and self.jobs[self._next].rings
        return Demand(NEVER_NS if rings else self._comes_ns)

    def execute(self, given: Slice, quantum_ns: int) -> int:
        """Execute in a slice, return how much of it that is worth."""
        given = self._duty.cut(given)
        t_ns, total_ns = given.start_ns, 0
        while t_ns < given.stop_ns:
            if not self._left_ns:
                timer = self._next < len(self.jobs) and not self.jobs[self._next].rings
                if not timer or self._comes_ns >= given.stop_ns:
                    break
                t_ns = max(t_ns, self._comes_ns)
                self._begin()
            self._rung = False
            done_ns = min(given.stop_ns, t_ns + self._left_ns)
            self.executed.append((t_ns, done_ns))
            self._left_ns -= done_ns - t_ns
            total_ns += done_ns - t_ns
            t_ns = done_ns
            if not self._left_ns:
                self.jobs[self._next].done_ns = t_ns
                self._next += 1
                self.plan(t_ns, quantum_ns)
        self._total_ns += total_ns
        return int(self._total_ns / self.share) - int((self._total_ns - total_ns) / self.share)

    def finished(self) -> Iterator[Job]:
        """Yield the jobs that are done."""
        return (job for job in self.jobs if job.done_ns >= 0)

    def _begin(self) -> None:
        job = self.jobs[self._next]
        job.came_ns, self._left_ns = self._comes_ns, job.work_ns


def run(
    policy: Policy, loads: Mapping[str, Load], quantum_ns: int, until_ns: int, skipping: bool = True
) -> dict[str, list[Slice]]:
    """Let a policy run loads; return the slices of each."""
    given: dict[str, list[Slice]] = defaultdict(list)
    now_ns = 0
    for load in loads.values():
        load.plan(0, quantum_ns)
    while now_ns < until_ns:
        demands = {name: load.demand(now_ns) for name, load in loads.items()}
        next_ns = policy.next_ns(now_ns, demands)
        assert next_ns >= now_ns
        if next_ns > now_ns and skipping:
            now_ns += quantum_ns  # the world goes on by quanta, so that doorbells ring in time
            continue
        slices = policy.decide(now_ns, demands)
        assert not slices or next_ns == now_ns, "next_ns leaves out a quantum in which someone could execute"
        now_ns += quantum_ns
        for name, each in slices.items():
            assert now_ns - quantum_ns <= each.start_ns < each.stop_ns <= now_ns
            policy.account(name, now_ns, loads[name].execute(each, quantum_ns))
            given[name].append(each)
    return given


def on_core(
    slices: Mapping[str, Sequence[Slice]], cores: Mapping[str, Sequence[int]], core: int
) -> list[tuple[int, int, str]]:
    """Return (start, stop, partition) of all slices on a core, in order."""
    return sorted(
        (each.start_ns, each.stop_ns, name) for name in slices if core in cores[name] for each in slices[name]
    )


def run_lasting(
    policy: Lasting, loads: Mapping[str, Load], quantum_ns: int, until_ns: int
) -> tuple[dict[str, list[Slice]], int]:
    """As `run`, but ask only where the last decision does not go on; also return how often it did."""
    given: dict[str, list[Slice]] = defaultdict(list)
    executed: dict[str, int] = {}
    slices: dict[str, Slice] = {}
    ready: set[str] = set()
    decided_ns, went_on = -quantum_ns, 0
    for load in loads.values():
        load.plan(0, quantum_ns)
    for now_ns in range(0, until_ns, quantum_ns):
        end_ns = now_ns + quantum_ns
        demands = {name: load.demand(now_ns) for name, load in loads.items()}
        now_ready = {name for name, demand in demands.items() if demand.from_ns(now_ns) == now_ns}
        waking = any(demand.from_ns(now_ns) < end_ns for name, demand in demands.items() if name not in now_ready)
        worth_more = any(executed_ns > now_ns - decided_ns for executed_ns in executed.values())
        if end_ns <= policy.lasts_ns and now_ready == ready and not waking and not worth_more:
            slices = {name: Slice(now_ns, end_ns) for name in slices if name in ready}
            went_on += bool(slices)
        else:
            for name, executed_ns in executed.items():
                policy.account(name, now_ns, executed_ns)
            slices, ready, decided_ns = policy.decide(now_ns, demands), now_ready, now_ns
            executed = dict.fromkeys(slices, 0)
        for name, each in slices.items():
            executed[name] += loads[name].execute(each, quantum_ns)
            given[name].append(each)
    return given, went_on
