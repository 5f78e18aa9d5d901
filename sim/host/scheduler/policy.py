"""What a scheduling policy is: asked at each boundary who executes on the host's cores until the next one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol, runtime_checkable

from machines.participant import Slice


class Demand(NamedTuple):
    """What a partition would do if it had its cores.

    Attributes:
        wake_ns: not later than now if it has work; else when its next timer fires, `NEVER_NS` if there is none.
        rung: a doorbell reached it since it last executed.
    """

    wake_ns: int
    rung: bool = False

    def from_ns(self, now_ns: int) -> int:
        """Return when it has something to do, not earlier than now, in ns."""
        return now_ns if self.rung else max(now_ns, self.wake_ns)


class Policy(Protocol):
    """Shares the cores of the host among partitions. All times are virtual, in ns; boundaries are whole quanta."""

    @property
    def full(self) -> bool:
        """Whether every partition always executes, so that there is nothing to decide."""

    def decide(self, now_ns: int, demands: Mapping[str, Demand]) -> dict[str, Slice]:
        """Say who executes when in the quantum that starts now.

        To be asked once for a boundary, and for boundaries in ascending order; it may keep account of what it gives.

        Parameters:
            now_ns: a boundary.
            demands: of every partition that is alive, by name.

        Returns:
            When each partition executes, within the quantum; partitions that are not named do not.
        """

    def next_ns(self, now_ns: int, demands: Mapping[str, Demand]) -> int:
        """Return the earliest boundary from `now_ns`, a boundary, on at which `decide` could let anyone execute.

        Parameters:
            now_ns: a boundary.
            demands: of every partition that is alive, by name.

        Returns:
            A boundary; `NEVER_NS` if nobody has anything to do.
        """

    def account(self, name: str, now_ns: int, executed_ns: int) -> None:
        """Take note that a partition executed for `executed_ns` from the last decision to `now_ns`, a boundary."""


@runtime_checkable
class Lasting(Policy, Protocol):
    """A policy that can tell how long a decision goes on, so that a model need not ask it at every boundary.

    A decision goes on in the next quantum, and whoever it let execute and still has something to do has all of it, if

    - the quantum ends by `lasts_ns`,
    - the same partitions have something to do at its start as had when the decision was made, and nobody else will
      have before its end, and
    - nobody has been said to execute for longer than has passed since, as may be where a duty is rounded.

    `account` is then told once of all quanta of a decision.
    """

    @property
    def lasts_ns(self) -> int:
        """Until when the last decision can go on, in ns; the time of the decision or less: not beyond its quantum."""
