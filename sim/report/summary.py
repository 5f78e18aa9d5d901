"""The end of `sim run` in words: what held, what did not, when that showed and where to look."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from sim.report.record import ExpectationRecord, RunRecord
from sim.report.svg import clean


def summary(record: RunRecord, folder: Path) -> list[str]:
    """Return the lines that a person wants to read first, harmless to a terminal.

    Parameters:
        record: the judged run.
        folder: where its report is.
    """
    lines = [line for expectation in record.expectations for line in _expectation(expectation, folder)]
    unwell = record.unwell
    for name, partition in record.partitions.items():
        if name in unwell:
            what = partition.failed or f"ended {partition.state}"
            lines.append(f"  FAILED  partition {name}: {what}  (see {folder / 'logs' / f'{name}.log'})")
    if record.reason:
        lines.append(f"  FAILED  {record.reason}")
    verdict = "passed" if record.passed else "failed"
    kind, known = "virtual", f"digest {record.digest}"
    if record.time_mode == "realtime":
        kind, known = "real", "no digest: by the wall clock no run repeats another"
    pace = f"{record.virtual_time_ns / 1e9:g} {kind} seconds in {record.wall_s:.1f} s"
    lines += [f"{verdict}: {pace}, {known}", f"report: {shlex.quote(str(folder / 'report.html'))}"]
    return [clean(line) for line in lines]


def where(expectation: ExpectationRecord) -> str:
    """Return when and where an expectation was seen to fail; empty where that is of no one moment."""
    parts = []
    if expectation.seen_ns is not None:
        parts.append(f"at {expectation.seen_ns / 1e9:.6f} s")
    if expectation.trace_line is not None:
        parts.append(f"line {expectation.trace_line} of trace.log")
    return ", ".join(parts)


def _expectation(expectation: ExpectationRecord, folder: Path) -> Iterator[str]:
    mark = "passed" if expectation.passed else "FAILED"
    yield f"  {mark}  {expectation.text}  ({expectation.reason or expectation.actual})"
    if expectation.passed:
        return
    indent = " " * 10
    if expectation.evidence:
        yield f"{indent}{expectation.evidence}"
    if expectation.trace_line is not None:
        trace = f"{folder / 'trace.log'}:{expectation.trace_line}"
        yield f"{indent}look at {trace}, or at {_moment(expectation)} in trace.json"
    if expectation.why:
        yield f"{indent}expected because: {expectation.why}"


def _moment(expectation: ExpectationRecord) -> str:
    return f"{(expectation.seen_ns or 0) / 1e9:.6f} s"
