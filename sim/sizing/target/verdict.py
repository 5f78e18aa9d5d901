"""What an outcome of the model, or of a run, says to one comparison of a target."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """A part of the target and what comes of it.

    Attributes:
        text: as written, `p99(front_camera->display)<100ms`.
        value: the figure, in the unit of `unit`.
        limit: that it is held against.
        unit: `ns`, `bytes` or `` for a number.
        met: whether it holds.
    """

    text: str
    value: float
    limit: float
    unit: str
    met: bool
