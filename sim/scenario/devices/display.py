"""A display: collects the pictures that arrive and keeps them for the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from guests.service import TensorType
from sim.scenario.devices.base import DeviceBase
from sim.scenario.ports import Port


class Display(DeviceBase):
    """Shows the pictures that arrive at its port `picture` and writes them to the report."""

    kind: Literal["display"]
    preview: Literal["gif", "webp", "none"] = Field(
        default="gif", description="Short animation for the report: `gif`, `webp`, or `none` for single pictures only."
    )

    @property
    def summary(self) -> str:
        """Kind of preview."""
        return f"preview {self.preview}"

    def ports(self) -> Mapping[str, Port]:
        """Return the one input `picture`, which takes RGB or grey pictures of any size."""

        def mismatch(tensor: TensorType) -> str | None:
            rgb, grey = len(tensor.shape) == 3 and tensor.shape[2] == 3, len(tensor.shape) == 2
            if tensor.dtype == "uint8" and (rgb or grey):
                return None
            return "a display shows uint8[height,width,3] or uint8[height,width]"

        return {"picture": Port("input", mismatch)}
