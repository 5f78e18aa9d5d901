"""An accelerator: runs a model on every tensor that arrives, as long as the device of its profile would take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field

from guests.service import TensorType
from machines import accelerators
from sim.scenario.devices.base import DeviceBase
from sim.scenario.files import File, find_file
from sim.scenario.ports import Port, exactly
from sim.scenario.problem import advice
from sim.scenario.types import Found

if TYPE_CHECKING:
    from machines.accelerators.timing import JobTime


def _profile(name: str) -> str:
    if name not in accelerators.names():
        raise ValueError(f"unknown accelerator '{name}'; {advice(name, accelerators.names())}")
    return name


def _names(schema: dict[str, Any]) -> None:
    schema["enum"] = [*accelerators.names()]


@dataclass(frozen=True)
class ModelFacts:
    """What is to be known of an accelerator's model.

    Attributes:
        input: its only input.
        outputs: by port.
        job: how long one run takes.
    """

    input: TensorType
    outputs: Mapping[str, TensorType]
    job: JobTime


class Accelerator(DeviceBase):
    """Runs an int8 model on each tensor that arrives at its port `input`, for as long as its profile takes for it."""

    kind: Literal["accelerator"]
    profile: Annotated[str, AfterValidator(_profile)] = Field(
        description="Device whose time it takes; docs/accelerators.md lists them.", json_schema_extra=_names
    )
    model: Annotated[File, Found(find_file, {"type": "string", "examples": ["guests/models/plates_int8.tflite"]})] = (
        Field(description="The .tflite file, in int8 and with one input; of several graphs the first.")
    )

    @property
    def facts(self) -> ModelFacts:
        """Its model's tensors and time.

        Raises:
            ValueError: the model cannot be read, or has an operator that is not known.
        """
        path = self.model.path
        try:
            return _facts(path, path.stat().st_mtime_ns, self.profile)
        except OSError as error:
            raise ValueError(f"{self.model} cannot be read: {error.strerror}; name a readable file") from None

    @property
    def job(self) -> JobTime:
        """How long a tensor takes, from the first byte of the input to the last one of the output."""
        return self.facts.job

    @property
    def summary(self) -> str:
        """Profile, time of a job, and model."""
        return f"{self.profile}, {self.job.total_ns / 1e6:.3f} ms, {self.model.path.name}"

    def ports(self) -> Mapping[str, Port]:
        """Return the input and the model's outputs; while the model is unusable, one each of any tensor."""
        try:
            facts = self.facts
        except ValueError:
            return {
                "input": Port("input", lambda tensor: None, shared=True),
                "output": Port("output", lambda tensor: None),
            }
        name = self.model.path.name
        ports = {"input": exactly("input", facts.input, f"{name} takes", shared=True)}
        for port, tensor in facts.outputs.items():
            ports[port] = exactly("output", tensor, f"{port} of {name} is")
        return ports

    def complaints(self) -> list[tuple[str, str]]:
        """Refuse models that cannot be read, and those that the device cannot run."""
        try:
            obstacles = self.facts.job.obstacles
        except ValueError as error:
            return [("model", f"{error}; name a .tflite file in int8")]
        return [("model", f"{obstacle}; take a smaller model or another profile") for obstacle in obstacles[:1]]


@lru_cache(maxsize=64)
def _facts(path: Path, modified_ns: int, profile: str) -> ModelFacts:
    from guests.mcu.nn import ModelError  # 0.2 s that only such a device costs
    from guests.mcu.nn.layers import read_network
    from guests.mcu.nn.ports import model_ports
    from machines.accelerators.timing import job

    try:
        ports, network = model_ports(path), read_network(path)
    except ModelError as error:
        raise ValueError(str(error).replace(str(path), path.name)) from None
    return ModelFacts(ports.input, ports.outputs, job(accelerators.load(profile), network))
