"""Doorbells on their way from one end of a channel to the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from machines.participant import Participant
from sim.host.channel import Channel, End
from sim.host.trace import Trace


class Doorbells:
    """Knows for each doorbell whom it rings, and keeps it until that one takes it.

    Parameters:
        channels: all of them.
        trace: takes each doorbell.
        on_doorbell: told (time, source, target, channel) of each doorbell.

    Attributes:
        losing: ends of which the next so many doorbells are lost on the way.
    """

    def __init__(
        self, channels: Iterable[Channel], trace: Trace, on_doorbell: Callable[[int, End, End, Channel], None]
    ) -> None:
        self.losing: dict[End, int] = {}
        self._trace = trace
        self._on_doorbell = on_doorbell
        self._routes = {end: channel for channel in channels for end in (channel.source, channel.target)}
        self._due: dict[str, set[int]] = defaultdict(set)

    def channel(self, end: End) -> Channel:
        """Return the channel that an end belongs to."""
        return self._routes[end]

    def route(self, now_ns: int, participant: Participant) -> None:
        """Note for each doorbell that a participant has rung whom it will ring."""
        for vector in participant.collect():
            source = End(participant.name, vector)
            channel = self._routes.get(source)
            if channel is None:
                continue
            if self.losing.get(source, 0):
                self.losing[source] -= 1
                self._trace.add(now_ns, "lost-doorbell", channel.name, source.participant)
                continue
            self.ring(now_ns, source, channel)

    def ring(self, now_ns: int, source: End, channel: Channel) -> None:
        """Ring the other end of a channel as `source` would."""
        target = channel.other(source)
        self._due[target.participant].add(target.vector)
        self._trace.add(now_ns, "doorbell", channel.name, source.participant, target.participant)
        self._on_doorbell(now_ns, source, target, channel)

    def wake(self, device: str) -> None:
        """Let a device act at this boundary, though nobody has rung it."""
        self._due[device].add(0)

    def take(self, participant: str) -> list[int]:
        """Return the doorbells that are due at a participant, ascending; they are its own now."""
        return sorted(self._due.pop(participant, ()))
