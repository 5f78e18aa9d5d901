"""The host executive: owns virtual time, runs the participants from boundary to boundary and carries their doorbells.

At a boundary everything stands still. The executive then lets overseers and native devices act, rings the guests whose
doorbells are due, and chooses the next boundary: one quantum on if a guest is busy and has a core, else the quantum in
which that is so, or the next timer or native event falls. Guests without anything to do, or without a core to do it on,
are left at an older boundary and brought up to date when they get one, or are rung.

Guests run one after the other, in the order of the scenario, so that shared memory changes in one order only. Guests
that share no channel cannot see each other, and run at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from types import MappingProxyType

from machines.errors import ParticipantFailed
from machines.participant import NEVER_NS, Device, Participant, Slice
from sim.host.channel import Channel, End
from sim.host.doorbells import Doorbells
from sim.host.duty import Duty
from sim.host.overseer import Overseer
from sim.host.scheduler.policy import Demand, Policy
from sim.host.trace import Trace

_ROUNDS_LIMIT = 1000
"""Rounds of native devices answering each other at one boundary; beyond it is a loop without end."""


@dataclass
class _Place:
    """Where the executive has a guest."""

    guest: Participant
    at_ns: int = 0
    rung: bool = False
    executed_ns: int = 0


class Executive:
    """Runs one set of participants.

    Parameters:
        guests: participants that run between boundaries, in the order in which they are granted.
        devices: participants that act at boundaries.
        channels: all of them.
        quantum_ns: distance of boundaries.
        trace: takes all that happens.
        on_doorbell: told (time, source, target, channel) of each doorbell that is delivered.
        on_failure: told of a participant that failed; the others run on.
        policy: who has a core when; None: everybody always.
        scheduled: the guests that it schedules; others have a core of their own.
        shares: of their core, that guests execute whose speed is not one that their machine has; others all of it.
        on_slice: told (guest, slice) of the time that a scheduled guest had a core.

    Attributes:
        now_ns: the boundary.
        horizon_ns: the boundary that the guests run up to, or stand at.
        overseers: act on the run.
        doorbells: on their way.
        halted: why the run was ended before its time; empty if it was not.
    """

    def __init__(
        self,
        guests: Sequence[Participant],
        devices: Sequence[Device],
        channels: Iterable[Channel],
        quantum_ns: int,
        trace: Trace,
        on_doorbell: Callable[[int, End, End, Channel], None],
        on_failure: Callable[[int, ParticipantFailed], None],
        policy: Policy | None = None,
        scheduled: Collection[str] = (),
        shares: Mapping[str, Fraction] = MappingProxyType({}),
        on_slice: Callable[[str, Slice], None] = lambda name, executed: None,
    ) -> None:
        self.now_ns = self.horizon_ns = 0
        self.overseers: list[Overseer] = []
        self.halted = ""
        self._order = {guest.name: index for index, guest in enumerate(guests)}
        self._places = {guest.name: _Place(guest) for guest in guests}
        self._devices = list(devices)
        self._quantum_ns = quantum_ns
        self._trace = trace
        self._on_failure = on_failure
        self._policy = policy
        self._scheduled = frozenset(scheduled) if policy is not None else frozenset()
        self._shares = dict(shares)
        self._speeds = {name: Duty(share) for name, share in shares.items()}
        self._throttles: dict[str, Duty] = {}
        self._on_slice = on_slice
        self._of: dict[str, list[Channel]] = defaultdict(list)
        for channel in channels:
            for end in (channel.source, channel.target):
                self._of[end.participant].append(channel)
        self.doorbells = Doorbells(channels, trace, on_doorbell)

    def run(self, until_ns: int, progress: Callable[[int], None]) -> None:
        """Run up to `until_ns`, a boundary; `progress` is told the time at every boundary."""
        self._boundary()
        while self.now_ns < until_ns and not self.halted:
            target_ns = min(self._next_boundary(), until_ns)
            self.horizon_ns = target_ns
            self._run_guests(target_ns)
            self.now_ns = target_ns
            self._boundary()
            progress(target_ns)

    # -- what overseers do -----------------------------------------------------------------------------------------

    def throttle(self, name: str, share: Fraction) -> None:
        """Let a guest execute only in this share of the time in which it otherwise would.

        Parameters:
            name: the guest.
            share: from 0, it hangs, to 1, as ever.
        """
        self._throttles.pop(name, None)
        if share != 1:
            self._throttles[name] = Duty(share)

    def admit(self, guest: Participant) -> None:
        """Let a guest take part from now on, in the place of the one of its name that has failed."""
        self.throttle(guest.name, Fraction(1))
        places = {**self._places, guest.name: _Place(guest, self.now_ns)}
        self._places = {name: places[name] for name in sorted(places, key=self._order.__getitem__)}

    def reach(self, name: str, act: Callable[[], None]) -> None:
        """Do something with a guest that is to happen at its now: one that was left behind is brought up to date first.

        Parameters:
            name: the guest; nothing is done if it takes no part any more.
            act: may raise `ParticipantFailed`.
        """
        place = self._places.get(name)
        if place is not None:
            self._attempt(place.guest, partial(self._catch_up, place))
            self._attempt(place.guest, act)
            place.rung = True

    def inspect(self, channel: Channel, actor: str) -> None:
        """Look at a channel now; what is wrong with it is the doing of `actor`."""
        try:
            channel.observe(self.now_ns, self._trace, actor)
        except ParticipantFailed as failure:
            self.fail(failure)

    def halt(self, reason: str) -> None:
        """End the run at this boundary."""
        self.halted = self.halted or reason

    # -- between boundaries ----------------------------------------------------------------------------------------

    def _next_boundary(self) -> int:
        """Return the end of the first quantum from now in which anyone has something to do and a core to do it on."""
        quantum = self._quantum_ns
        free = (each.guest.wake_ns for name, each in self._places.items() if name not in self._scheduled)
        guest_ns = min(free, default=NEVER_NS)
        if self._policy is not None:
            guest_ns = min(guest_ns, self._policy.next_ns(self.now_ns, self._demands()))
        event_ns = min((device.wake_ns for device in self._devices), default=NEVER_NS)
        event_ns = min((event_ns, *(overseer.wake_ns for overseer in self.overseers)))
        after_guest = (max(guest_ns, self.now_ns) // quantum + 1) * quantum
        at_event = -(-max(event_ns, self.now_ns + 1) // quantum) * quantum
        return min(after_guest, at_event)

    def _demands(self) -> dict[str, Demand]:
        return {
            name: Demand(place.guest.wake_ns, place.rung)
            for name, place in self._places.items()
            if name in self._scheduled
        }

    def _run_guests(self, target_ns: int) -> None:
        """Run every guest that has something to do before `target_ns` up to it."""
        slices: Mapping[str, Slice] = {}
        if self._policy is not None:
            slices = self._policy.decide(target_ns - self._quantum_ns, self._demands())
        due = [
            place
            for name, place in self._places.items()
            if place.guest.wake_ns < target_ns and (name not in self._scheduled or name in slices)
        ]
        seen = {place.guest.name: Trace() for place in due}
        for wave in self._waves(due):
            for place in wave:
                executing = self._executing(place, slices.get(place.guest.name), target_ns)
                self._attempt(place.guest, partial(place.guest.grant, target_ns, executing))
            for place in wave:
                place.at_ns = target_ns
                self._attempt(place.guest, place.guest.settle)
                self._observe(place.guest, target_ns, seen[place.guest.name])
        for place in due:  # in the order of the scenario, whoever ran with whom
            self._trace.lines += seen[place.guest.name].lines
        self._account(due, target_ns)

    def _executing(self, place: _Place, given: Slice | None, target_ns: int) -> Slice | None:
        """Return when a guest executes in the quantum that ends at `target_ns`; None: whenever it wants to."""
        place.rung = False
        name = place.guest.name
        if given is None and name not in self._throttles and name not in self._speeds:
            return None
        whole = given or Slice(target_ns - self._quantum_ns, target_ns)
        if name in self._throttles:
            whole = self._throttles[name].cut(whole)
        if given is not None and whole.start_ns < whole.stop_ns:
            self._on_slice(name, whole)
        if name in self._speeds:
            whole = self._speeds[name].cut(whole)
        return whole

    def _account(self, due: Sequence[_Place], target_ns: int) -> None:
        """Tell the policy how long the guests that ran have executed."""
        if self._policy is None:
            return
        for place in due:
            name, executed_ns = place.guest.name, getattr(place.guest, "busy_ns", 0)
            if name in self._scheduled:
                share = self._shares.get(name, Fraction(1))
                worth_ns = int(executed_ns / share) - int(place.executed_ns / share)  # roundings do not add up
                self._policy.account(name, target_ns, worth_ns)
                place.executed_ns = executed_ns

    def _waves(self, due: Sequence[_Place]) -> list[list[_Place]]:
        """Split guests into groups that run at once: none shares a channel with another of its group."""
        waves: list[list[_Place]] = []
        position: dict[str, int] = {}
        for place in due:
            ends = (end for channel in self._of[place.guest.name] for end in (channel.source, channel.target))
            neighbours = {end.participant for end in ends}
            wave = 1 + max((position[name] for name in neighbours if name in position), default=-1)
            position[place.guest.name] = wave
            if wave == len(waves):
                waves.append([])
            waves[wave].append(place)
        return waves

    # -- at a boundary ---------------------------------------------------------------------------------------------

    def _boundary(self) -> None:
        """Let overseers and devices act and carry doorbells until nothing is left to do at this time."""
        for place in tuple(self._places.values()):
            self.doorbells.route(self.now_ns, place.guest)
        for overseer in self.overseers:
            if overseer.wake_ns <= self.now_ns:
                overseer.act(self.now_ns)
        self._run_devices()
        for place in tuple(self._places.values()):
            vectors = self.doorbells.take(place.guest.name)
            if vectors:
                self._attempt(place.guest, partial(self._ring, place, vectors))

    def _run_devices(self) -> None:
        for _ in range(_ROUNDS_LIMIT):
            acting = [d for d in self._devices if self.doorbells.take(d.name) or d.wake_ns <= self.now_ns]
            if not acting:
                return
            for device in acting:
                device.grant(self.now_ns)
                self._attempt(device, device.settle)
                self._observe(device, self.now_ns, self._trace)
                self.doorbells.route(self.now_ns, device)
                self._blame(device)
        for device in acting:
            self.fail(ParticipantFailed(device.name, f"did not come to rest in {_ROUNDS_LIMIT} rounds"))

    def _ring(self, place: _Place, vectors: Sequence[int]) -> None:
        self._catch_up(place)
        place.guest.deliver(vectors)
        place.rung = True

    def _catch_up(self, place: _Place) -> None:
        """Bring a guest that was left behind to now, where it stands idle or without a core."""
        if place.at_ns < self.now_ns:
            denied = place.guest.wake_ns < self.now_ns
            place.guest.grant(self.now_ns, Slice(self.now_ns, self.now_ns) if denied else None)
            place.guest.settle()
            place.at_ns = self.now_ns

    def _observe(self, participant: Participant, now_ns: int, trace: Trace) -> None:
        for channel in self._of[participant.name]:
            try:
                channel.observe(now_ns, trace, participant.name)
            except ParticipantFailed as failure:
                self.fail(failure)

    def _blame(self, device: Device) -> None:
        """Fail whoever broke a ring under the hands of a device: its end of the channel is ours and sound."""
        for vector, reason in device.broken():
            end = End(device.name, vector)
            channel = self.doorbells.channel(end)
            if channel.broken:  # that was told, and whoever did it may have been started again meanwhile
                continue
            channel.give_up()
            culprit = channel.other(end).participant
            self.fail(ParticipantFailed(culprit, f"broke the ring of channel {channel.name}: {reason}"))

    # -- failures --------------------------------------------------------------------------------------------------

    def _attempt(self, participant: Participant, act: Callable[[], None]) -> None:
        """Do something with a participant; if it fails, go on without it."""
        if not self._takes_part(participant.name):
            return
        try:
            act()
        except ParticipantFailed as failure:
            self.fail(failure)

    def _takes_part(self, name: str) -> bool:
        return name in self._places or any(device.name == name for device in self._devices)

    def fail(self, failure: ParticipantFailed) -> None:
        """Go on without a participant; it is failed once, whatever else is found of it."""
        name = failure.participant
        if not self._takes_part(name):
            return
        place = self._places.pop(name, None)
        failed = place.guest if place else next(device for device in self._devices if device.name == name)
        self.doorbells.route(self.now_ns, failed)  # what it sent before is there to be taken
        failed.fail()
        self._trace.add(self.now_ns, "failed", name)
        self._devices = [device for device in self._devices if device.name != name]
        self._on_failure(self.now_ns, failure)
