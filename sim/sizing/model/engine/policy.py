"""The executive's policy, asked by the engine: the same objects that schedule a run (sim.host.scheduler)."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

from sim.host.scheduler import Demand, Lasting, Policy
from sim.sizing.model.engine import interface as c
from sim.sizing.plan import Node


class Scheduling:
    """Hands the engine's questions to a policy.

    Parameters:
        policy: a new one; it keeps account of one run.
        nodes: all of the plan.

    Attributes:
        structure: what the engine asks through.
        error: what was raised while the policy was asked, an interrupt as well; the engine cannot pass it on.
    """

    def __init__(self, policy: Policy, nodes: Sequence[Node]) -> None:
        count = len(nodes)
        self.error: BaseException | None = None
        self._policy = policy
        self._lasting = policy if isinstance(policy, Lasting) else None
        self._demands: dict[str, Demand] = {}
        self._numbers = {node.name: number for number, node in enumerate(nodes) if node.scheduled}
        self._names = [node.name for node in nodes]
        self._wake, self._start, self._stop = ((ctypes.c_int64 * count)() for _ in range(3))
        self._is_rung = (ctypes.c_uint8 * count)()
        asked = c.Asked(self._next_ns), c.Asked(self._decide), c.Told(self._account)
        self.structure = c.PolicyPlan(*asked, self._wake, self._start, self._stop, self._is_rung)

    def _next_ns(self, now_ns: int) -> int:
        if self.error is not None:
            return c.NEVER
        try:
            wake, rung = self._wake, self._is_rung
            self._demands = {name: Demand(wake[number], rung[number] != 0) for name, number in self._numbers.items()}
            return self._policy.next_ns(now_ns, self._demands)
        except BaseException as error:  # noqa: BLE001 - it is raised once the engine has returned
            self.error = error
            return c.NEVER

    def _decide(self, start_ns: int) -> int:
        if self.error is not None:
            return 0
        try:
            for name, given in self._policy.decide(start_ns, self._demands).items():
                number = self._numbers[name]
                self._start[number], self._stop[number] = given
            return 0 if self._lasting is None else self._lasting.lasts_ns
        except BaseException as error:  # noqa: BLE001 - see above
            self.error = error
            return 0

    def _account(self, number: int, now_ns: int, executed_ns: int) -> None:
        if self.error is not None:
            return
        try:
            self._policy.account(self._names[number], now_ns, executed_ns)
        except BaseException as error:  # noqa: BLE001 - see above
            self.error = error
