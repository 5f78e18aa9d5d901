"""Kinds of devices. A new kind is one file beside this one and one line in `Device`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sim.scenario.devices.accelerator import Accelerator
from sim.scenario.devices.camera import Camera
from sim.scenario.devices.display import Display
from sim.scenario.devices.recording import Recording
from sim.scenario.devices.sink import Sink

Device = Annotated[
    Camera  # a line
    | Accelerator  # for each kind
    | Display
    | Recording
    | Sink,
    Field(discriminator="kind"),
]
"""Any device; `kind` tells which."""

__all__ = ["Accelerator", "Camera", "Device", "Display", "Recording", "Sink"]
