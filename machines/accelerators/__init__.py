"""Profiles of accelerators: what devices that run neural networks can do, as data in ``machines/accelerators/*.yaml``.

Every group of figures names its source; one that no maker publishes says `assumption` and why it is what it is.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from machines import profiles

FOLDER = Path(__file__).parent
"""Where the shipped profiles are; a new device is one more file here."""


class AcceleratorError(ValueError):
    """A profile is missing or broken; the message is one line."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


Source = Annotated[str, Field(min_length=8, description="Document and place, or `assumption: ` and the reason.")]


class Rate(_Section):
    """How fast it multiplies.

    Attributes:
        macs_per_second: int8 multiplications with addition that all its units do at best.
        source: of the figure.
    """

    macs_per_second: int = Field(gt=0)
    source: Source


class Store(_Section):
    """Memory on the chip for one kind of data.

    Attributes:
        bytes: how much; 0: none.
        bytes_per_second: between it and the arithmetic units.
        beyond: what becomes of data that does not fit: it comes from outside each time (`stream`), its layer runs on
            the processor (`processor`), or the model cannot run at all (`refuse`).
        source: of the figures.
    """

    bytes: int = Field(ge=0)
    bytes_per_second: int = Field(gt=0)
    beyond: Literal["stream", "processor", "refuse"]
    source: Source


class Memory(_Section):
    """Where weights and activations are.

    Attributes:
        weights, activations: the two stores.
        shared: both are the same store, the one of `weights`: what activations take is not there for weights, and
            both come over the same bus.
        stream_bytes_per_second: from outside, for what does not fit; None where nothing streams.
        source: of the last figure.
    """

    weights: Store
    activations: Store
    shared: bool
    stream_bytes_per_second: int | None = Field(default=None, gt=0)
    source: Source

    @model_validator(mode="after")
    def _consistent(self) -> Memory:
        if self.weights.beyond == "processor":
            raise ValueError("weights.beyond: a model's weights stream or are refused")
        streams = "stream" in (self.weights.beyond, self.activations.beyond)
        if streams and self.stream_bytes_per_second is None:
            raise ValueError("stream_bytes_per_second is missing, but something streams")
        if self.shared and self.weights.bytes != self.activations.bytes:
            raise ValueError("shared memory has one size, but weights.bytes and activations.bytes differ")
        return self


class Interface(_Section):
    """The way from the host's memory and back.

    Attributes:
        kind: what it is; `none` where the device reads the memory that tensors are in.
        bytes_per_second: of payload; None for `none`.
        job_ns: time that each job takes on top, for driver and protocol.
        source: of the figures.
    """

    kind: Literal["usb", "pcie", "spi", "none"]
    bytes_per_second: int | None = Field(default=None, gt=0)
    job_ns: int = Field(ge=0)
    source: Source

    @model_validator(mode="after")
    def _consistent(self) -> Interface:
        if (self.kind == "none") != (self.bytes_per_second is None):
            raise ValueError("bytes_per_second is there for every kind but none")
        return self


class Processor(_Section):
    """The processor that runs the layers which the device cannot.

    Attributes:
        name: what it is.
        macs_per_second: int8 multiplications with addition, as its usual library does them.
        bytes_per_second: of layers that only move or compare: what they read and write.
        crossing_bytes_per_second: of activations that go to it and come back.
        crossing_ns: time that each crossing takes on top.
        rest: once a layer runs there, so do all that follow.
        source: of the figures.
    """

    name: str
    macs_per_second: int = Field(gt=0)
    bytes_per_second: int = Field(gt=0)
    crossing_bytes_per_second: int = Field(gt=0)
    crossing_ns: int = Field(ge=0)
    rest: bool = False
    source: Source


class Operators(_Section):
    """Operators that the device runs itself, and their limits; what is left out has none.

    Attributes:
        names: by the TensorFlow Lite schema.
        kernels: lengths that a window may have; height and width are equal where `square`.
        square: the window must be as high as it is wide.
        strides: distances between windows, in both directions alike.
        dilated: windows may have gaps.
        most_channels: of input and output.
        largest_input: height and width of the input, in pixels.
        smallest_output: height and width of the output, in pixels.
        work: its time is that of so many times its MACs.
        source: of the limits.
    """

    names: tuple[str, ...] = Field(strict=False, min_length=1)
    kernels: tuple[int, ...] | None = Field(default=None, strict=False)
    square: bool = False
    strides: tuple[int, ...] | None = Field(default=None, strict=False)
    dilated: bool = False
    most_channels: int | None = Field(default=None, gt=0)
    largest_input: tuple[int, int] | None = Field(default=None, strict=False)
    smallest_output: tuple[int, int] | None = Field(default=None, strict=False)
    work: int = Field(default=1, gt=0)
    source: Source


class Overhead(_Section):
    """Time that every layer takes on top, to set it up."""

    layer_ns: int = Field(ge=0)
    source: Source


class Accelerator(_Section):
    """A device.

    Attributes:
        name: how scenarios call it; the file's name without ``.yaml``.
        description: one line for people.
        unit: what its makers call the part that runs layers.
        dtypes: of activations.
        rate, memory, host, overhead: what it reaches.
        processor: for other layers; None: a model with such a layer does not run.
        operators: what it runs itself.
    """

    name: str
    description: str
    unit: str
    dtypes: tuple[str, ...] = Field(strict=False, min_length=1)
    rate: Rate
    memory: Memory
    host: Interface
    overhead: Overhead
    processor: Processor | None = None
    operators: tuple[Operators, ...] = Field(strict=False, min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Accelerator:
        names = [name for group in self.operators for name in group.names]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"operators: {', '.join(twice)} stands in several groups")
        if self.memory.activations.beyond == "processor" and self.processor is None:
            raise ValueError("memory.activations.beyond: there is no processor")
        return self

    def limits(self, operator: str) -> Operators | None:
        """Return the limits of an operator; None where the device does not know it."""
        return next((group for group in self.operators if operator in group.names), None)


@cache
def names() -> tuple[str, ...]:
    """Return the names of all shipped profiles, sorted."""
    return profiles.names(FOLDER)


@cache
def load(name: str) -> Accelerator:
    """Load a shipped profile.

    Parameters:
        name: one of `names()`.

    Raises:
        AcceleratorError: there is none of this name, or its file does not describe an accelerator.
    """
    if name not in names():
        raise AcceleratorError(f"unknown device '{name}'; one of {', '.join(names())}")
    return read(FOLDER / f"{name}.yaml")


def read(path: Path) -> Accelerator:
    """Read a profile from a file.

    Raises:
        AcceleratorError: the file cannot be read or does not describe an accelerator; the message starts with the path.
    """
    return profiles.read(path, Accelerator.model_validate, AcceleratorError)
