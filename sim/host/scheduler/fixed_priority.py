"""Preemptive fixed priorities, each partition within a budget: a deferrable server (Strosnider, Lehoczky and Sha 1995).

A partition that has work at a boundary gets its cores if no greater priority wants one of them. Its budget is full
again at every multiple of its period, and what is left of the old one is lost. Within a quantum a slice ends when the
budget does, and the rest of the quantum goes to the next partition.

A timer that fires within a quantum is noticed at the next boundary, unless the cores would be idle until then: this is
scheduling by ticks (Katcher, Arakawa and Strosnider, Engineering and analysis of fixed priority schedulers, IEEE TSE
19(9), 1993). And a partition that goes idle within its slice keeps its cores to the end of it. It pays for that time,
too, if another one wanted a core of it; else it could stay below its budget for ever and yet have every quantum.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from machines.participant import NEVER_NS, Slice
from sim.host.scheduler.policy import Demand
from sim.scenario.schedule import Server


class _Budget:
    """What is left of a server's budget; full again at each multiple of its period."""

    def __init__(self, server: Server) -> None:
        self._full_ns, self._period_ns = server.budget_ns, server.period_ns
        self._left_ns = server.budget_ns or 0
        self._index = 0

    def left_ns(self, now_ns: int) -> int:
        """Return how long it lasts from now, in ns."""
        if self._full_ns is None or self._period_ns is None:
            return NEVER_NS
        if now_ns // self._period_ns > self._index:
            self._index = now_ns // self._period_ns
            self._left_ns = self._full_ns
        return self._left_ns

    def spend(self, spent_ns: int) -> None:
        """Take away what was used."""
        self._left_ns = max(0, self._left_ns - spent_ns)

    def next_ns(self, now_ns: int, from_ns: int) -> int:
        """Return when, at `from_ns` or later, something is left if nothing is used from `now_ns` to then."""
        return from_ns if self.left_ns(now_ns) else max(from_ns, self.full_ns())

    def full_ns(self) -> int:
        """Return when it is full again, once it was asked what is left."""
        if self._full_ns is None or self._period_ns is None:
            return NEVER_NS
        return (self._index + 1) * self._period_ns


class FixedPriority:
    """Policy of priorities and budgets.

    Parameters:
        quantum_ns: distance of boundaries.
        servers: one for each partition.
        context_switch_ns: what it takes until another partition executes on a core; shorter than a quantum.

    Attributes:
        lasts_ns: when a budget that matters is full again, or has less than a quantum left; a timer that fires within
            the quantum ends the decision with it.
    """

    full = False

    def __init__(self, quantum_ns: int, servers: Iterable[Server], context_switch_ns: int = 0) -> None:
        self.lasts_ns = 0
        self._quantum_ns = quantum_ns
        self._context_switch_ns = context_switch_ns
        self._servers = sorted(servers, key=lambda server: -server.priority)
        self._budgets = {server.partition: _Budget(server) for server in self._servers}
        self._rivals = {
            server.partition: frozenset(other.partition for other in self._servers if server.meets(other))
            for server in self._servers
        }
        self._by_execution: set[str] = set()
        """Who pays by what it executes; the others have paid for the quantum just decided, up to `_paid_ns`."""
        self._paid_ns = 0
        self._occupants: dict[int, str] = {}

    def decide(self, now_ns: int, demands: Mapping[str, Demand]) -> dict[str, Slice]:
        """Let those execute that have work now, the greatest priority first, then those that will have some."""
        quantum_ns, end_ns = self._quantum_ns, now_ns + self._quantum_ns
        ready, waking = self._asking(now_ns, end_ns, demands)
        names = [server.partition for server in (*ready, *waking)]
        free_from: dict[int, int] = {}
        slices: dict[str, Slice] = {}
        self._by_execution.clear()
        self._paid_ns = end_ns
        self.lasts_ns = now_ns if waking else NEVER_NS
        for place, server in enumerate((*ready, *waking)):
            name, budget = server.partition, self._budgets[server.partition]
            left_ns, start_ns = budget.left_ns(now_ns), self._start(server, now_ns, free_from)
            stop_ns = min(end_ns, start_ns + left_ns)
            if not left_ns:
                self.lasts_ns = min(self.lasts_ns, budget.full_ns())
            if stop_ns <= start_ns:
                continue
            slices[name] = Slice(start_ns, stop_ns)
            self.lasts_ns = min(self.lasts_ns, budget.full_ns(), now_ns + left_ns // quantum_ns * quantum_ns)
            if self._rivals[name].isdisjoint(names[place + 1 :]):
                self._by_execution.add(name)
            else:
                budget.spend(stop_ns - start_ns)
            for core in server.cores:
                free_from[core] = stop_ns
                self._occupants[core] = name
        return slices

    def next_ns(self, now_ns: int, demands: Mapping[str, Demand]) -> int:
        """Return the start of the first quantum in which anyone has both something to do and budget."""
        quantum, first_ns = self._quantum_ns, NEVER_NS
        for name, demand in demands.items():
            if name in self._budgets and (demand.rung or demand.wake_ns != NEVER_NS):
                from_ns = demand.from_ns(now_ns) // quantum * quantum
                first_ns = min(first_ns, self._budgets[name].next_ns(now_ns, from_ns))
        return first_ns

    def account(self, name: str, now_ns: int, executed_ns: int) -> None:
        """Charge a partition for what it executed, or for all the time in which it kept another one from executing."""
        self._budgets[name].spend(executed_ns if name in self._by_execution else now_ns - self._paid_ns)

    def _asking(self, now_ns: int, end_ns: int, demands: Mapping[str, Demand]) -> tuple[list[Server], list[Server]]:
        """Return who has work now, and who will have some before the end of the quantum."""
        ready, waking = [], []
        for server in self._servers:
            demand = demands.get(server.partition)
            if demand is None:
                continue
            if demand.rung or demand.wake_ns <= now_ns:
                ready.append(server)
            elif demand.wake_ns < end_ns:
                waking.append(server)
        return ready, waking

    def _start(self, server: Server, now_ns: int, free_from: Mapping[int, int]) -> int:
        """Return when a partition can execute: when all of its cores are free and have switched to it."""
        free_ns, switching = now_ns, False
        for core in server.cores:
            free_ns = max(free_ns, free_from.get(core, now_ns))
            switching |= self._occupants.get(core, server.partition) != server.partition
        return free_ns + self._context_switch_ns * switching
