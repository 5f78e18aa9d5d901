"""One thing that was looked at, and what was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any


class State(str, Enum):
    """What came of looking."""

    OK = "ok"
    MISSING = "missing"  # not there
    BROKEN = "broken"  # there, but it does not do what it must


@dataclass(frozen=True)
class Finding:
    """One line of the diagnosis.

    Attributes:
        area: heading that it stands under.
        name: what was looked at.
        state: what came of it.
        detail: version, path or reason; one line.
        needed: `sim run` cannot do without it on this computer, as it is now.
        remedy: how to get it or repair it; empty where there is nothing to do.
        facts: figures for programs that read the diagnosis.
    """

    area: str
    name: str
    state: State
    detail: str
    needed: bool = False
    remedy: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def blocks(self) -> bool:
        """Whether `sim run` fails because of it."""
        return self.needed and self.state is not State.OK

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        return asdict(self) | {"state": self.state.value}
