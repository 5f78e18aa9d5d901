"""A service in the loop of its node: how long its calls take, whatever the node's other services do.

Two bounds hold, and the better counts:

- by rounds: the loop lets every other service make one call between two of its own. This is the service curve of
  round robin: Le Boudec and Thiran, Network Calculus, section 2.4 (guaranteed rate nodes); A. Bouillard, M. Boyer and
  E. Le Corronc, Deterministic Network Calculus, 2018, section 7.2.3.
- by arrivals: while the node is awake it does what has come for any of them. What is left of a strict service curve
  after the others' arrivals is the service curve of this one: Le Boudec and Thiran, theorem 6.2.1.

A tensor may come while the loop looks elsewhere, so work in front of it always includes the wake-up of the node and the
gap of a call that has just ended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

from sim.sizing.bounds.curves import Curve, Served, Unbounded
from sim.sizing.bounds.services import Sends, Workload
from sim.sizing.bounds.supply import Execution

_STEPS = 1_000
"""A recurrence that has not come to rest after so many steps is taken to have no end."""

_FULL = 1 - 1e-9
"""Utilisation from which on there is no bound; rates are floating-point numbers."""


@dataclass(frozen=True, slots=True)
class Rival:
    """Another service of the node: what its calls take, and how they can follow each other."""

    workload: Workload
    calls: Curve


@dataclass(frozen=True)
class Turn:
    """What a service has to reckon with in its node's loop.

    Attributes:
        name: who is asked for more than it can do, if so: the node.
        execution: what the node gets of its core.
        own: what its calls take.
        first_ns: execution time before its first call: the node wakes up, and the gap of the call before.
        round_ns: execution time of one call of every other service.
        rivals: the other services; None where it is not known what comes for them.
    """

    name: str
    execution: Execution
    own: Workload
    first_ns: int
    round_ns: int
    rivals: Sequence[Rival] | None

    def by_rounds(self, calls: int, own_ns: int) -> int:
        """Return the longest time until in its n-th call it has executed `own_ns` since the first began."""
        return self.execution.time_ns(self.first_ns + calls * self.round_ns + own_ns)

    def by_arrivals(self, own_ns: int, from_ns: int = 0) -> int:
        """Return the same by what comes for others: the least fixed point of t = supply(own + theirs(t)).

        Parameters:
            own_ns: that it executes.
            from_ns: not above the fixed point.

        Raises:
            Unbounded: there is none, or what comes for others is not known.
        """
        if self.rivals is None:
            raise Unbounded("it is not known what comes for the other services")
        time_ns = from_ns
        for _ in range(_STEPS):
            theirs_ns = sum(rival.workload.of(rival.calls.count(time_ns)) for rival in self.rivals)
            longer_ns = self.execution.time_ns(self.first_ns + own_ns + theirs_ns)
            if longer_ns == time_ns:
                return time_ns
            time_ns = longer_ns
        raise Unbounded(f"{self.name} may be busy for ever")

    def servers(self, calls: Curve) -> list[Server]:
        """Return the service curves that hold for calls that are asked for like this; none: there is no bound."""
        try:
            share = self.execution.share()
        except Unbounded:
            return []
        asked = calls.rate * self.own.mean_ns
        found = []
        if asked + calls.rate * self.round_ns < share * _FULL:
            found.append(Server(self.own, self.by_rounds))
        if self.rivals and asked + self._rivals_ask() < share * _FULL:
            found.append(Server(self.own, self._arriving()))
        return found

    def _arriving(self) -> Callable[[int, int], int]:
        """Return `by_arrivals` that remembers: the fixed point of more work is not below that of less."""
        known = {-1: 0}

        def time(calls: int, own_ns: int) -> int:
            if own_ns not in known:
                less_ns = max(each_ns for each_ns in known if each_ns < own_ns)
                known[own_ns] = self.by_arrivals(own_ns, known[less_ns])
            return known[own_ns]

        return time

    def _rivals_ask(self) -> float:
        return sum(rival.calls.rate * rival.workload.mean_ns for rival in self.rivals or ())

    def overload(self, calls: Curve) -> str:
        """Say in words why there is no bound for calls that are asked for like this."""
        try:
            asked = (calls.rate * self.own.mean_ns + self._rivals_ask()) / self.execution.share()
        except Unbounded as reason:
            return str(reason)
        if asked == inf:
            return f"any number of tensors may come for {self.name} at once"
        if asked >= _FULL:
            return f"{self.name} is asked for {asked:.2f} times what it can do"
        return f"other services of {self.name} may keep this one from ever catching up"


@dataclass(frozen=True)
class Server:
    """A service curve of a service.

    Attributes:
        own: what its calls take.
        time: longest time until so much has been executed in the n-th call, and those before it, since there was work.
        busy: most calls in a busy period; 0: not known yet.
    """

    own: Workload
    time: Callable[[int, int], int]
    busy: int = 0

    def begun(self, calls: int) -> int:
        """Return until when the n-th call has begun."""
        return self.time(calls, self.own.of(calls - 1))

    def ended(self, calls: int) -> int:
        """Return until when the n-th call has ended."""
        return self.time(calls, self.own.of(calls))

    def sent(self, sends: Sends) -> Served:
        """Return until when the n-th call has sent what it sends on an output."""
        return lambda calls: self.time(calls, sends.latest(calls))
