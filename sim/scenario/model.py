"""The scenario: pure data, with exact numbers (ns, bytes, MIPS) in place of the text of the file.

Keys of the file are the aliases; where a unit cannot be seen from the type it is part of the attribute's name.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from guests.service import TensorType
from sim.scenario.devices import Device
from sim.scenario.faults import Fault
from sim.scenario.metrics import Metric
from sim.scenario.partitions import LinuxPartition as LinuxPartition
from sim.scenario.partitions import McuPartition as McuPartition
from sim.scenario.partitions import Partition
from sim.scenario.paths import DataPath
from sim.scenario.ports import End
from sim.scenario.schedule import Scheduler
from sim.scenario.types import Bandwidth, Duration, Memory, Name, Section, TensorText

DEPTHS = tuple(1 << bit for bit in range(1, 16))
"""Possible depths of a ring: powers of two up to VIRTIO 1.2's largest queue (section 2.7)."""


def _depth(depth: int) -> int:
    if not DEPTHS[0] <= depth <= DEPTHS[-1]:
        raise ValueError(f"{depth} is out of range; a power of two from {DEPTHS[0]} to {DEPTHS[-1]}")
    if depth not in DEPTHS:
        below = 1 << (depth.bit_length() - 1)
        raise ValueError(f"{depth} is no power of two; {below} or {2 * below}")
    return depth


class Time(Section):
    """Virtual time of the run."""

    mode: Literal["virtual", "realtime"] = Field(
        default="virtual",
        description="`virtual`: lockstep, repeatable to the bit. `realtime`: free-running, by the wall clock.",
    )
    quantum_ns: Duration = Field(
        default=1_000_000, alias="quantum", description="Length of a lockstep grant, and the error bound of latencies."
    )
    duration_ns: Duration = Field(alias="duration", description="How long the run lasts; whole quanta.")


class Host(Section):
    """The simulated machine that carries the partitions."""

    cores: int | None = Field(
        default=None, ge=1, le=64, description="Cores that Linux guests share; as many as they need if left out."
    )
    scheduler: Scheduler = Field(default=Scheduler(), description="Who has which core when.")
    memory_bytes: Memory | None = Field(
        default=None,
        alias="memory",
        description="Memory that all Linux guests and channels share; unlimited if left out.",
    )
    bandwidth_bytes_per_s: Bandwidth | None = Field(
        default=None,
        alias="bandwidth",
        description="What the memory carries, reading and writing together; tells the share that tensors take of it.",
    )
    launcher: Literal["direct", "libvirt"] = Field(
        default="direct", description="Starts the Linux guests: the simulator itself, or libvirt on this computer."
    )
    libvirt_uri: str | None = Field(
        default=None,
        min_length=1,
        description="libvirt's connection; LIBVIRT_DEFAULT_URI, else libvirt's own choice, if left out.",
    )


class Channel(Section):
    """A ring of tensors in shared memory from one port to another."""

    source: End = Field(alias="from", description="Output port that it starts at.")
    target: End = Field(alias="to", description="Input port that it ends at.")
    tensor: TensorText = Field(description="What it carries.")
    depth: Annotated[int, AfterValidator(_depth)] = Field(
        default=4, description="Tensors it can hold; a power of two.", json_schema_extra={"enum": [*DEPTHS]}
    )
    overflow: Literal["block", "drop_newest", "drop_oldest"] = Field(
        default="block", description="When it is full: the sender waits, or the newest or the oldest tensor is dropped."
    )

    @property
    def payload_bytes(self) -> int:
        """Size of one tensor without its header, in bytes."""
        kind: TensorType = self.tensor
        return kind.bytes


class Expectation(Section):
    """Something that must hold at the end of the run."""

    check: str = Field(description="A figure of the result, a comparison and a value.")
    why: str | None = Field(default=None, description="Shown when it fails.")

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return {"check": value} if isinstance(value, str) else value


class Scenario(Section):
    """A partitioned system: partitions, devices, the channels between them, and what a run of it must show."""

    name: Name = Field(description="Name of the scenario; run folders are called after it.")
    description: str = Field(default="", description="One or two sentences for people.")
    seed: int = Field(default=1, ge=0, lt=1 << 32, description="Seed of everything random.")
    time: Time = Field(description="How long the run is and how finely it is cut.")
    host: Host = Field(default=Host(), description="The machine that carries the partitions.")
    partitions: dict[Name, Partition] = Field(min_length=1, description="The guests and microcontrollers.")
    devices: dict[Name, Device] = Field(default_factory=dict, description="What the host itself plays.")
    channels: dict[Name, Channel] = Field(default_factory=dict, description="Who sends tensors to whom.")
    faults: dict[Name, Fault] = Field(default_factory=dict, description="What goes wrong.")
    paths: dict[Name, DataPath] = Field(default_factory=dict, description="Data to follow from a sensor to its use.")
    metrics: dict[Name, Metric] = Field(default_factory=dict, description="Figures to compute from channels.")
    expectations: tuple[Expectation, ...] = Field(
        default=(),
        strict=False,
        description="What must hold at the end, such as `channels.frames.dropped == 0`.",
        json_schema_extra=lambda schema: schema.update(items={"anyOf": [{"type": "string"}, schema["items"]]}),
    )

    @property
    def linux_guests(self) -> dict[str, LinuxPartition]:
        """The partitions that are Linux guests, by name."""
        return {name: each for name, each in self.partitions.items() if isinstance(each, LinuxPartition)}

    @property
    def served_guests(self) -> dict[str, LinuxPartition]:
        """The Linux guests that boot the simulator's image, whose agent runs services."""
        return {name: guest for name, guest in self.linux_guests.items() if guest.boot is None}

    @property
    def microcontrollers(self) -> dict[str, McuPartition]:
        """The partitions that are microcontrollers, by name."""
        return {name: each for name, each in self.partitions.items() if isinstance(each, McuPartition)}

    def links_crossed(self, channel: str) -> tuple[str, ...]:
        """Return the microcontrollers over whose links a channel goes, in order; it has a ring on each side of each.

        Sensors and displays are wired to the board of the microcontroller that they serve: only what goes from one
        partition to another crosses a link.

        Parameters:
            channel: its name.
        """
        nodes = (self.channels[channel].source.node, self.channels[channel].target.node)
        ends = [self.partitions.get(node) for node in nodes]
        if not all(ends):
            return ()
        off_chip = (isinstance(end, McuPartition) and end.effective_link is not None for end in ends)
        return tuple(node for node, crosses in zip(nodes, off_chip, strict=True) if crosses)

    def inputs_of(self, node: str, service: str | None = None) -> dict[str, str]:
        """Return the channels that end at a service or a device: input port to channel name.

        Parameters:
            node: a partition or a device.
            service: a service of the partition; None for a device.
        """
        ends = {name: channel.target for name, channel in self.channels.items()}
        return {end.port or "": name for name, end in ends.items() if end[:2] == (node, service)}

    def outputs_of(self, node: str, service: str | None = None) -> dict[str, tuple[str, ...]]:
        """Return the channels that start at a service or a device: output port to channel names.

        Parameters:
            node: a partition or a device.
            service: a service of the partition; None for a device.
        """
        outputs: dict[str, tuple[str, ...]] = {}
        for name, channel in self.channels.items():
            if channel.source[:2] == (node, service):
                port = channel.source.port or ""
                outputs[port] = (*outputs.get(port, ()), name)
        return outputs

    def to_yaml_data(self) -> dict[str, Any]:
        """Return what a file that loads to an equal scenario holds: text with units, aliases, no defaults."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
