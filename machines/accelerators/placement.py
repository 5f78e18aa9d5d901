"""Which layer runs where on a device, and which weights stay on its chip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from machines.accelerators import Accelerator, Operators
from machines.accelerators.network import Layer, Network

Place = Literal["device", "processor", "nowhere"]
"""`nowhere`: nothing is done, or there is no processor that could."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A layer in its place.

    Attributes:
        layer: what runs.
        place: where.
        why: what the device lacks for it; empty where it runs there.
        resident: its weights stay on the chip from job to job.
        streams: its activations go through memory outside of the chip.
        work: its time is that of so many times its MACs.
    """

    layer: Layer
    place: Place
    why: str = ""
    resident: bool = True
    streams: bool = False
    work: int = 1


def refusal(device: Accelerator, layer: Layer) -> str:
    """Say why a device cannot run a layer itself; empty if it can."""
    limits = device.limits(layer.operator)
    if limits is None:
        return f"the {device.unit} has no {layer.operator}"
    if layer.dtype not in device.dtypes:
        return f"{layer.dtype} activations, not {' or '.join(device.dtypes)}"
    return _window(limits, layer) or _size(limits, layer)


def _window(limits: Operators, layer: Layer) -> str:
    if layer.kernel is None or layer.stride is None:
        return ""
    height, width = layer.kernel
    allowed = limits.kernels
    if allowed is not None and not {height, width} <= set(allowed):
        return f"a {height}x{width} kernel; lengths are {_listed(allowed)}"
    if limits.square and height != width:
        return f"a {height}x{width} kernel; it must be square"
    if limits.strides is not None and not set(layer.stride) <= set(limits.strides):
        return f"stride {max(layer.stride)}; it is {_listed(limits.strides)}"
    if layer.dilation != (1, 1) and not limits.dilated:
        return f"dilation {max(layer.dilation)}; windows have no gaps"
    return ""


def _size(limits: Operators, layer: Layer) -> str:
    channels = max(layer.channels_in, layer.channels_out)
    if limits.most_channels is not None and channels > limits.most_channels:
        return f"{channels} channels; at most {limits.most_channels}"
    if limits.largest_input is not None and layer.input_size is not None:
        (height, width), (most_height, most_width) = layer.input_size, limits.largest_input
        if height > most_height or width > most_width:
            return f"a {width}x{height} input; at most {most_width}x{most_height}"
    if limits.smallest_output is not None and layer.output_size is not None:
        (height, width), (least_height, least_width) = layer.output_size, limits.smallest_output
        if height < least_height or width < least_width:
            return f"a {width}x{height} output; at least {least_width}x{least_height}"
    return ""


def _listed(numbers: Sequence[int]) -> str:
    return " or ".join(map(str, numbers))


def place(device: Accelerator, network: Network) -> tuple[Placed, ...]:
    """Return every layer in its place, in the order in which they run.

    Weights stay on the chip as far as there is room, in the order in which layers run; where they share their memory
    with activations, the room is what the layer with most activations leaves.
    """
    whys = [_why(device, layer) for layer in network.layers]
    if device.processor is not None and device.processor.rest:
        first = next((number for number, why in enumerate(whys) if why), len(whys))
        for number in range(first + 1, len(whys)):
            whys[number] = whys[number] or f"it comes after node {network.layers[first].index}"
    own = [layer for layer, why in zip(network.layers, whys, strict=True) if layer.moves and not why]
    resident = _resident(device, own)
    return tuple(_placed(device, layer, why, resident) for layer, why in zip(network.layers, whys, strict=True))


def _why(device: Accelerator, layer: Layer) -> str:
    if not layer.moves:
        return ""
    store = device.memory.activations
    if store.beyond == "processor" and layer.live_bytes > store.bytes:
        return f"{layer.live_bytes:,} bytes of activations; at most {store.bytes:,}"
    return refusal(device, layer)


def _resident(device: Accelerator, layers: Sequence[Layer]) -> set[int]:
    room = device.memory.weights.bytes
    if device.memory.shared:
        room -= min(room, max((layer.live_bytes for layer in layers), default=0))
    resident = set()
    for layer in layers:
        if layer.weight_bytes <= room:
            room -= layer.weight_bytes
            resident.add(layer.index)
    return resident


def _placed(device: Accelerator, layer: Layer, why: str, resident: set[int]) -> Placed:
    if not layer.moves:
        return Placed(layer, "nowhere")
    if why:
        return Placed(layer, "processor" if device.processor is not None else "nowhere", why)
    limits = device.limits(layer.operator)
    streams = device.memory.activations.beyond == "stream" and layer.live_bytes > device.memory.activations.bytes
    return Placed(layer, "device", "", layer.index in resident, streams, 1 if limits is None else limits.work)


def obstacles(device: Accelerator, network: Network, placed: Sequence[Placed]) -> tuple[str, ...]:
    """Say why a model does not run on a device at all; nothing if it does."""
    found = []
    weights, activations = device.memory.weights, device.memory.activations
    if weights.beyond == "refuse" and network.weight_bytes > weights.bytes:
        found.append(f"{network.weight_bytes:,} bytes of weights; {device.name} has room for {weights.bytes:,}")
    if activations.beyond == "refuse":
        most = max((each.layer.live_bytes for each in placed if each.place == "device"), default=0)
        if most > activations.bytes:
            found.append(f"{most:,} bytes of activations; {device.name} has room for {activations.bytes:,}")
    for each in placed:
        if each.place == "nowhere" and each.why:
            found.append(f"node {each.layer.index} {each.layer.operator}: {each.why}; there is no processor for it")
    return tuple(found)
