"""size.json: the answer as plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from sim.sizing.answer import Answer
from sim.sizing.sensitivity.headroom_words import breaks_first

VERSION = 1
"""Grows when a key changes its meaning or goes."""


def answer_json(answer: Answer) -> dict[str, Any]:
    """Return an answer as JSON has it: its attributes as keys, and what follows from them.

    Times are in ns where a key says so, sizes in bytes. A figure that does not exist is null. Series of occupancy are
    left out: they are for pictures.
    """
    data: dict[str, Any] = {"version": VERSION} | _plain(answer)
    data["met"] = all(verdict.met for verdict in answer.verdicts)
    for key in ("now", "proposed"):
        del data[key]["series"]
        data[key]["dropped"] = getattr(answer, key).dropped
        for name, ring in getattr(answer, key).rings.items():
            data[key]["rings"][name]["occupancy_mean"] = ring.occupancy_mean
    data["breaks_first"] = breaks_first(answer.headrooms)
    for row, headroom in zip(data["headrooms"], answer.headrooms, strict=True):
        row["factor"] = headroom.factor
    for key in ("account_now", "account"):
        data[key]["bandwidth_used_bytes_per_s"] = _plain(getattr(answer, key).bandwidth_used_bytes_per_s)
        data[key]["bandwidth_share"] = _plain(getattr(answer, key).bandwidth_share)
    for row, proposal in zip(data["proposals"], answer.proposals, strict=True):
        row["margin"] = proposal.margin
    for row, one in zip(data["compared"], answer.compared, strict=True):
        row["error"] = _plain(one.error)
    return data


def _plain(value: Any) -> Any:
    """Return dataclasses and mappings as dicts, sequences and arrays as lists, numbers that JSON lacks as None."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
