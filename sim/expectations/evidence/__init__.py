"""What shows that an expectation does not hold: the first drop, the worst message, the change of state, the fault."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.expectations.evidence.channels import of_channel, of_path
from sim.expectations.evidence.metrics import of_metric
from sim.expectations.evidence.moment import Evidence
from sim.expectations.evidence.partitions import of_fault, of_inferences, of_partition, of_service, of_text
from sim.expectations.text import Text
from sim.report.record import RunRecord
from sim.scenario.expression import Expression

__all__ = ["Evidence", "evidence"]


def evidence(
    record: RunRecord, expression: Expression, actual: Any, texts: Mapping[str, Text] | None = None
) -> Evidence | None:
    """Return what shows that an expectation does not hold; None where nothing in particular does.

    Parameters:
        record: the run.
        expression: the expectation that failed.
        actual: the figure that was seen.
        texts: consoles and logs, by dotted path.
    """
    text = (texts or {}).get(expression.figure)
    if text is not None:
        return of_text(expression, text)
    section, name, *rest = [*expression.path, "", ""]
    field = rest[0]
    if section == "channels" and name in record.channels:
        return of_channel(record, name, field, expression, actual)
    if section == "paths" and name in record.paths:
        return of_path(record, name, field, expression, actual)
    if section == "faults" and name in record.faults:
        return of_fault(name, record.faults[name])
    if section == "metrics":
        return of_metric(record, name)
    if section in ("partitions", "microcontrollers") and name in record.partitions:
        if field == "services":
            return of_service(record.partitions[name], rest[1], expression, actual)
        if field == "inferences":
            return of_inferences(record.partitions[name], expression, actual)
        return of_partition(record, name, field, expression)
    return None
