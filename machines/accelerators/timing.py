"""How long a device takes for a model: a roofline for each layer, and the ways between.

A layer takes the time of its arithmetic or of its data, whichever is longer (S. Williams, A. Waterman, D. Patterson,
*Roofline: an insightful visual performance model for multicore architectures*, CACM 52(4), 2009), and a fixed time to
set it up. All times are whole ns, rounded up, so that equal models take equally long on every computer.
"""

from __future__ import annotations

from dataclasses import dataclass

from machines.accelerators import Accelerator, Processor
from machines.accelerators.network import Network
from machines.accelerators.placement import Place, Placed, obstacles, place

_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class LayerTime:
    """One layer of a job.

    Attributes:
        placed: the layer in its place.
        compute_ns: of its arithmetic.
        data_ns: of its weights and activations.
        crossing_ns: of its input on the way to the processor or back.
        overhead_ns: to set it up.
    """

    placed: Placed
    compute_ns: int = 0
    data_ns: int = 0
    crossing_ns: int = 0
    overhead_ns: int = 0

    @property
    def place(self) -> Place:
        """Where it runs."""
        return self.placed.place

    @property
    def total_ns(self) -> int:
        """All of it: arithmetic and data go on at the same time."""
        return max(self.compute_ns, self.data_ns) + self.crossing_ns + self.overhead_ns


@dataclass(frozen=True, slots=True)
class JobTime:
    """One run of a model on a device.

    Attributes:
        layers: in the order in which they run.
        input_ns, output_ns: of the model's inputs and outputs over the interface.
        job_ns: what each job takes on top.
        obstacles: why it does not run at all.
        macs_per_second: of the device.
    """

    layers: tuple[LayerTime, ...]
    input_ns: int
    output_ns: int
    job_ns: int
    obstacles: tuple[str, ...]
    macs_per_second: int

    @property
    def total_ns(self) -> int:
        """From the first byte of the input to the last one of the output."""
        return self.job_ns + self.input_ns + self.output_ns + sum(layer.total_ns for layer in self.layers)

    @property
    def device_macs(self) -> int:
        """Multiplications with addition that the device itself does."""
        return sum(layer.placed.layer.macs for layer in self.layers if layer.place == "device")

    @property
    def utilisation(self) -> float:
        """Share of its best rate that the device reaches over the whole job, 0 to 1."""
        best_ns = self.device_macs * _SECOND_NS / self.macs_per_second
        return best_ns / self.total_ns if self.total_ns else 0.0


def job(device: Accelerator, network: Network) -> JobTime:
    """Return how long a model takes on a device, layer by layer.

    Parameters:
        device: its profile.
        network: the model.

    Returns:
        Times also where the model does not run at all (see `obstacles`): of what does.
    """
    placed = place(device, network)
    layers, before = [], "device"
    for each in placed:
        layers.append(_layer(device, each, crosses=each.place != before and each.place != "nowhere"))
        before = before if each.place == "nowhere" else each.place
    back = _crossing(device.processor, network.output_bytes) if before == "processor" else 0
    host = device.host.bytes_per_second
    return JobTime(
        tuple(layers),
        _duration(network.input_bytes, host),
        _duration(network.output_bytes, host) + back,
        device.host.job_ns,
        obstacles(device, network, placed),
        device.rate.macs_per_second,
    )


def _layer(device: Accelerator, placed: Placed, crosses: bool) -> LayerTime:
    layer = placed.layer
    if placed.place == "nowhere":
        return LayerTime(placed)
    crossing = _crossing(device.processor, layer.input_bytes) if crosses else 0
    if placed.place == "processor":
        assert device.processor is not None, "it was placed there"
        compute = _duration(layer.macs, device.processor.macs_per_second)
        data = _duration(layer.activation_bytes + layer.weight_bytes, device.processor.bytes_per_second)
        return LayerTime(placed, compute, data, crossing)
    compute = _duration(layer.macs * placed.work, device.rate.macs_per_second)
    return LayerTime(placed, compute, _data_ns(device, placed), crossing, device.overhead.layer_ns)


def _data_ns(device: Accelerator, placed: Placed) -> int:
    """Return the time of a layer's data: of one bus after the other where they share it, else of the slower one."""
    memory, layer = device.memory, placed.layer
    outside = memory.stream_bytes_per_second
    weights = _duration(layer.weight_bytes, memory.weights.bytes_per_second if placed.resident else outside)
    activations = _duration(layer.activation_bytes, outside if placed.streams else memory.activations.bytes_per_second)
    together = memory.shared or (not placed.resident and placed.streams)
    return weights + activations if together else max(weights, activations)


def _crossing(processor: Processor | None, size: int) -> int:
    return 0 if processor is None else processor.crossing_ns + _duration(size, processor.crossing_bytes_per_second)


def _duration(amount: int, per_second: int | None) -> int:
    """Return how long an amount takes at a rate, in ns, rounded up; 0 where there is no rate to wait for."""
    return 0 if per_second is None else -(-amount * _SECOND_NS // per_second)
