"""Checks of runs in real time: what only virtual time can do is refused before anything is started."""

from __future__ import annotations

from sim.scenario.checks.context import Context


def realtime(context: Context) -> None:
    """In real time nobody holds a guest: no schedule, faults, restarts or debugger, and QEMU as a process of ours."""
    scenario = context.scenario
    if scenario.time.mode != "realtime":
        return
    only = "works only in virtual time, and time.mode is realtime"
    policy = scenario.host.scheduler.policy
    if policy != "dedicated":
        context.report(("host", "scheduler", "policy"), f"{policy} {only}; write dedicated")
    launcher = scenario.host.launcher
    if launcher != "direct":
        context.report(("host", "launcher"), f"{launcher} {only}; write direct")
    for name in scenario.faults:
        context.report(("faults", name), f"a fault {only}; leave it out")
    for name, partition in scenario.partitions.items():
        if partition.on_failure in ("restart", "restart_cold"):
            message = f"{partition.on_failure} {only}; write stop or fail_run"
            context.report(("partitions", name, "on_failure"), message)
    for name, guest in scenario.linux_guests.items():
        for key in ("boot", "gdb"):
            if getattr(guest, key) is not None:
                context.report(("partitions", name, key), f"{key} {only}; leave it out")
