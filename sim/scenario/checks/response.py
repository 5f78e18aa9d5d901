"""Response-time analysis of partitions with fixed priorities and budgets, for the policy `fixed_priority`.

The recurrence is that of M. Joseph and P. Pandya, Finding response times in a real-time system, Computer Journal 29(5),
1986, and N. Audsley et al., Applying new scheduling theory to static priority pre-emptive scheduling, Software
Engineering Journal 8(5), 1993: the least w that is what is to be done and all that greater priorities do in w.

A deferrable server can use its budget at the end of one period and again at the start of the next: J. K. Strosnider,
J. P. Lehoczky and L. Sha, The deferrable server algorithm, IEEE Transactions on Computers 44(1), 1995. It counts as a
periodic task with release jitter period - budget: G. Bernat and A. Burns, New results on fixed priority aperiodic
servers, RTSS 1999. Counted from a moment at which the budget of the partition itself is full again, the jitter is no
more than their periods allow, period - gcd of both; with equal or harmonic periods there is none.

Work within a partition follows R. I. Davis and A. Burns, Hierarchical fixed priority pre-emptive scheduling, RTSS 2005:
it comes at the worst moment, when the budget was used up as early as it can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, gcd

from sim.scenario.schedule import Server

_ALL = Fraction(1)
_STEPS = 10_000
"""A recurrence that has not come to rest after so many steps is taken to have no end."""


@dataclass(frozen=True)
class Analysis:
    """What all partitions under fixed priorities get in the worst case; times in ns.

    Attributes:
        servers: of all partitions; no two that share a core have the same priority.
        quantum_ns: distance of boundaries.
        context_switch_ns: what it takes until another partition executes on a core.
    """

    servers: Sequence[Server]
    quantum_ns: int
    context_switch_ns: int

    def before(self, server: Server) -> list[Server]:
        """Return who can keep a partition waiting.

        That is each greater priority on one of its cores; and since a partition with several cores waits until all of
        them are free, each that can keep one of these waiting on a core of theirs.
        """
        found: list[Server] = []
        reached = [server]
        while reached:
            held = reached.pop()
            for other in self.servers:
                if other.priority > held.priority and other.meets(held) and other not in found:
                    found.append(other)
                    reached.append(other)
        return found

    def busy_ns(self, server: Server, work_ns: int, replenished: bool) -> int | None:
        """Return how long a partition takes for work within its budget, from a boundary at which it has that work.

        w = work + sum over j before it of ceil((w + J_j) / T_j) B_j + ceil(w / quantum) (n + 1) switch

        In a quantum each partition has one slice at most, so the n that are before it and itself cost a switch each.

        Parameters:
            server: the partition.
            work_ns: time on its cores that it needs.
            replenished: the boundary is one at which its budget is full again: J_j = T_j - max(B_j, gcd(T_j, T)).
                Else any boundary: J_j = T_j - B_j.

        Returns:
            The least w; None if there is none.
        """
        before = self.before(server)
        switches_ns = (len(before) + 1) * self.context_switch_ns
        tasks: list[tuple[int, int, int]] = []
        for other in before:
            if other.budget_ns is None or other.period_ns is None:
                return None
            common_ns = gcd(other.period_ns, server.period_ns) if replenished and server.period_ns else 0
            tasks.append((other.budget_ns, other.period_ns, other.period_ns - max(other.budget_ns, common_ns)))
        left = 1 - Fraction(switches_ns, self.quantum_ns) - sum(Fraction(budget, period) for budget, period, _ in tasks)
        if left <= 0:
            return None
        response_ns = ceil(work_ns / left)  # not above the least w, as no ceil is below its argument
        for _ in range(_STEPS):
            longer_ns = work_ns + -(-response_ns // self.quantum_ns) * switches_ns
            longer_ns += sum(-(-(response_ns + jitter) // period) * budget for budget, period, jitter in tasks)
            if longer_ns == response_ns:
                return response_ns
            response_ns = longer_ns
        return None

    def response_ns(self, server: Server, work_ns: int, duty: Fraction = _ALL) -> int | None:
        """Return how long work can take at most, whenever it comes, if nothing else is left to do.

        It is noticed within a quantum. With budget B and period T, the worst that can be then is that the budget was
        used up B after the start of a period, and the work needs n = ceil(work / B) more of them:

            quantum + T - B + (n - 1) T + busy(work - (n - 1) B)

        This needs a budget that can be used up in every period, busy(B) <= T. Work that what is left of the budget is
        enough for takes no longer: if it comes y <= B - work after the start of a period, the others take at most
        busy(B) - B <= T - B in that period; if it comes later, T - y < T - B + work are left of the period.

        A machine that executes a share of its slices (see `sim.host.duty`) pauses at the end of each. Work that comes
        in a pause waits for the next boundary, as all work may; after that only rounding costs something, in all less
        than 1 ns of what it executes.

        Parameters:
            server: the partition.
            work_ns: time on its cores that it takes, from 1.
            duty: share of its slices that its machine executes.

        Returns:
            The bound; None if there is none.
        """
        work_ns += 0 if duty == _ALL else ceil(1 / duty)
        if server.budget_ns is None or server.period_ns is None:
            busy_ns = self.busy_ns(server, work_ns, replenished=False)
            return None if busy_ns is None else self.quantum_ns + busy_ns
        whole_ns = self.busy_ns(server, server.budget_ns, replenished=True)
        if whole_ns is None or whole_ns > server.period_ns:
            return None
        rounds = (work_ns - 1) // server.budget_ns
        last_ns = self.busy_ns(server, work_ns - rounds * server.budget_ns, replenished=True)
        assert last_ns is not None, "the last part is not longer than a whole budget"
        return self.quantum_ns + (rounds + 1) * server.period_ns - server.budget_ns + last_ns
