"""A Linux guest that runs free: the same agent and services, with a clock that follows the host's."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

from machines.errors import ParticipantFailed
from machines.participant import State
from machines.qemu.control import VECTOR
from machines.qemu.guest import LinuxGuest, Message
from machines.qemu.realtime import clock
from machines.qemu.realtime.clock import Pace, WallClock
from machines.qemu.realtime.machine import FreeMachine

_ARM_LIMIT_NS = 120_000_000_000
"""Wall time within which services must have loaded."""

_ANY_TIME = 1 << 62


class FreeGuest(LinuxGuest):
    """A virtual machine that nobody holds.

    It is armed as in virtual time, which is the wall clock's here. Then `synchronise` finds out how its counter stands
    to the host's, and `begin` tells the agent that the run has begun.

    Parameters:
        vm: runs at the ready point.
        on_message: called with each message of the agent.

    Attributes:
        error_ns: at most so far its clock is from the host's.
    """

    def __init__(self, vm: FreeMachine, on_message: Callable[[Message], None]) -> None:
        super().__init__(vm, on_message)
        self.vm: FreeMachine = vm
        self.error_ns = 0
        self._pace: Pace | None = None
        self._restored_ns = vm.held.now_ns
        self._began_ns = self._used_ns = 0

    def _moment(self) -> int:
        """Return a time after which no message of its agent comes: it stamps them with counts of its own pace."""
        return _ANY_TIME

    @property
    def instructions(self) -> int:
        """Nobody counts them: 0."""
        return 0

    @property
    def busy_ns(self) -> int:
        """Processor time of the host that its QEMU has used since time 0."""
        with contextlib.suppress(OSError):
            if self._orderly:
                self._used_ns = self.vm.processor_ns - self._began_ns
        return self._used_ns

    def arm_settle(self) -> None:
        """Finish what `arm_step` began.

        Raises:
            ParticipantFailed: it died, or its agent could not load a service.
        """
        super().arm_settle()
        if self.state is State.BOOTING and self.vm.held.now_ns - self._restored_ns > _ARM_LIMIT_NS:
            raise ParticipantFailed(self.name, f"its services have not loaded within {_ARM_LIMIT_NS // 10**9} s")

    def start(self, at_ns: int = 0) -> None:
        """Take part in a run, which begins with `begin`."""
        self._life.to(State.RUNNING)

    def synchronise(self, host: WallClock) -> None:
        """Find out how its counter stands to the host's.

        Raises:
            ParticipantFailed: it does not answer, or its counter cannot be a clock.
        """
        self._control.post({"type": "clock"})
        self._pump()
        self._pace = clock.pace(self.name, clock.ask(self.name, self.vm.control, host), host)
        self.error_ns = self._pace.error_ns

    def begin(self, zero: int) -> None:
        """Tell the agent that the run has begun.

        Parameters:
            zero: what the host's counter showed at time 0.
        """
        assert self._pace is not None, "synchronise() comes first"
        self._began_ns = self.vm.processor_ns
        pace = self._pace
        order = {"type": "start", "offset_ns": 0, "zero": pace.at(zero), "ns_per_count": pace.ns_per_count}
        self._control.post(order)
        self._pump()
        self._orderly = True

    def hear(self) -> Sequence[int]:
        """Take what its agent says, and return the channel ends that it rang, as far as the host is to carry that.

        Raises:
            ParticipantFailed: it broke the control region.
        """
        rung = self.vm.collect()
        if VECTOR in rung:
            self._listen()
        if self._control.waiting:
            self._pump()
        return [vector for vector in rung if vector != VECTOR]

    def check(self) -> None:
        """Look whether it still runs.

        Raises:
            ParticipantFailed: its QEMU has ended.
        """
        self.vm.grant(0)
        self.vm.settle()

    def freeze(self) -> None:
        """Stop it where it is, for good: what it shares with the host changes no more."""
        self.vm.freeze()
