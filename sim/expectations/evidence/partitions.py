"""What shows that an expectation about a partition, its services, its texts or a fault does not hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from sim.expectations.evidence.moment import Evidence, beyond, is_least_worst, told
from sim.expectations.text import Text, find
from sim.report.record import FaultRecord, PartitionRecord, RunRecord, StateRecord
from sim.report.svg import digits, duration
from sim.scenario.expression import Expression


def of_partition(record: RunRecord, name: str, field: str, expression: Expression) -> Evidence | None:
    """Return what shows that a figure of a partition is not as expected."""
    partition = record.partitions[name]
    if field in ("state", "failed"):
        change = _departure(partition.states, expression)
        if change is not None:
            return _change(name, change)
        failed = f"{name} failed: {partition.failed}"
        return Evidence(failed, None, ("failed",), told(name)) if partition.failed else None
    if field == "restarts":
        begun = [state for state in partition.states if state.state == "restarting"]
        value = expression.value
        allowed = int(value) if isinstance(value, float) and value >= 0 else 0
        return _change(name, begun[min(allowed, len(begun) - 1)]) if begun else None
    if field in ("cpu_share", "scheduled_share"):
        return _frame(record, name, expression)
    return None


def of_text(expression: Expression, text: Text) -> Evidence | None:
    """Return the line that should not be there; or how the text ends, where one is missing."""
    found = find(text, expression)
    if found.line is not None:
        return Evidence(f"line {found.line.number}: {found.line.text}", found.line.t_ns)
    if found.last is not None:
        return Evidence(f"it ends with line {found.last.number}: {found.last.text}", found.last.t_ns)
    return Evidence("it is empty")


def of_fault(name: str, fault: FaultRecord) -> Evidence:
    """Return what came of a fault."""
    if fault.injected_ns is None:
        when = "never" if fault.at_ns is None else f"was to strike at {_at(fault.at_ns)} and never did"
        return Evidence(f"{fault.kind} on {fault.target} {when}{_detail(fault)}", fault.at_ns)
    story = [f"{fault.kind} struck {fault.target} at {_at(fault.injected_ns)}"]
    for verb, t_ns in (("noticed", fault.detected_ns), ("well again", fault.recovered_ns)):
        after = "never" if t_ns is None else f"{duration(t_ns - fault.injected_ns)} later"
        story.append(f"{verb} {after}")
    return Evidence(f"{', '.join(story)}{_detail(fault)}", fault.injected_ns, ("fault",), told(name))


def of_service(partition: PartitionRecord, service: str, expression: Expression, actual: Any) -> Evidence | None:
    """Return the worst call of a service."""
    spans = [(one.start_ns, one.end_ns, one.sequence) for one in partition.spans if one.service == service]
    return _slowest(f"call of {service}", spans, expression, actual)


def of_inferences(partition: PartitionRecord, expression: Expression, actual: Any) -> Evidence | None:
    """Return the worst inference of a microcontroller."""
    made = partition.mcu.inferences if partition.mcu else []
    return _slowest("inference", [(one.start_ns, one.end_ns, one.sequence) for one in made], expression, actual)


def _slowest(what: str, spans: Sequence[tuple[int, int, int]], expression: Expression, actual: Any) -> Evidence | None:
    if not spans or "_us" not in expression.figure:
        return None
    choose: Callable[..., tuple[int, int, int]] = min if is_least_worst(expression, actual) else max
    start_ns, end_ns, sample = choose(spans, key=lambda span: span[1] - span[0])
    said = f"worst: {what} from {_at(start_ns)} to {_at(end_ns)}, {duration(end_ns - start_ns)}, sample {sample}"
    over = beyond((end - start for start, end, _ in spans), expression, actual)
    return Evidence(said + (f"; {over} of {len(spans)} are beyond the limit" if over else ""), start_ns)


def _departure(states: Sequence[StateRecord], expression: Expression) -> StateRecord | None:
    """Return the change of state by which a partition last left the state that it should be in."""
    wanted = expression.value if expression.path[-1] == "state" and expression.operator == "==" else None
    if wanted is None and expression.path[-1] == "failed":
        wanted = "ready"
    last = None
    for before, after in pairwise([None, *states]):
        assert after is not None
        if wanted is None or (before is None and after.state != wanted) or (before and before.state == wanted):
            last = after
    return last if last is not None and last.state != wanted else (states[-1] if states else None)


def _change(name: str, change: StateRecord) -> Evidence:
    why = f": {change.reason}" if change.reason else ""
    said = f"{name} {change.state} at {_at(change.t_ns)}{why}"
    return Evidence(said, change.t_ns, ("state",), told(name, change.state))


def _frame(record: RunRecord, name: str, expression: Expression) -> Evidence | None:
    """Return the major frame in which a partition had its cores for the least or the most time."""
    partition, schedule = record.partitions[name], record.schedule
    frame_ns = schedule.major_frame_ns if schedule else None
    if not frame_ns or not partition.slices or record.virtual_time_ns < frame_ns:
        return None
    held = [0] * (record.virtual_time_ns // frame_ns)
    for one in partition.slices:
        for index in range(one.start_ns // frame_ns, min(-(-one.stop_ns // frame_ns), len(held))):
            held[index] += min(one.stop_ns, (index + 1) * frame_ns) - max(one.start_ns, index * frame_ns)
    share = sum(held) / (len(held) * frame_ns * max(1, len(partition.cores)))
    worst = (min if is_least_worst(expression, share) else max)(range(len(held)), key=held.__getitem__)
    said = f"it had its core for {digits(100 * share)} % of the run, and for {duration(held[worst])} of"
    return Evidence(f"{said} {duration(frame_ns)} in major frame {worst} at {_at(worst * frame_ns)}", worst * frame_ns)


def _detail(fault: FaultRecord) -> str:
    return f" ({fault.detail})" if fault.detail else ""


def _at(t_ns: int) -> str:
    return f"{t_ns / 1e9:.6f} s"
