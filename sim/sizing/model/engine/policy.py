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
        self._names = [(number, node.name) for number, node in enumerate(nodes) if node.scheduled]
        self._wake, self._start, self._stop, self._executed = ((ctypes.c_int64 * count)() for _ in range(4))
        self._is_rung, self._has_run = ((ctypes.c_uint8 * count)() for _ in range(2))
        times = self._wake, self._start, self._stop, self._executed
        asked = c.Asked(self._next_ns), c.Asked(self._decide), c.Told(self._account)
        self.structure = c.PolicyPlan(*asked, *times, self._is_rung, self._has_run)

    def _next_ns(self, now_ns: int) -> int:
        if self.error is not None:
            return c.NEVER
        try:
            wake, rung = self._wake, self._is_rung
            self._demands = {name: Demand(wake[number], bool(rung[number])) for number, name in self._names}
            return self._policy.next_ns(now_ns, self._demands)
        except BaseException as error:  # noqa: BLE001 - it is raised once the engine has returned
            self.error = error
            return c.NEVER

    def _decide(self, start_ns: int) -> int:
        if self.error is not None:
            return 0
        try:
            slices = self._policy.decide(start_ns, self._demands)
            for number, name in self._names:
                given = slices.get(name)
                self._start[number], self._stop[number] = given if given is not None else (0, 0)
            return 0 if self._lasting is None else self._lasting.lasts_ns
        except BaseException as error:  # noqa: BLE001 - see above
            self.error = error
            return 0

    def _account(self, target_ns: int) -> None:
        if self.error is not None:
            return
        try:
            for number, name in self._names:
                if self._has_run[number]:
                    self._policy.account(name, target_ns, self._executed[number])
        except BaseException as error:  # noqa: BLE001 - see above
            self.error = error
