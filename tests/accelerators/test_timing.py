"""Placement and time of layers: by hand on a small device, and laws that hold for all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guests.mcu.nn import convert
from guests.mcu.nn.layers import read_network
from machines import accelerators
from machines.accelerators.network import Layer, Network
from machines.accelerators.placement import refusal
from machines.accelerators.timing import job
from tests.accelerators.networks import conv, described, device, elementwise, mobilenet_v2

MODELS = sorted((Path(__file__).parents[2] / "guests/models").glob("*_int8.tflite"))


def _network(*layers: Layer, inputs: int = 100, outputs: int = 20) -> Network:
    return Network(layers, inputs, outputs)


def test_a_layer_of_much_arithmetic_takes_the_time_of_it() -> None:
    layer = Layer(0, "CONV_2D", 1000, 10, 30, 40, 70)
    found = job(device(), _network(layer))
    (time,) = found.layers
    assert (time.place, time.compute_ns, time.data_ns, time.overhead_ns) == ("device", 1000, 140, 5)
    assert time.total_ns == 1005
    assert (found.input_ns, found.output_ns, found.job_ns) == (2000, 400, 700)
    assert found.total_ns == 1005 + 2000 + 400 + 700
    assert found.utilisation == pytest.approx(1000 / found.total_ns)


def test_a_layer_of_much_data_takes_the_time_of_the_slower_bus() -> None:
    layer = Layer(0, "CONV_2D", 10, 500, 30, 40, 70)
    assert job(device(), _network(layer)).layers[0].data_ns == 1000
    memory: Any = {**described()["memory"], "shared": True}  # type: ignore[dict-item]
    assert job(device(memory=memory), _network(layer)).layers[0].data_ns == 1000 + 140


def test_weights_that_do_not_fit_come_from_outside_each_time() -> None:
    first, second, third = (Layer(index, "CONV_2D", 1, size, 0, 0, 0) for index, size in enumerate((600, 600, 300)))
    times = job(device(), _network(first, second, third)).layers
    assert [time.placed.resident for time in times] == [True, False, True]
    assert [time.data_ns for time in times] == [1200, 6000, 600]


def test_activations_that_do_not_fit_come_from_outside_too() -> None:
    (time,) = job(device(), _network(Layer(0, "CONV_2D", 1, 0, 1000, 200, 1200))).layers
    assert time.placed.streams and time.data_ns == 12_000


def test_the_processor_takes_what_the_device_cannot_and_the_way_there_and_back() -> None:
    layers = (
        Layer(0, "CONV_2D", 10, 0, 8, 8, 16),
        Layer(1, "MEAN", 0, 0, 80, 20, 100),
        Layer(2, "ADD", 0, 0, 20, 10, 30),
    )
    first, second, third = job(device(), _network(*layers)).layers
    assert (first.crossing_ns, second.crossing_ns, third.crossing_ns) == (0, 30 + 640, 30 + 160)
    assert (second.place, second.total_ns) == ("processor", 670 + 400)
    assert second.placed.why == "the NPU has no MEAN"
    back = job(device(), _network(*layers[:2]))
    assert back.output_ns == 400 + 30 + 160


def test_with_rest_all_that_follows_stays_on_the_processor() -> None:
    core: Any = {**described()["processor"], "rest": True}  # type: ignore[dict-item]
    layers = (
        Layer(0, "MEAN", 0, 0, 8, 8, 16),
        Layer(1, "RESHAPE", 0, 0, 8, 8, 8, moves=False),
        Layer(2, "ADD", 0, 0, 8, 8, 16),
    )
    times = job(device(processor=core), _network(*layers)).layers
    assert [time.place for time in times] == ["processor", "nowhere", "processor"]
    assert times[2].placed.why == "it comes after node 0"
    assert times[1].total_ns == 0


REFUSED: dict[str, tuple[Layer, str]] = {
    "operator": (elementwise(0, "SOFTMAX", 10), "the NPU has no SOFTMAX"),
    "dtype": (replace(conv(0, 8, (1, 1)), dtype="float32"), "float32 activations, not int8"),
    "kernel": (conv(0, 8, (1, 1), 5), "a 5x5 kernel; lengths are 1 or 3"),
    "square": (replace(conv(0, 8, (1, 1)), kernel=(1, 3)), "a 1x3 kernel; it must be square"),
    "stride": (conv(0, 16, (1, 1), 3, 4), "stride 4; it is 1 or 2"),
    "dilation": (replace(conv(0, 8, (1, 1), 3), dilation=(2, 2)), "dilation 2; windows have no gaps"),
    "channels": (conv(0, 8, (3, 65)), "65 channels; at most 64"),
    "input": (replace(conv(0, 8, (1, 1)), input_size=(41, 50)), "a 50x41 input; at most 50x40"),
    "output": (conv(0, 1, (1, 1)), "a 1x1 output; at least 2x2"),
    "nothing": (replace(conv(0, 8, (64, 64), 3, 2), input_size=(40, 50)), ""),
}


@pytest.mark.parametrize("case", REFUSED)
def test_each_limit_is_told(case: str) -> None:
    layer, said = REFUSED[case]
    assert refusal(device(), layer) == said


def test_padded_work_costs_more_than_its_arithmetic() -> None:
    (time,) = job(device(), _network(Layer(0, "FULLY_CONNECTED", 100, 0, 1, 1, 2))).layers
    assert time.compute_ns == 1600


def _memory(**stores: str) -> dict[str, Any]:
    memory: Any = described()["memory"]
    return {**memory, **{name: {**memory[name], "beyond": beyond} for name, beyond in stores.items()}}


def test_what_does_not_fit_is_told() -> None:
    layers = Layer(0, "CONV_2D", 1, 900, 500, 600, 1100), Layer(1, "CONV_2D", 1, 200, 0, 0, 0)
    refusing = device(memory=_memory(weights="refuse", activations="refuse"))
    assert job(refusing, _network(*layers)).obstacles == (
        "1,100 bytes of weights; small has room for 1,000",
        "1,100 bytes of activations; small has room for 1,000",
    )
    alone = device(processor=None)
    (told,) = job(alone, _network(Layer(3, "MEAN", 0, 0, 8, 8, 16))).obstacles
    assert told == "node 3 MEAN: the NPU has no MEAN; there is no processor for it"


def test_activations_beyond_the_memory_move_their_layer_to_the_processor() -> None:
    moved = device(memory=_memory(activations="processor"))
    (time,) = job(moved, _network(Layer(0, "CONV_2D", 1, 1, 500, 600, 1100))).layers
    assert (time.place, time.placed.why) == ("processor", "1,100 bytes of activations; at most 1,000")


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_layers_of_a_shipped_model_are_those_of_its_conversion(path: Path) -> None:
    network, report = read_network(path), convert(path).report
    assert network.macs == report.macs
    assert [(layer.index, layer.operator) for layer in network.layers] == [(e.index, e.operator) for e in report.layers]
    for layer, converted in zip(network.layers, report.layers, strict=True):
        assert layer.live_bytes <= converted.live_bytes and layer.moves == (converted.call is not None)
    assert 0 < network.weight_bytes <= path.stat().st_size


def test_mobilenet_takes_as_long_as_its_makers_say() -> None:
    """The datasheet's "almost 400 frames per second" fixed two figures of the profile (see its sources)."""
    network = mobilenet_v2()
    assert network.macs == pytest.approx(300e6, rel=0.02)
    found = job(accelerators.load("coral_edge_tpu"), network)
    assert not found.obstacles and all(layer.place == "device" for layer in found.layers)
    assert 1e9 / found.total_ns == pytest.approx(400, rel=0.05)


SIZES = st.integers(0, 5000)
LAYERS = st.builds(
    Layer,
    index=st.integers(0, 1000),
    operator=st.sampled_from(("CONV_2D", "ADD", "MEAN", "SOFTMAX", "FULLY_CONNECTED")),
    macs=st.integers(0, 10**9),
    weight_bytes=SIZES,
    input_bytes=SIZES,
    output_bytes=SIZES,
    live_bytes=SIZES,
    moves=st.booleans(),
)


@given(st.lists(LAYERS, max_size=8, unique_by=lambda layer: layer.index), st.sampled_from(accelerators.names()))
def test_a_job_is_the_sum_of_its_parts_and_never_faster_than_the_roofline(layers: list[Layer], name: str) -> None:
    shipped = accelerators.load(name)
    found = job(shipped, _network(*layers))
    parts = sum(time.total_ns for time in found.layers) + found.input_ns + found.output_ns + found.job_ns
    assert found.total_ns == parts and isinstance(found.total_ns, int)
    assert 0 <= found.utilisation <= 1
    for time in found.layers:
        if time.place == "device":
            assert time.total_ns * shipped.rate.macs_per_second >= time.placed.layer.macs * 10**9
        assert (time.place == "nowhere") == (time.total_ns == 0 and time.placed.why == "") or time.place != "nowhere"


@given(LAYERS, st.integers(1, 10**9), st.sampled_from(accelerators.names()))
def test_more_work_never_takes_less_time(layer: Layer, more: int, name: str) -> None:
    shipped = accelerators.load(name)
    larger = replace(layer, macs=layer.macs + more)
    assert job(shipped, _network(larger)).total_ns >= job(shipped, _network(layer)).total_ns
