"""Checks of the schedule: it can be kept, and partitions get what they need. Only the policy's keys are looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import combinations
from typing import TypeAlias

from sim.scenario.checks.context import Context
from sim.scenario.checks.resources import MAX_QUANTUM_NS, MIN_QUANTUM_NS
from sim.scenario.checks.response import Analysis
from sim.scenario.checks.supply import Supply, supply_of
from sim.scenario.partitions import McuPartition
from sim.scenario.problem import advice
from sim.scenario.schedule import Server, Window
from sim.scenario.source import Path
from sim.scenario.units import DURATIONS, format_duration

Response: TypeAlias = "Callable[[int], int | None]"
"""How long a partition takes at most for so much work, in ns; None: for ever."""

_SCHEDULER = ("host", "scheduler")
_US = DURATIONS["us"]


def schedule(context: Context) -> None:
    """The schedule can be kept, every deadline holds, and no watchdog runs out while its partition has no core."""
    before = len(context.problems)
    if not MIN_QUANTUM_NS <= context.scenario.time.quantum_ns <= MAX_QUANTUM_NS:
        return  # that is told of the quantum
    for name, guest in context.scenario.linux_guests.items():
        _both(context, name, "work", guest.schedule.work_ns, "deadline", guest.schedule.deadline_ns, "20ms")
    found = _POLICIES[context.scenario.host.scheduler.policy](context)
    if len(context.problems) == before:
        for name, response in found.items():
            _prove(context, name, response)


def _prove(context: Context, name: str, response: Response) -> None:
    """Report a deadline or a watchdog that cannot hold."""
    guest = context.scenario.linux_guests[name]
    work_ns, deadline_ns = guest.schedule.work_ns, guest.schedule.deadline_ns
    if work_ns is not None and deadline_ns is not None:
        takes_ns = response(work_ns)
        if takes_ns is None or takes_ns > deadline_ns:
            most_ns = _most_work(response, deadline_ns)
            takes = "for ever" if takes_ns is None else format_duration(takes_ns)
            hopes = [] if takes_ns is None else [f"a deadline of {format_duration(-(-takes_ns // _US) * _US)}"]
            hopes += [f"work of {format_duration(most_ns // _US * _US)}"] * (most_ns >= _US)
            what = f"{format_duration(work_ns)} of work on '{name}' can take {takes} under this schedule"
            holds = f"{' or '.join(hopes)} would hold" if hopes else "give it more time, or the others less"
            message = f"{what}, more than the deadline of {format_duration(deadline_ns)}; {holds}"
            context.report(("partitions", name, "schedule", "deadline"), message)
    first_ns = response(1)
    if guest.watchdog_ns is not None and (first_ns is None or guest.watchdog_ns < first_ns):
        longest, better = "for ever", "give it more time, or the others less"
        if first_ns is not None:
            longest = f"for {format_duration(first_ns - 1)}"
            better = f"a watchdog of {format_duration(-(-2 * (first_ns - 1) // _US) * _US)}, say"
        message = f"the schedule can let '{name}' wait for a core {longest}, and the watchdog would bite; {better}"
        context.report(("partitions", name, "watchdog"), message)


def _most_work(response: Response, deadline_ns: int) -> int:
    """Return the most work, in ns, that is done by the deadline; 0 if there is none."""
    most_ns, over_ns = 0, deadline_ns + 1
    while over_ns - most_ns > 1:
        work_ns = (most_ns + over_ns) // 2
        takes_ns = response(work_ns)
        if takes_ns is None or takes_ns > deadline_ns:
            over_ns = work_ns
        else:
            most_ns = work_ns
    return most_ns


# -- dedicated ---------------------------------------------------------------------------------------------------------


def _dedicated(context: Context) -> dict[str, Response]:
    guests, cores = context.scenario.linux_guests, context.scenario.host.cores
    needed = sum(guest.vcpus for guest in guests.values())
    if cores is not None and needed > cores:
        message = f"{needed} vCPUs with a core of their own each, and the host has {_cores(cores)}"
        context.report(("host", "cores"), f"{message}; cores: {needed}, or another policy of host.scheduler")
    quantum_ns = context.scenario.time.quantum_ns
    always = ((0, quantum_ns),)
    return {name: Supply(quantum_ns, always, quantum_ns, duty=guest.duty).response_ns for name, guest in guests.items()}


# -- arinc653 ----------------------------------------------------------------------------------------------------------


def _arinc653(context: Context) -> dict[str, Response]:
    before, scheduler = len(context.problems), context.scenario.host.scheduler
    frame_ns, quantum_ns = scheduler.major_frame_ns, context.scenario.time.quantum_ns
    if frame_ns is None:
        context.report((*_SCHEDULER, "policy"), "arinc653 needs a major frame; add major_frame: 20ms, say")
        return {}
    _switch(context)
    _whole(context, (*_SCHEDULER, "major_frame"), frame_ns)
    for index, window in enumerate(scheduler.windows):
        _window(context, (*_SCHEDULER, "windows", index), window, frame_ns)
    _overlaps(context, scheduler.windows)
    for name in context.scenario.linux_guests:
        _windows_of(context, name)
    if len(context.problems) > before:
        return {}
    switch_ns, preempting = scheduler.context_switch_ns, scheduler.doorbell == "preempt"
    supplies: dict[str, Supply] = {
        name: supply_of(name, scheduler.windows, frame_ns, quantum_ns, switch_ns, preempting, guest.duty)
        for name, guest in context.scenario.linux_guests.items()
    }
    return {name: supply.response_ns for name, supply in supplies.items()}


def _window(context: Context, path: Path, window: Window, frame_ns: int) -> None:
    """Report what is wrong with one window alone."""
    _known(context, (*path, "partition"), window.partition)
    _core(context, (*path, "core"), window.core)
    _whole(context, (*path, "offset"), window.offset_ns)
    _whole(context, (*path, "length"), window.length_ns)
    frame = f"the major frame is {format_duration(frame_ns)}"
    if window.offset_ns >= frame_ns:
        context.report((*path, "offset"), f"{frame}; the window must start before its end")
    elif window.end_ns > frame_ns:
        most = f"a length of at most {format_duration(frame_ns - window.offset_ns)}"
        message = f"the window ends at {format_duration(window.end_ns)}, and {frame}; {most}"
        context.report((*path, "length"), message)


def _known(context: Context, path: Path, name: str) -> None:
    """Report a window of what is no Linux guest."""
    if isinstance(context.scenario.partitions.get(name), McuPartition):
        message = f"'{name}' is a microcontroller, which has a core of its own; a window is for a Linux guest"
        context.report(path, message)
    elif name not in context.written("partitions"):
        context.report(path, f"unknown partition '{name}'; {advice(name, context.scenario.linux_guests)}")


def _overlaps(context: Context, windows: Iterable[Window]) -> None:
    """Report each window that starts before an earlier one of its core has ended."""
    last: dict[int, tuple[int, Window]] = {}
    for index, window in sorted(enumerate(windows), key=lambda each: (each[1].offset_ns, each[0])):
        before, other = last.get(window.core, (index, window))
        if other is not window and window.offset_ns < other.end_ns:
            line = context.line(*_SCHEDULER, "windows", before, "offset")
            ends = f"that of '{other.partition}' ({line}) ends at {format_duration(other.end_ns)}"
            message = f"two windows overlap on core {window.core}: {ends}; start this one then, or later"
            context.report((*_SCHEDULER, "windows", index, "offset"), message)
        if other is window or window.end_ns > other.end_ns:
            last[window.core] = (index, window)


def _windows_of(context: Context, name: str) -> None:
    """Report a partition without windows, or whose windows do not suit its vCPUs."""
    vcpus, path = context.scenario.linux_guests[name].vcpus, ("partitions", name)
    places: dict[int, list[tuple[int, int]]] = {}
    for window in context.scenario.host.scheduler.windows:
        if window.partition == name:
            places.setdefault(window.core, []).append((window.offset_ns, window.length_ns))
    if not places:
        example = f"{{partition: {name}, core: 0, offset: 0ms, length: 5ms}}"
        context.report(path, f"'{name}' has no window; add one to host.scheduler.windows: {example}", key=True)
    elif len(places) != vcpus:
        message = f"'{name}' has {_vcpus(vcpus)} and windows on {_cores(len(places))}; windows on {_cores(vcpus)}"
        context.report(path, message, key=True)
    elif len({tuple(sorted(times)) for times in places.values()}) > 1:
        cores = " and ".join(map(str, sorted(places)))
        message = f"'{name}' has its cores all at once, but its windows on cores {cores} differ; make them alike"
        context.report(path, message, key=True)


# -- fixed_priority ----------------------------------------------------------------------------------------------------


def _fixed_priority(context: Context) -> dict[str, Response]:
    before, scenario = len(context.problems), context.scenario
    _switch(context)
    servers: list[Server] = []
    for name in scenario.linux_guests:
        if _complete(context, name):
            servers.append(Server.of(name, scenario.linux_guests[name].schedule))
    for first, second in combinations(servers, 2):
        if first.meets(second) and first.priority == second.priority:
            line = context.line("partitions", first.partition, "schedule", "priority")
            message = (
                f"'{first.partition}' ({line}) has priority {first.priority} on the same core; one greater, one less"
            )
            context.report(("partitions", second.partition, "schedule", "priority"), message)
    _utilisation(context, servers)
    if len(context.problems) > before:
        return {}
    analysis = Analysis(servers, scenario.time.quantum_ns, scenario.host.scheduler.context_switch_ns)
    for server in servers:
        _budget(context, analysis, server)

    def response(server: Server) -> Response:
        duty = scenario.linux_guests[server.partition].duty
        return lambda work_ns: analysis.response_ns(server, work_ns, duty)

    return {server.partition: response(server) for server in servers}


def _complete(context: Context, name: str) -> bool:
    """Tell whether a partition has what the policy needs; report what is missing or wrong."""
    guest, path = context.scenario.linux_guests[name], ("partitions", name, "schedule")
    asked, before = guest.schedule, len(context.problems)
    if asked.cores is None or asked.priority is None:
        example = "schedule: {core: 0, priority: 10, budget: 5ms, period: 20ms}"
        message = f"fixed_priority needs core and priority of '{name}'; add {example}, say"
        context.report(("partitions", name), message, key=True)
        return False
    for core in asked.cores:
        _core(context, (*path, "core"), core)
    if len(asked.cores) != guest.vcpus:
        message = f"'{name}' has {_vcpus(guest.vcpus)}, and this is {_cores(len(asked.cores))}; one for each vCPU"
        context.report((*path, "core"), message)
    _both(context, name, "budget", asked.budget_ns, "period", asked.period_ns, "20ms")
    if asked.budget_ns is not None and asked.period_ns is not None:
        _whole(context, (*path, "period"), asked.period_ns)
        if asked.budget_ns > asked.period_ns:
            most = format_duration(asked.period_ns)
            context.report((*path, "budget"), f"a budget cannot be longer than its period; at most {most}")
    return len(context.problems) == before


def _utilisation(context: Context, servers: Iterable[Server]) -> None:
    """Report each core whose budgets add up to more than all of its time, at the least priority."""
    shares: dict[int, dict[Server, Fraction]] = {}
    for server in sorted(servers, key=lambda server: -server.priority):
        for core in server.cores if server.budget_ns is not None and server.period_ns else ():
            shares.setdefault(core, {})[server] = Fraction(server.budget_ns or 0, server.period_ns or 1)
    for core, parts in sorted(shares.items()):
        total = sum(parts.values(), Fraction())
        if total > 1:
            each = ", ".join(f"{server.partition} {_percent(share)}" for server, share in parts.items())
            message = f"the budgets on core {core} are {_percent(total)} of its time ({each}); at most 100%"
            context.report(("partitions", [*parts][-1].partition, "schedule", "budget"), message)


def _budget(context: Context, analysis: Analysis, server: Server) -> None:
    """Report a budget that a partition cannot use up in every period, however much it has to do."""
    if server.budget_ns is None or server.period_ns is None:
        return
    takes_ns = analysis.busy_ns(server, server.budget_ns, replenished=True)
    if takes_ns is None or takes_ns > server.period_ns:
        longest = "for ever" if takes_ns is None else format_duration(takes_ns)
        names = ", ".join(other.partition for other in analysis.before(server)) or "context switches"
        promise = f"{format_duration(server.budget_ns)} in every {format_duration(server.period_ns)}"
        message = f"'{server.partition}' cannot have {promise}, which can take {longest} because of {names}"
        advised = "a smaller budget, or smaller ones of greater priorities, or equal periods"
        context.report(("partitions", server.partition, "schedule", "budget"), f"{message}; {advised}")


_POLICIES: dict[str, Callable[[Context], dict[str, Response]]] = {
    "dedicated": _dedicated,
    "arinc653": _arinc653,
    "fixed_priority": _fixed_priority,
}
"""Of each policy: reports what is wrong with the schedule; returns the response of each partition if nothing is."""


# -- what several policies ask -----------------------------------------------------------------------------------------


def _core(context: Context, path: Path, core: int) -> None:
    """Report a core that the host does not have."""
    cores = context.scenario.host.cores
    if cores is not None and core >= cores:
        known = "0" if cores == 1 else f"0 to {cores - 1}"
        context.report(path, f"there is no core {core}, the host has {_cores(cores)}; {known}")


def _whole(context: Context, path: Path, duration_ns: int) -> None:
    """Report a duration that is no whole number of quanta."""
    quantum_ns = context.scenario.time.quantum_ns
    if duration_ns % quantum_ns:
        below_ns = duration_ns // quantum_ns * quantum_ns
        near = " or ".join(format_duration(each) for each in (below_ns, below_ns + quantum_ns) if each)
        what = f"{format_duration(duration_ns)} is no whole number of quanta of {format_duration(quantum_ns)}"
        context.report(path, f"{what}; {near}")


def _switch(context: Context) -> None:
    """Report a context switch that takes a quantum or longer."""
    switch_ns, quantum_ns = context.scenario.host.scheduler.context_switch_ns, context.scenario.time.quantum_ns
    if switch_ns >= quantum_ns:
        message = f"a context switch must be shorter than the quantum, {format_duration(quantum_ns)}; 20us, say"
        context.report((*_SCHEDULER, "context_switch"), message)


def _both(
    context: Context, name: str, first: str, first_ns: int | None, second: str, second_ns: int | None, example: str
) -> None:
    """Report one of two keys of a `schedule` without the other."""
    if (first_ns is None) != (second_ns is None):
        there, missing = (first, second) if second_ns is None else (second, first)
        message = f"{there} says nothing without {missing}; add {missing}: {example}, say"
        context.report(("partitions", name, "schedule", there), message, key=True)


def _percent(share: Fraction) -> str:
    return f"{float(share * 100):.6g}%"


def _cores(count: int) -> str:
    return f"{count} core" if count == 1 else f"{count} cores"


def _vcpus(count: int) -> str:
    return f"{count} vCPU" if count == 1 else f"{count} vCPUs"
