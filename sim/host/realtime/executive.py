"""The executive of a run in real time: everything goes on by itself, and the host only carries, plays and looks.

Linux guests run free, and ring each other without the host. Microcontrollers are emulated in threads of their own, at
the pace of the wall clock. The host plays the devices when they are due or rung, carries doorbells to and from them,
and looks at the channels as often as it can; nobody waits for it.
"""

from __future__ import annotations

import os
import select
import sys
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack

from machines.errors import EnvironmentLacks, ParticipantFailed
from machines.mcu.node import McuNode
from machines.native.participant import NativeDevice
from machines.participant import NEVER_NS, Participant
from machines.qemu.realtime.clock import WallClock
from machines.qemu.realtime.guest import FreeGuest
from sim.host.channel import Channel, End
from sim.host.overseer import Overseer
from sim.host.realtime.channel import FreeChannel
from sim.host.realtime.pacer import Pacer
from sim.host.trace import Trace

_LOOK_NS = 1_000_000
"""The host looks at a channel so often at least."""

_PROGRESS_NS = 10_000_000
_SLACK_NS = 200_000
"""Of clocks: a firmware's counts instructions within a quantum."""

_SWITCH_S = 0.0005
"""How long a thread may keep the interpreter while another one wants it; Python's own 5 ms would be seen."""

OnDoorbell = Callable[[int, End, End, Channel], None]


class RealTime:
    """Runs one set of participants by the wall clock.

    Parameters:
        nodes: free Linux guests, armed, and microcontrollers; all started.
        devices: what the host plays.
        channels: all of them.
        quantum_ns: of the microcontrollers' steps.
        trace: takes what is seen.
        on_doorbell: told (time, source, target, channel) of each doorbell that the host carries or hears of.
        on_failure: told of a participant that failed; the others run on.

    Attributes:
        now_ns: time of the run, as of the last look at the clock.
        overseers: act on the run.
        halted: why the run was ended before its time; empty if it was not.
        notes: what a reader of the report should know of this run, one line each.
    """

    def __init__(
        self,
        nodes: Sequence[Participant],
        devices: Sequence[NativeDevice],
        channels: Sequence[FreeChannel],
        quantum_ns: int,
        trace: Trace,
        on_doorbell: OnDoorbell,
        on_failure: Callable[[int, ParticipantFailed], None],
    ) -> None:
        self.now_ns = 0
        self.overseers: list[Overseer] = []
        self.halted = ""
        self.notes: list[str] = []
        self._clock = WallClock()
        self._guests = {node.name: node for node in nodes if isinstance(node, FreeGuest)}
        self._devices = {device.name: device for device in devices}
        self._channels = list(channels)
        self._trace = trace
        self._on_doorbell = on_doorbell
        self._on_failure = on_failure
        self._routes = {end: channel for channel in channels for end in (channel.source, channel.target)}
        self._of: dict[str, list[FreeChannel]] = defaultdict(list)
        for channel in channels:
            for end in (channel.source, channel.target):
                self._of[end.participant].append(channel)
        self._rung: set[str] = set(self._devices)  # each looks once at what it has
        self._blocked: set[str] = set()  # devices that wait for a microcontroller to stand still
        self._told: deque[tuple[str, Sequence[int]] | ParticipantFailed] = deque()
        self._bell = -1
        others = [node for node in nodes if isinstance(node, McuNode)]
        self._pacers = {node.name: Pacer(node, quantum_ns, self._clock, self, self._free_ends(node)) for node in others}
        self._look_ns = self._progress_ns = 0
        self._demand()

    def _demand(self) -> None:
        """See to it that what works on a copy of its memory has channels only with what the host plays.

        Raises:
            EnvironmentLacks: the other end of one goes on while the copy is made.
        """
        for name, pacer in self._pacers.items():
            for end, channel in self._ends(name):
                other = channel.other(end).participant
                if pacer.mirrors and other not in self._devices:
                    raise EnvironmentLacks(
                        f"{name}: its backend works on a copy of shared memory, which needs virtual time for channel "
                        f"{channel.name} with {other}; choose backend: qemu for it"
                    )

    @property
    def horizon_ns(self) -> int:
        """Time of the run now."""
        return self._clock()

    def _free_ends(self, node: McuNode) -> list[int]:
        """Return a microcontroller's ends of channels whose other end the host does not play."""
        ends = [end for channel in self._of[node.name] for end in (channel.source, channel.target)]
        return [
            end.vector
            for end in ends
            if end.participant == node.name and self._routes[end].other(end).participant not in self._devices
        ]

    def run(self, until_ns: int, progress: Callable[[int], None]) -> None:
        """Run up to `until_ns`; `progress` is told the time now and then."""
        with ExitStack() as hold:
            self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            hold.callback(os.close, self._bell)
            self._poll = hold.enter_context(select.epoll())
            self._poll.register(self._bell, select.EPOLLIN)
            hold.callback(sys.setswitchinterval, sys.getswitchinterval())
            sys.setswitchinterval(_SWITCH_S)
            self._begin()
            hold.callback(self._stop_pacers)
            while self.now_ns < until_ns and not self.halted:
                self._round(until_ns)
                if self.now_ns >= self._progress_ns:
                    self._progress_ns = self.now_ns + _PROGRESS_NS
                    progress(min(self.now_ns, until_ns))
            self._stop_pacers()
            for guest in self._guests.values():
                guest.freeze()
            self._hear_pacers()
            self._look_at(self._channels)
        self.now_ns = min(self.now_ns, until_ns)
        self._sum_up()

    def _begin(self) -> None:
        """Set all clocks, and let everything begin at once."""
        self._descriptors: dict[int, FreeGuest] = {}
        for guest in tuple(self._guests.values()):
            for descriptor in guest.vm.descriptors:
                self._descriptors[descriptor] = guest
                self._poll.register(descriptor, select.EPOLLIN)
            self._attempt(guest.name, lambda guest=guest: guest.synchronise(self._clock))  # type: ignore[misc]
        error_ns = max((guest.error_ns for guest in self._guests.values()), default=0)
        for channel in self._channels:
            channel.clock, channel.tolerance_ns = self._clock, error_ns + _SLACK_NS
        if self._guests:
            self.notes.append(
                f"real time: the clocks of Linux guests agree with the host's within {error_ns / 1e3:.3g} us"
            )
        zero = self._clock.start()
        for guest in self._guests.values():
            guest.begin(zero)
        for pacer in self._pacers.values():
            pacer.start()

    # -- one round -------------------------------------------------------------------------------------------------

    def _round(self, until_ns: int) -> None:
        """Wait for something to happen, at most until something is due, and do it."""
        wake_ns = min(until_ns, self._due_ns())
        timeout_s = max(0, wake_ns - self._clock()) / 1e9
        ready = self._poll.poll(timeout_s)
        self.now_ns = self._clock()
        for descriptor, _ in ready:
            if descriptor == self._bell:
                os.eventfd_read(self._bell)
            else:
                self._hear(descriptor)
        self._hear_pacers()
        for overseer in self.overseers:
            if overseer.wake_ns <= self.now_ns:
                overseer.act(self.now_ns)
        if self.now_ns >= self._look_ns:
            self._look_ns = self.now_ns + _LOOK_NS
            self._unblock()
            self._look_at(self._channels)
        for device in tuple(self._devices.values()):
            if device.name in self._rung or min(device.wake_ns, device.due_ns) <= self._clock():
                self._play(device)

    def _due_ns(self) -> int:
        """Return when the host has something to do although nobody rings."""
        if self._rung:
            return self.now_ns
        due = [min(device.wake_ns, device.due_ns) for device in self._devices.values()]
        due += [overseer.wake_ns for overseer in self.overseers]
        return min(self._look_ns, min(due, default=NEVER_NS))

    def _hear(self, descriptor: int) -> None:
        """Take what a guest rings, or note that it has ended."""
        guest = self._descriptors.get(descriptor)
        if guest is None:
            return
        if descriptor == guest.vm.descriptors[1]:
            self._attempt(guest.name, guest.check)
            return
        vectors: list[int] = []
        self._attempt(guest.name, lambda: vectors.extend(guest.hear()))
        self._route(guest.name, vectors)

    def rang(self, name: str, vectors: Sequence[int]) -> None:
        """Take what a microcontroller rang; called by its thread."""
        self._told.append((name, vectors))
        os.eventfd_write(self._bell, 1)

    def failed(self, failure: ParticipantFailed) -> None:
        """Take that a microcontroller failed; called by its thread."""
        self._told.append(failure)
        os.eventfd_write(self._bell, 1)

    def _ends(self, name: str) -> list[tuple[End, FreeChannel]]:
        own = [(end, each) for each in self._of[name] for end in (each.source, each.target)]
        return [(end, channel) for end, channel in own if end.participant == name]

    def _hear_pacers(self) -> None:
        while self._told:
            told = self._told.popleft()
            self._unblock()
            if isinstance(told, ParticipantFailed):
                self.fail(told)
            else:
                self._look_at(self._of[told[0]])
                self._route(*told)

    def _unblock(self) -> None:
        """Let those try again who waited for a microcontroller to stand still."""
        self._rung |= self._blocked & self._devices.keys()
        self._blocked.clear()

    def _play(self, device: NativeDevice) -> None:
        """Let a device act; if a microcontroller that it serves works on a copy just now, later."""
        self._rung.discard(device.name)
        with ExitStack() as hold:
            if not self._visit((channel.other(end).participant for end, channel in self._ends(device.name)), hold):
                self._blocked.add(device.name)
                return
            self._look_at(self._of[device.name], hold)
            device.grant(self._clock())
            self._attempt(device.name, device.settle)
            self._look_at(self._of[device.name], hold)
        self._route(device.name, device.collect())
        self._blame(device)

    def _visit(self, names: Iterable[str], hold: ExitStack) -> bool:
        """Have those microcontrollers stand still that mirror their memory; False: one of them runs just now."""
        pacers = {name: self._pacers[name] for name in names if name in self._pacers}
        for pacer in pacers.values():
            if pacer.mirrors:
                if not pacer.visit():
                    return False
                hold.callback(pacer.leave)
        return True

    # -- doorbells and channels ------------------------------------------------------------------------------------

    def _route(self, name: str, vectors: Sequence[int]) -> None:
        """Carry doorbells of a participant at once."""
        for vector in vectors:
            source = End(name, vector)
            channel = self._routes.get(source)
            if channel is None:
                continue
            target = channel.other(source)
            if target.participant in self._guests:
                self._guests[target.participant].deliver([target.vector])
            elif target.participant in self._pacers:
                self._pacers[target.participant].ring([target.vector])
            else:
                self._rung.add(target.participant)
            self._on_doorbell(self.now_ns, source, target, channel)

    def _look_at(self, channels: Sequence[FreeChannel], visiting: ExitStack | None = None) -> None:
        """Note what went through channels.

        Parameters:
            channels: which.
            visiting: holds the microcontrollers at their ends that must stand still for it; None: they are visited now.
        """
        for channel in channels:
            with ExitStack() as hold:
                ends = (channel.source.participant, channel.target.participant)
                if (visiting is None and not self._visit(ends, hold)) or not channel.moved:
                    continue
                try:
                    channel.observe(self._clock(), self._trace, "")
                except ParticipantFailed as failure:
                    self._fail_end(channel, failure)
            self._count_doorbells(channel)

    def _count_doorbells(self, channel: FreeChannel) -> None:
        """Note the doorbells that reached their other end without the host."""
        if channel.source.participant in self._guests and channel.target.participant in self._guests:
            for end, count in channel.doorbells():
                for _ in range(count):
                    self._on_doorbell(self.now_ns, end, channel.other(end), channel)

    def _fail_end(self, channel: FreeChannel, failure: ParticipantFailed) -> None:
        """Fail the end of a channel that did wrong; what the host plays did not."""
        name = failure.participant
        if name in self._devices:
            name = next(end.participant for end in (channel.source, channel.target) if end.participant != name)
        self.fail(ParticipantFailed(name, failure.reason))

    def _blame(self, device: NativeDevice) -> None:
        """Fail whoever broke a ring under the hands of a device."""
        for vector, reason in device.broken():
            end = End(device.name, vector)
            channel = self._routes[end]
            channel.give_up()
            culprit = channel.other(end).participant
            self.fail(ParticipantFailed(culprit, f"broke the ring of channel {channel.name}: {reason}"))

    # -- failures and the end --------------------------------------------------------------------------------------

    def _attempt(self, name: str, act: Callable[[], None]) -> None:
        try:
            act()
        except ParticipantFailed as failure:
            self.fail(failure)

    def fail(self, failure: ParticipantFailed) -> None:
        """Go on without a participant; it is failed once, whatever else is found of it."""
        name = failure.participant
        guest, pacer = self._guests.pop(name, None), self._pacers.pop(name, None)
        device = self._devices.pop(name, None)
        self._rung.discard(name)
        if guest is not None:
            for descriptor in guest.vm.descriptors:
                self._poll.unregister(descriptor)
                del self._descriptors[descriptor]
            guest.fail()
        elif pacer is not None:
            pacer.stop()
            pacer.node.fail()
        elif device is not None:
            device.fail()
        else:
            return
        self._trace.add(self.now_ns, "failed", name)
        self._on_failure(self.now_ns, failure)

    def reach(self, name: str, act: Callable[[], None]) -> None:
        """Do something with a guest, which is always at its now; nothing if it takes no part any more."""
        if name in self._guests:
            self._attempt(name, act)

    def admit(self, guest: Participant) -> None:
        """Refuse: a restart needs everybody else to stand still, and the scenario's check says so before the run."""
        raise RuntimeError(f"{guest.name} cannot be started again in real time")

    def halt(self, reason: str) -> None:
        """End the run now."""
        self.halted = self.halted or reason

    def _stop_pacers(self) -> None:
        for pacer in self._pacers.values():
            pacer.stop()

    def _sum_up(self) -> None:
        """Say what was not as in virtual time."""
        for name, pacer in self._pacers.items():
            if pacer.most_behind_ns >= 2 * pacer.quantum_ns:
                most, last = pacer.most_behind_ns / 1e6, pacer.behind_ns / 1e6
                self.notes.append(f"real time: {name} fell up to {most:.3g} ms behind, {last:.3g} ms at the end")
        for channel in self._channels:
            if channel.torn:
                what = f"{channel.torn} tensors of channel {channel.name}"
                self.notes.append(f"real time: {what} were gone before the host had copied them")
            if channel.uncounted:
                what = f"{channel.uncounted} more tensors of channel {channel.name}"
                self.notes.append(f"real time: {what} went by between two looks and are in no figure but its gaps")
