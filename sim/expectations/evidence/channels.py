"""What shows that an expectation about a channel or a path does not hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from sim.expectations.evidence.moment import Evidence, beyond, is_least_worst, told
from sim.report.record import ChannelRecord, MessageRecord, RunRecord
from sim.report.svg import duration
from sim.scenario.expression import Expression

_TAKEN = ("taken", "returned")


def of_channel(record: RunRecord, name: str, field: str, expression: Expression, actual: Any) -> Evidence | None:
    """Return what shows that a figure of a channel is not as expected."""
    channel = record.channels[name]
    if field == "dropped":
        return _drop(name, channel, expression)
    if field in ("latency_us", "age_us"):
        return _worst(name, channel, field, expression, actual)
    if field == "interval_us":
        return _interval(name, channel, expression, actual, record.virtual_time_ns)
    if field in ("delivered", "messages") and not is_least_worst(expression, actual):
        return _surplus(name, channel, expression)
    if field in ("rate_hz", "delivered", "messages") and is_least_worst(expression, actual):
        return _silence(f"channel {name}", _taken(channel), record.virtual_time_ns)
    if field == "occupancy_max" and channel.steps():
        t_ns, level = max(channel.steps(), key=lambda step: (step[1], -step[0]))
        return Evidence(
            f"{level} slot{'s' * (level != 1)} in use, for the first time at {_at(t_ns)}", t_ns, ("tensor",), told(name)
        )
    if field in ("gaps", "lost", "sessions"):
        return _break(name, channel, field)
    return None


def of_path(record: RunRecord, name: str, field: str, expression: Expression, actual: Any) -> Evidence | None:
    """Return what shows that a figure of a path is not as expected."""
    path = record.paths[name]
    last = path.channels[-1] if path.channels else ""
    if field == "missing" and path.missing:
        allowed = _allowed(expression, len(path.missing))
        number, t_ns = path.missing[min(allowed, len(path.missing) - 1)]
        said = f"sample {number} of {path.source}, taken at {_at(t_ns)}, never arrived; {len(path.missing)} in all"
        return Evidence(said, t_ns, (), told(*path.channels[:1]))
    if field in ("age_us", "late") and path.arrivals:
        least = is_least_worst(expression, actual)
        choose: Callable[..., tuple[int, int, int]] = min if least else max
        t_ns, age_ns, number = choose(path.arrivals, key=lambda arrival: arrival[1])
        said = f"sample {number} of {path.source} arrived at {_at(t_ns)}, {duration(age_ns)} old"
        if field == "age_us":
            said += _share(beyond((age for _, age, _ in path.arrivals), expression, actual), len(path.arrivals))
        return Evidence(said, t_ns, _TAKEN, told(last, t_ns))
    if field in ("delivered", "interval_us"):
        return _silence(f"path {name}", [t_ns for t_ns, _, _ in path.arrivals], record.virtual_time_ns)
    return None


def _drop(name: str, channel: ChannelRecord, expression: Expression) -> Evidence | None:
    """Return the first drop that is one too many."""
    drops = [message for message in channel.messages if message.dropped]
    if not drops:
        return None
    number = min(_allowed(expression, len(drops)), len(drops) - 1)
    message = drops[number]
    t_ns = message.produced_ns if message.returned_ns is None else message.returned_ns
    said = f"drop {number + 1} of {len(drops)}: tensor {message.sequence}{_sample(message)} at {_at(t_ns)}"
    was_revoked = channel.overflow == "drop_oldest" and not message.refused
    return Evidence(said, t_ns, ("revoked",) if was_revoked else (), told(name, message.sequence))


def _surplus(name: str, channel: ChannelRecord, expression: Expression) -> Evidence | None:
    """Return the first tensor that is one too many."""
    value = expression.value
    if not isinstance(value, float) or not 0 <= value < len(channel.messages):
        return None
    message = channel.messages[max(0, int(value) - (expression.operator == "<"))]
    said = f"first beyond the limit: tensor {message.sequence}{_sample(message)} at {_at(message.produced_ns)}"
    return Evidence(said, message.produced_ns, ("tensor",), told(name, message.sequence))


def _allowed(expression: Expression, seen: int) -> int:
    """Return how many of something an expectation allows; one less where it asks for more than there are."""
    value = expression.value
    if not isinstance(value, float) or expression.operator in (">", ">=", "!=") or value >= seen:
        return 0
    return max(0, int(value) - (expression.operator == "<"))


def _worst(name: str, channel: ChannelRecord, field: str, expression: Expression, actual: Any) -> Evidence | None:
    """Return the tensor with the worst latency or age."""

    def length(message: MessageRecord) -> int | None:
        return message.latency_ns if field == "latency_us" else message.age_ns

    lengths = [(value, message) for message in channel.messages if (value := length(message)) is not None]
    if not lengths:
        return _silence(f"channel {name}", _taken(channel), 0)
    choose: Callable[..., tuple[int, MessageRecord]] = min if is_least_worst(expression, actual) else max
    value, message = choose(lengths, key=lambda pair: pair[0])
    assert message.taken_ns is not None
    said = f"worst: tensor {message.sequence}{_sample(message)}, {duration(value)}"
    said += " from publication" if field == "latency_us" else " old when"
    said += f" to taken at {_at(message.taken_ns)}" if field == "latency_us" else f" taken at {_at(message.taken_ns)}"
    said += _share(beyond((value for value, _ in lengths), expression, actual), len(lengths))
    return Evidence(said, message.taken_ns, _TAKEN, told(name, message.sequence))


def _interval(name: str, channel: ChannelRecord, expression: Expression, actual: Any, end_ns: int) -> Evidence | None:
    times = _taken(channel)
    if not is_least_worst(expression, actual) or len(times) < 2:
        return _silence(f"channel {name}", times, end_ns)
    earlier, later = min(pairwise(times), key=lambda pair: pair[1] - pair[0])
    said = f"{duration(later - earlier)} between what was taken at {_at(earlier)} and at {_at(later)}"
    return Evidence(said, later, _TAKEN, told(name))


def _silence(what: str, times: Sequence[int], end_ns: int) -> Evidence:
    """Return the longest time in which nothing arrived, from the beginning and to the end of the run."""
    if not times:
        return Evidence(f"nothing ever arrived by {what}")
    moments = [0, *sorted(times), max(end_ns, max(times))]
    earlier, later = max(pairwise(moments), key=lambda pair: pair[1] - pair[0])
    return Evidence(f"longest silence: {duration(later - earlier)} from {_at(earlier)} to {_at(later)}", earlier)


def _break(name: str, channel: ChannelRecord, field: str) -> Evidence:
    """Return when numbers were first missing or a ring was set up again, which only the trace tells."""
    if field == "gaps":
        return Evidence(f"numbers of {name} that were never seen: {channel.gaps}", None, ("lost",), told(name))
    often = "once" if channel.sessions == 1 else f"{channel.sessions} times"
    said = f"{name} was set up {often}; tensors under way as an end restarted: {channel.lost}"
    return Evidence(said, None, ("session",), told(name))


def _taken(channel: ChannelRecord) -> list[int]:
    return sorted(message.taken_ns for message in channel.messages if message.taken_ns is not None)


def _sample(message: MessageRecord) -> str:
    return "" if message.origin_sequence is None else f" (sample {message.origin_sequence})"


def _share(part: int, whole: int) -> str:
    return f"; {part} of {whole} are beyond the limit" if part else ""


def _at(t_ns: int) -> str:
    return f"{t_ns / 1e9:.6f} s"
