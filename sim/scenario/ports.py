"""Ports: where channels start and end."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

from guests.service import TensorType
from sim.scenario.types import Written
from sim.scenario.units import shown


class Endpoint(NamedTuple):
    """One end of a channel.

    A loaded scenario has every part filled in that the file left out because there was only one choice.

    Attributes:
        node: name of a partition or a device.
        service: name of the partition's service; None for a device.
        port: name of the service's or device's port.
    """

    node: str
    service: str | None = None
    port: str | None = None

    def __str__(self) -> str:
        return ".".join(part for part in self if part is not None)


def parse_endpoint(value: object) -> Endpoint:
    """Return the endpoint written as ``camera``, ``camera.port``, ``partition.service`` or ``partition.service.port``.

    Whether two parts name a service or a port is settled later, when it is known what the first part is; until then
    the second part stands in `Endpoint.service`.

    Raises:
        ValueError: it is no text of one to three names.
    """
    if not isinstance(value, str) or not re.fullmatch(r"\s*\w+(\.\w+){0,2}\s*", value):
        raise ValueError(f"{shown(value)} is no end of a channel; write partition.service.port or a device's name")
    return Endpoint(*value.strip().split("."))


End = Annotated[
    Endpoint,
    Written(
        parse_endpoint,
        str,
        r"^\s*[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){0,2}\s*$",
        ("perception.detector.frame", "perception.detector", "front_camera"),
    ),
]

Direction = Literal["input", "output"]


@dataclass(frozen=True)
class Port:
    """A place where a channel can start (output) or end (input).

    Attributes:
        direction: seen from the service or device.
        mismatch: says what is wrong with a channel's tensor at this port, or returns None.
        optional: an input that may stay open.
        shared: an input at which several channels may end.
    """

    direction: Direction
    mismatch: Callable[[TensorType], str | None]
    optional: bool = False
    shared: bool = False


def exactly(
    direction: Direction, expected: TensorType, owner: str, optional: bool = False, shared: bool = False
) -> Port:
    """Return a port that takes one dtype and shape only.

    Parameters:
        direction: input or output.
        expected: dtype and shape; quantisation may differ.
        owner: the subject of the message, such as ``detector.frame is``.
        optional: an input that may stay open.
        shared: an input at which several channels may end.
    """

    def mismatch(tensor: TensorType) -> str | None:
        if tensor.same_layout(expected):
            return None
        return f"{owner} {TensorType(expected.dtype, expected.shape)}"

    return Port(direction, mismatch, optional, shared)
