"""The interface of everything that takes part in virtual time.

A run is a sequence of boundaries on a grid of one quantum. Between two boundaries the executive lets participants run,
and at a boundary, while all of them stand still, it carries doorbells from one to the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple, Protocol

NEVER_NS = 2**63 - 1
"""Later than any time of a run, in nanoseconds."""


class Slice(NamedTuple):
    """When the processors of a participant execute within a grant; its clock, timers and devices go on outside of it.

    Attributes:
        start_ns: first nanosecond in which they execute.
        stop_ns: first nanosecond after it in which they do not; equal to `start_ns`: not at all.
    """

    start_ns: int
    stop_ns: int


class State(Enum):
    """The life of a participant."""

    CREATED = "created"  # described, nothing started
    BOOTING = "booting"  # its process runs, its software is not ready
    READY = "ready"  # waits for the first grant
    RUNNING = "running"  # takes part in virtual time
    STOPPED = "stopped"  # ended by us; final
    FAILED = "failed"  # ended by itself; only stop() is left


TRANSITIONS: dict[State, frozenset[State]] = {
    State.CREATED: frozenset({State.BOOTING, State.STOPPED}),
    State.BOOTING: frozenset({State.READY, State.FAILED, State.STOPPED}),
    State.READY: frozenset({State.RUNNING, State.FAILED, State.STOPPED}),
    State.RUNNING: frozenset({State.FAILED, State.STOPPED}),
    State.FAILED: frozenset({State.STOPPED}),
    State.STOPPED: frozenset({State.STOPPED}),
}


class Lifecycle:
    """Holds the state of one participant and refuses transitions that make no sense.

    Parameters:
        name: the participant, for messages.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.state = State.CREATED

    def to(self, state: State) -> None:
        """Enter `state`.

        Raises:
            RuntimeError: the transition is not in `TRANSITIONS`; the text says what is allowed.
        """
        if state not in TRANSITIONS[self.state]:
            allowed = ", ".join(sorted(s.value for s in TRANSITIONS[self.state]))
            raise RuntimeError(f"{self._name} is {self.state.value} and cannot become {state.value}, only {allowed}")
        self.state = state


class Participant(Protocol):
    """What the executive asks of a guest, a microcontroller or a native model. All times are virtual nanoseconds."""

    name: str

    @property
    def state(self) -> State:
        """Where it is in its life."""

    @property
    def wake_ns(self) -> int:
        """The earliest time at which it has something to do if nobody rings it; `NEVER_NS` if there is none."""

    def grant(self, until_ns: int, executing: Slice | None = None) -> None:
        """Let its clock run up to `until_ns`, and its processors execute in `executing`, None: all the time.

        Returns at once.
        """

    def settle(self) -> None:
        """Wait until it stands still at the end of its grant.

        Raises:
            ParticipantFailed: it will not get there.
        """

    def deliver(self, vectors: Sequence[int]) -> None:
        """Ring it while it stands still; `vectors` name its own channel ends."""

    def collect(self) -> Sequence[int]:
        """Return the vectors that it rang since the last call, ascending."""

    def fail(self) -> None:
        """Note that it failed and release what it holds; the run goes on without it."""

    def stop(self) -> None:
        """End it and release what it holds; may be called in any state, and twice."""


class Device(Participant, Protocol):
    """A participant that the host itself plays: it acts at boundaries, and what it does to its rings is sound."""

    def broken(self) -> Sequence[tuple[int, str]]:
        """Return the channel ends that it gave up since the last call, with what the other end had done to the ring."""
