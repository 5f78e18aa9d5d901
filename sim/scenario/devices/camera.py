"""A camera: takes pictures at a fixed rate and sends each as one tensor."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import Field

from guests.service import TensorType
from sim.scenario.devices.base import DeviceBase
from sim.scenario.files import File, find_file
from sim.scenario.ports import Port, exactly
from sim.scenario.problem import nearest
from sim.scenario.types import Duration, Found, Rate, Size
from sim.scenario.units import NS_PER_S, format_duration, format_size

BUILT_IN = ("plates",)
"""Sources that come with the simulator."""

MIN_PLATES = (160, 120)
"""Smallest picture of the built-in source, width and height in pixels (machines/native/plates.py)."""


def _source(value: object, folders: Any) -> str | File:
    if isinstance(value, str) and value in BUILT_IN:
        return value
    try:
        return find_file(value, folders)
    except ValueError:
        near = nearest(value, BUILT_IN) if isinstance(value, str) else None
        if near is None:
            raise
        raise ValueError(f"no built-in source or file '{value}'; did you mean '{near}'?") from None


_SOURCE_SCHEMA = {"type": "string", "examples": ["plates", "pictures/", "drive.mp4"]}


class Camera(DeviceBase):
    """Takes pictures of a source and sends them as tensors through its port `frame`."""

    kind: Literal["camera"]
    source: Annotated[str | File, Found(_source, _SOURCE_SCHEMA)] = Field(
        description="What it sees: `plates` (built in, with known boxes), a folder of pictures, or a video file."
    )
    size: Size = Field(description="Width x height of the picture in pixels.")
    rate_fps: Rate = Field(alias="rate", description="Pictures per virtual second.")
    format: Literal["rgb8", "gray8", "nv12"] = Field(
        default="rgb8",
        description="Pixel format: `rgb8` is uint8[height,width,3], `gray8` uint8[height,width], `nv12` "
        "uint8[height*3/2,width], luma and below it a quarter as many chroma pairs.",
    )
    jitter_ns: Duration = Field(
        default=0,
        alias="jitter",
        description="Largest delay of a picture, drawn from the seed; below the time between pictures.",
    )
    count: int | None = Field(default=None, ge=1, description="Stops after this many pictures; never if left out.")
    seed: int | None = Field(
        default=None,
        ge=0,
        lt=1 << 32,
        description="Of `plates` and jitter, so that cameras see different drives; the scenario's if left out.",
    )

    @property
    def tensor(self) -> TensorType:
        """The tensor of one picture."""
        width, height = self.size
        if self.format == "nv12":
            return TensorType("uint8", (height * 3 // 2, width))
        return TensorType("uint8", (height, width, 3) if self.format == "rgb8" else (height, width))

    @property
    def summary(self) -> str:
        """Source, size, format and rate."""
        width, height = self.size
        return f"{self.source}, {width}x{height} {self.format} at {float(self.rate_fps):g} fps"

    @property
    def period_ns(self) -> Fraction:
        """Time between two pictures, in ns, exact."""
        return NS_PER_S / self.rate_fps

    def ports(self) -> Mapping[str, Port]:
        """Return the one output `frame`."""
        width, height = self.size
        return {"frame": exactly("output", self.tensor, f"a {width}x{height} {self.format} camera sends")}

    def complaints(self) -> list[tuple[str, str]]:
        """Refuse pictures too small for the plates, half chroma pairs, and a jitter that could swap two pictures."""
        found: list[tuple[str, str]] = []
        if self.source == "plates" and (self.size[0] < MIN_PLATES[0] or self.size[1] < MIN_PLATES[1]):
            least = format_size(MIN_PLATES)
            found.append(("size", f"plates cannot be seen at {format_size(self.size)}; at least {least}"))
        if self.format == "nv12" and (self.size[0] % 2 or self.size[1] % 2):
            even = format_size((self.size[0] // 2 * 2 or 2, self.size[1] // 2 * 2 or 2))
            found.append(("size", f"nv12 has a chroma pair for every 2x2 pixels, not {format_size(self.size)}; {even}"))
        return found if self.jitter_ns < self.period_ns else [*found, self._jitter_complaint()]

    def _jitter_complaint(self) -> tuple[str, str]:
        period, limit = float(self.period_ns / 1_000_000), format_duration(int(self.period_ns / 2_000_000) * 1_000_000)
        problem = f"jitter {format_duration(self.jitter_ns)} is not below the {period:.4g}ms between two pictures"
        return "jitter", f"{problem}; at most {limit}, say"
