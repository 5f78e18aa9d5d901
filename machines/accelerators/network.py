"""What a device is asked to run: a network as a row of layers, with nothing in it but numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer.

    Attributes:
        index: of the node in the model's file.
        operator: by the TensorFlow Lite schema.
        macs: multiplications with addition.
        weight_bytes: constants that it reads: weights and biases.
        input_bytes: activations that it reads.
        output_bytes: activations that it writes.
        live_bytes: all activations that are needed while it runs.
        dtype: of its output.
        kernel: height and width of its window; None where it has none.
        stride: vertical and horizontal distance between windows; None where it has no window.
        dilation: vertical and horizontal distance within a window.
        channels_in, channels_out: last dimension of input and output.
        input_size, output_size: height and width; None where it is no picture.
        moves: False where nothing is done: a change of shape.
    """

    index: int
    operator: str
    macs: int
    weight_bytes: int
    input_bytes: int
    output_bytes: int
    live_bytes: int
    dtype: str = "int8"
    kernel: tuple[int, int] | None = None
    stride: tuple[int, int] | None = None
    dilation: tuple[int, int] = (1, 1)
    channels_in: int = 1
    channels_out: int = 1
    input_size: tuple[int, int] | None = None
    output_size: tuple[int, int] | None = None
    moves: bool = True

    @property
    def activation_bytes(self) -> int:
        """What it reads and writes besides its constants."""
        return self.input_bytes + self.output_bytes


@dataclass(frozen=True, slots=True)
class Network:
    """A model.

    Attributes:
        layers: in the order in which they run.
        input_bytes: of all its inputs.
        output_bytes: of all its outputs.
    """

    layers: tuple[Layer, ...]
    input_bytes: int
    output_bytes: int

    @property
    def macs(self) -> int:
        """Multiplications with addition of one run."""
        return sum(layer.macs for layer in self.layers)

    @property
    def weight_bytes(self) -> int:
        """Constants of all layers."""
        return sum(layer.weight_bytes for layer in self.layers)
