"""Checks of channels: both ends exist, point the right way and carry the same tensor; nothing is left open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from sim.scenario.checks.context import Context, Owner
from sim.scenario.checks.resources import MOST_ENDS
from sim.scenario.ports import Direction, Endpoint, Port
from sim.scenario.problem import advice

_KEYS: tuple[tuple[str, Direction], ...] = (("from", "output"), ("to", "input"))


class _Unresolved(Exception):
    """An end is wrong (the text says how), or unusable because of a mistake elsewhere (no text)."""


def ends(context: Context) -> None:
    """Every end is an existing port of the right direction; fills in what a short form leaves out."""
    for name, channel in context.scenario.channels.items():
        found: list[Endpoint | None] = []
        for (key, direction), end in zip(_KEYS, (channel.source, channel.target), strict=True):
            try:
                found.append(_resolved(context, end, direction))
            except _Unresolved as problem:
                found.append(None)
                if str(problem):
                    context.report(("channels", name, key), str(problem))
        context.ends[name] = (found[0], found[1])


def tensors(context: Context) -> None:
    """The tensor of a channel is the one that each of its ends sends or takes."""
    for name, channel in context.scenario.channels.items():
        ends = [end for end in context.ends[name] if end is not None]
        found = [context.ports[end[:2]][end.port or ""].mismatch(channel.tensor) for end in ends]
        mismatches = " and ".join(mismatch for mismatch in found if mismatch)
        if mismatches:
            message = f"the channel carries {channel.tensor}, but {mismatches}; make them equal"
            context.report(("channels", name, "tensor"), message)
            context.wrong_tensors.add(name)


def sharing(context: Context) -> None:
    """An input has one channel, unless it takes several in turn; an output may have several, each gets every tensor."""
    taken: dict[Endpoint, str] = {}
    for name, (_, target) in context.ends.items():
        if target is None or context.ports[target[:2]][target.port or ""].shared:
            continue
        first = taken.setdefault(target, name)
        if first != name:
            message = f"channel '{first}' ({context.line('channels', first)}) already ends at {target}"
            context.report(("channels", name, "to"), f"{message}; one channel for each input")


def open_inputs(context: Context) -> None:
    """Every input that must have a channel has one; not told while an end is unknown that might be it."""
    targets = {end for _, end in context.ends.values()}
    if None in targets or context.written("channels") - set(context.ends):
        return
    for (node, service), ports in context.ports.items():
        for name, port in ports.items():
            end = Endpoint(node, service, name)
            if port.direction == "input" and not port.optional and end not in targets:
                message = f"no channel ends at the input '{name}' of '{service or node}'; add one with to: {end}"
                context.report(context.place(node, service), message, key=True)


def counts(context: Context) -> None:
    """A partition has no more channel ends than its machine has room for."""
    used: Counter[str] = Counter()
    for name, pair in context.ends.items():
        for (key, _), end in zip(_KEYS, pair, strict=True):
            if end is None or end.service is None:
                continue
            used[end.node] += 1
            most = MOST_ENDS[context.scenario.partitions[end.node].kind]
            if used[end.node] == most + 1:
                message = f"more than {most} channel ends on partition '{end.node}'"
                context.report(("channels", name, key), f"{message}; split it into several")


def cycles(context: Context) -> None:
    """No cycle of channels that all block: once each is full, every service in it waits for the next one for ever."""
    edges: dict[Owner, dict[str, Owner]] = {}
    for name, (source, target) in context.ends.items():
        if source and target and context.scenario.channels[name].overflow == "block":
            edges.setdefault(source[:2], {})[name] = target[:2]
    while cycle := find_cycle(edges):
        first = min(cycle, key=list(context.scenario.channels).index)
        start = cycle.index(first)
        names = " -> ".join(cycle[start:] + cycle[:start])
        message = (
            f"channels {names} form a cycle in which every one blocks; let one of them drop: overflow: drop_oldest"
        )
        context.report(("channels", first, "overflow"), message, key=True)
        for targets in edges.values():
            targets.pop(first, None)


def find_cycle(edges: dict[Owner, dict[str, Owner]]) -> list[str]:
    """Return the channels of one cycle in order, empty if there is none (depth-first search without recursion)."""
    done: set[Owner] = set()
    for root in edges:
        way: list[Owner] = [root]
        names: list[str] = []
        branches = [iter(edges[root].items())]
        while branches:
            name, owner = next(branches[-1], ("", root))
            if not name:
                done.add(way.pop())
                branches.pop()
                del names[-1:]
            elif owner in way:
                return [*names[way.index(owner) :], name]
            elif owner not in done:
                way.append(owner)
                names.append(name)
                branches.append(iter(edges.get(owner, {}).items()))
    return []


def _resolved(context: Context, end: Endpoint, direction: Direction) -> Endpoint:
    """Return the complete end.

    Raises:
        _Unresolved: there is no such end.
    """
    if end.node in context.written("devices") & context.written("partitions"):
        raise _Unresolved
    if end.node in context.scenario.devices:
        if end.port is not None:
            raise _Unresolved(f"'{end.node}' is a device and has no services; write {end.node}.{end.port}")
        ports = context.ports[end.node, None]
        return Endpoint(end.node, None, _port(ports, end.node, end.service, direction))
    if end.node not in context.scenario.partitions:
        if end.node in context.nodes:
            raise _Unresolved
        raise _Unresolved(f"unknown partition or device '{end.node}'; {advice(end.node, context.nodes)}")
    services = context.scenario.partitions[end.node].service_names
    if end.service is None:
        examples = " or ".join(f"{end.node}.{name}" for name in services) or "add a service to it"
        raise _Unresolved(f"'{end.node}' is a partition, which has no ports itself; write {examples}")
    if end.service not in services:
        known = advice(end.service, services, nothing="it has none; add services: to it")
        raise _Unresolved(f"unknown service '{end.service}' on partition '{end.node}'; {known}")
    owner = (end.node, end.service)
    if owner not in context.ports:
        raise _Unresolved
    return Endpoint(*owner, _port(context.ports[owner], ".".join(owner), end.port, direction))


def _port(ports: Mapping[str, Port], owner: str, name: str | None, direction: Direction) -> str:
    """Return the name of the port that is meant; without a name, the only one of its direction."""
    fitting = [known for known, port in ports.items() if port.direction == direction]
    ends = "starts at an output" if direction == "output" else "ends at an input"
    if name is None and len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise _Unresolved(f"a channel {ends}, and '{owner}' has none; turn from and to around?")
    if name is None:
        raise _Unresolved(
            f"'{owner}' has several {direction}s; write {' or '.join(f'{owner}.{port}' for port in fitting)}"
        )
    if name in fitting:
        return name
    if name in ports:
        raise _Unresolved(f"a channel {ends}, and '{name}' of '{owner}' is none; {advice(name, fitting)}")
    raise _Unresolved(f"unknown {direction} '{name}' of '{owner}'; {advice(name, fitting)}")
