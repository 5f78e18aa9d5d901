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
        if self.left_ns(now_ns) or self._period_ns is None:
            return from_ns
        return max(from_ns, (self._index + 1) * self._period_ns)


class FixedPriority:
    """Policy of priorities and budgets.

    Parameters:
        quantum_ns: distance of boundaries.
        servers: one for each partition.
        context_switch_ns: what it takes until another partition executes on a core; shorter than a quantum.
    """

    full = False

    def __init__(self, quantum_ns: int, servers: Iterable[Server], context_switch_ns: int = 0) -> None:
        self._quantum_ns = quantum_ns
        self._context_switch_ns = context_switch_ns
        self._servers = sorted(servers, key=lambda server: -server.priority)
        self._budgets = {server.partition: _Budget(server) for server in self._servers}
        self._by_execution: set[str] = set()
        """Who pays for the quantum just decided by what it executes in it; the others have paid already."""
        self._occupants: dict[int, str] = {}

    def decide(self, now_ns: int, demands: Mapping[str, Demand]) -> dict[str, Slice]:
        """Let those execute that have work now, the greatest priority first, then those that will have some."""
        end_ns = now_ns + self._quantum_ns
        alive = [(server, demands[server.partition]) for server in self._servers if server.partition in demands]
        ready = [server for server, demand in alive if demand.from_ns(now_ns) == now_ns]
        waking = [server for server, demand in alive if now_ns < demand.from_ns(now_ns) < end_ns]
        free_from = {core: now_ns for server in self._servers for core in server.cores}
        self._by_execution.clear()
        slices: dict[str, Slice] = {}
        for place, server in enumerate((*ready, *waking)):
            budget = self._budgets[server.partition]
            start_ns = self._start(server, free_from)
            stop_ns = min(end_ns, start_ns + budget.left_ns(now_ns))
            if stop_ns <= start_ns:
                continue
            slices[server.partition] = Slice(start_ns, stop_ns)
            if any(server.meets(other) for other in (*ready, *waking)[place + 1 :]):
                budget.spend(stop_ns - start_ns)
            else:
                self._by_execution.add(server.partition)
            for core in server.cores:
                free_from[core] = stop_ns
                self._occupants[core] = server.partition
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
        """Charge a partition that kept nobody from executing for what it executed."""
        if name in self._by_execution:
            self._budgets[name].spend(executed_ns)

    def _start(self, server: Server, free_from: Mapping[int, int]) -> int:
        """Return when a partition can execute: when all of its cores are free and have switched to it."""
        free_ns = max(free_from[core] for core in server.cores)
        switching = any(self._occupants.get(core, server.partition) != server.partition for core in server.cores)
        return free_ns + self._context_switch_ns * switching
