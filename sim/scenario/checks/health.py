"""Checks of how the health of partitions is watched: no key says something that another one makes void."""

from __future__ import annotations

from sim.scenario.checks.context import Context


def health(context: Context) -> None:
    """Heartbeats are for a watchdog, and a time to be ready again is for a partition that is started again."""
    for name, guest in context.scenario.linux_guests.items():
        path = ("partitions", name)
        if guest.boot is not None:
            continue  # it has no agent, and that is told of each key
        if guest.heartbeat_ns is not None and guest.watchdog_ns is None:
            message = "heartbeat says nothing without watchdog; add watchdog: 100ms, say"
            context.report((*path, "heartbeat"), message, key=True)
        if guest.ready_within_ns is not None and guest.on_failure not in ("restart", "restart_cold"):
            message = "ready_within says nothing of a partition that is not started again; add on_failure: restart"
            context.report((*path, "ready_within"), message, key=True)
