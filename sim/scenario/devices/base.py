"""What every device of a scenario has."""

from __future__ import annotations

from collections.abc import Mapping

from sim.scenario.ports import Port
from sim.scenario.types import Section


class DeviceBase(Section):
    """A participant that the host itself plays. Its file describes it; machines/native behaves like it."""

    def ports(self) -> Mapping[str, Port]:
        """Return its ports by name."""
        raise NotImplementedError

    @property
    def summary(self) -> str:
        """What is set, in a few words for a report; up to the first comma it stands alone."""
        raise NotImplementedError

    def complaints(self) -> list[tuple[str, str]]:
        """Return what is wrong with its settings taken together: key and message of each mistake."""
        return []
