"""A sink: the end of a channel whose tensors nobody shows or works on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from sim.scenario.devices.base import DeviceBase
from sim.scenario.ports import Port


class Sink(DeviceBase):
    """Takes every tensor that arrives at its port `tensor` at once."""

    kind: Literal["sink"]

    @property
    def summary(self) -> str:
        """What it does: it has no settings."""
        return "takes everything"

    def ports(self) -> Mapping[str, Port]:
        """Return the one input `tensor`, which takes any dtype and shape."""
        return {"tensor": Port("input", lambda tensor: None)}
