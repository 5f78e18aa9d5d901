"""The host executive: owns virtual time, runs the participants from boundary to boundary and carries their doorbells.

At a boundary everything stands still. The executive then lets native devices act, rings the guests whose doorbells are
due, and chooses the next boundary: one quantum on if a guest is busy, else the quantum in which the next timer or the
next native event falls. Idle guests are left at an older boundary and brought up to date only when they are rung.

Guests run one after the other, in the order of the scenario, so that shared memory changes in one order only. Guests
that share no channel cannot see each other, and run at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from machines.errors import ParticipantFailed
from machines.participant import NEVER_NS, Device, Participant
from sim.host.channel import Channel, End
from sim.host.trace import Trace

_ROUNDS_LIMIT = 1000
"""Rounds of native devices answering each other at one boundary; beyond it is a loop without end."""


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
    ) -> None:
        self.now_ns = 0
        self._guests = list(guests)
        self._devices = list(devices)
        self._quantum_ns = quantum_ns
        self._trace = trace
        self._on_doorbell = on_doorbell
        self._on_failure = on_failure
        self._at_ns = {participant.name: 0 for participant in self._guests}
        self._routes: dict[End, Channel] = {}
        self._of: dict[str, list[Channel]] = defaultdict(list)
        for channel in channels:
            for end in (channel.source, channel.target):
                self._routes[end] = channel
                self._of[end.participant].append(channel)
        self._due: dict[str, set[int]] = defaultdict(set)

    def run(self, until_ns: int, progress: Callable[[int], None]) -> None:
        """Run up to `until_ns`, a boundary; `progress` is told the time at every boundary."""
        self._boundary()
        while self.now_ns < until_ns:
            target_ns = min(self._next_boundary(), until_ns)
            self._run_guests(target_ns)
            self.now_ns = target_ns
            self._boundary()
            progress(target_ns)

    # -- between boundaries ----------------------------------------------------------------------------------------

    def _next_boundary(self) -> int:
        """Return the end of the first quantum from now in which anyone has something to do."""
        quantum = self._quantum_ns
        guest_ns = min((guest.wake_ns for guest in self._guests), default=NEVER_NS)
        device_ns = min((device.wake_ns for device in self._devices), default=NEVER_NS)
        after_guest = (max(guest_ns, self.now_ns) // quantum + 1) * quantum
        at_device = -(-max(device_ns, self.now_ns + 1) // quantum) * quantum
        return min(after_guest, at_device)

    def _run_guests(self, target_ns: int) -> None:
        """Run every guest that has something to do before `target_ns` up to it."""
        due = [guest for guest in self._guests if guest.wake_ns < target_ns]
        seen = {guest.name: Trace() for guest in due}
        for wave in self._waves(due):
            for guest in wave:
                self._attempt(guest, partial(guest.grant, target_ns))
            for guest in wave:
                self._at_ns[guest.name] = target_ns
                self._attempt(guest, guest.settle)
                self._observe(guest, target_ns, seen[guest.name])
        for guest in due:  # in the order of the scenario, whoever ran with whom
            self._trace.lines += seen[guest.name].lines

    def _waves(self, due: Sequence[Participant]) -> list[list[Participant]]:
        """Split guests into groups that run at once: none shares a channel with another of its group."""
        waves: list[list[Participant]] = []
        position: dict[str, int] = {}
        for guest in due:
            ends = (end for channel in self._of[guest.name] for end in (channel.source, channel.target))
            neighbours = {end.participant for end in ends}
            wave = 1 + max((position[name] for name in neighbours if name in position), default=-1)
            position[guest.name] = wave
            if wave == len(waves):
                waves.append([])
            waves[wave].append(guest)
        return waves

    # -- at a boundary ---------------------------------------------------------------------------------------------

    def _boundary(self) -> None:
        """Carry doorbells and let devices act until nothing is left to do at this time."""
        for guest in self._guests:
            self._route(guest)
        for _ in range(_ROUNDS_LIMIT):
            acting = [d for d in self._devices if self._due.pop(d.name, None) or d.wake_ns <= self.now_ns]
            if not acting:
                break
            for device in acting:
                device.grant(self.now_ns)
                self._attempt(device, device.settle)
                self._observe(device, self.now_ns, self._trace)
                self._route(device)
                self._blame(device)
        else:
            for device in acting:
                self._fail(ParticipantFailed(device.name, f"did not come to rest in {_ROUNDS_LIMIT} rounds"))
        for guest in self._guests:
            vectors = sorted(self._due.pop(guest.name, ()))
            if vectors:
                self._attempt(guest, partial(self._ring, guest, vectors))

    def _ring(self, guest: Participant, vectors: Sequence[int]) -> None:
        """Bring a guest that was left behind to now, where it stands idle, and ring it."""
        if self._at_ns[guest.name] < self.now_ns:
            guest.grant(self.now_ns)
            guest.settle()
            self._at_ns[guest.name] = self.now_ns
        guest.deliver(vectors)

    def _route(self, participant: Participant) -> None:
        """Note for each doorbell of a participant whom it will ring."""
        for vector in participant.collect():
            source = End(participant.name, vector)
            channel = self._routes.get(source)
            if channel is None:
                continue
            target = channel.other(source)
            self._due[target.participant].add(target.vector)
            self._trace.add(self.now_ns, "doorbell", channel.name, source.participant, target.participant)
            self._on_doorbell(self.now_ns, source, target, channel)

    def _observe(self, participant: Participant, now_ns: int, trace: Trace) -> None:
        for channel in self._of[participant.name]:
            try:
                channel.observe(now_ns, trace, participant.name)
            except ParticipantFailed as failure:
                self._fail(failure)

    def _blame(self, device: Device) -> None:
        """Fail whoever broke a ring under the hands of a device: its end of the channel is ours and sound."""
        for vector, reason in device.broken():
            end = End(device.name, vector)
            channel = self._routes[end]
            channel.broken = True
            culprit = channel.other(end).participant
            self._fail(ParticipantFailed(culprit, f"broke the ring of channel {channel.name}: {reason}"))

    # -- failures --------------------------------------------------------------------------------------------------

    def _attempt(self, participant: Participant, act: Callable[[], None]) -> None:
        """Do something with a participant; if it fails, go on without it."""
        if participant not in self._guests and participant not in self._devices:
            return
        try:
            act()
        except ParticipantFailed as failure:
            self._fail(failure)

    def _fail(self, failure: ParticipantFailed) -> None:
        """Go on without a participant; it is failed once, whatever else is found of it."""
        failed = [each for each in (*self._guests, *self._devices) if each.name == failure.participant]
        if not failed:
            return
        self._route(failed[0])  # what it sent before is there to be taken
        failed[0].fail()
        self._trace.add(self.now_ns, "failed", failure.participant)
        self._guests = [guest for guest in self._guests if guest.name != failure.participant]
        self._devices = [device for device in self._devices if device.name != failure.participant]
        self._on_failure(self.now_ns, failure)
