"""What cannot be converted is refused with one line that names file, node and operator; damaged files, too."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from guests.mcu.nn import ModelError, convert, read_ports
from tests.nn import zoo
from tests.nn.graph import Graph, options

SCALE = 0.5
MODEL = Path(__file__).parents[2] / "guests/models/motion_int8.tflite"


def _relu(graph: Graph, shape: tuple[int, ...] = (1, 4), dtype: str = "int8", scale: float | None = SCALE) -> None:
    graph.node("RELU", [graph.input(shape, scale, dtype=dtype)], [graph.output(shape, scale, dtype=dtype)])


def _conv(graph: Graph, batch: int = 1, activation: int = 0, zero_point: int = 0, dtype: str = "int8") -> None:
    source = graph.input([batch, 4, 4, 2], SCALE)
    weights = graph.tensor([3, 1, 1, 2], SCALE, zero_point, data=np.ones([3, 1, 1, 2]), dtype=dtype)
    bias = graph.tensor([3], SCALE, dtype="int32", data=np.zeros(3))
    output = graph.output([batch, 4, 4, 3], SCALE)
    chosen = options("Conv2D", strideH=1, strideW=1, fusedActivationFunction=activation)
    graph.node("CONV_2D", [source, weights, bias], [output], chosen)


def _wrong_size(graph: Graph) -> None:
    source, output = graph.input([1, 4, 4, 2], SCALE), graph.output([1, 9, 9, 2], SCALE)
    chosen = options("Pool2D", strideH=1, strideW=1, filterHeight=2, filterWidth=2)
    graph.node("MAX_POOL_2D", [source], [output], chosen)


def _unknown(graph: Graph) -> None:
    graph.node("TANH", [graph.input([4], SCALE)], [graph.output([4], SCALE)])


def _dynamic(graph: Graph) -> None:
    _relu(graph, (1, 4))
    graph._tensors[0].shapeSignature = [1, -1]


def _huge_bias(graph: Graph) -> None:
    source, output = graph.input([1, 2], SCALE), graph.output([1, 1], SCALE)
    weights = graph.tensor([1, 2], SCALE, data=np.ones([1, 2]))
    bias = graph.tensor([1], SCALE, dtype="int32", data=np.array([2**31 - 1]))
    graph.node("FULLY_CONNECTED", [source, weights, bias], [output], options("FullyConnected"))


def _softmax_scale(graph: Graph) -> None:
    graph.node("SOFTMAX", [graph.input([4], SCALE)], [graph.output([4], SCALE)], options("Softmax", beta=1.0))


REFUSED: dict[str, tuple[Callable[[Graph], None], str]] = {
    "operator": (_unknown, "node 0 TANH: not supported; supported are ADD, AVERAGE_POOL_2D, CONV_2D"),
    "type": (lambda graph: _relu(graph, dtype="int16"), "node 0 RELU: tensor 't0' is int16, not int8"),
    "float": (lambda graph: _relu(graph, dtype="float32", scale=None), "not int8; quantise the model to full int8"),
    "dynamic shape": (_dynamic, "tensor 0 't0' has a dynamic shape [1, -1]; fix its dimensions"),
    "float weights": (
        lambda graph: _conv(graph, dtype="float32"),
        "node 0 CONV_2D: input 1 ('t1') is float32, not int8",
    ),
    "activation": (
        lambda graph: _conv(graph, activation=4),
        "node 0 CONV_2D: fused activation 4 is not supported; use RELU",
    ),
    "batch": (lambda graph: _conv(graph, batch=2), "node 0 CONV_2D: the batch is 2, not 1"),
    "asymmetric weights": (lambda graph: _conv(graph, zero_point=3), "have a zero point; int8 weights are symmetric"),
    "output size": (_wrong_size, "node 0 MAX_POOL_2D: the output should have 4 elements along h, not 9"),
    "no scale": (lambda graph: _relu(graph, scale=None), "node 0 RELU: tensor 't0' has 0 scales, not one"),
    "overflow": (_huge_bias, "node 0 FULLY_CONNECTED: a sum of products can leave 31 bits"),
    "softmax": (_softmax_scale, "node 0 SOFTMAX: the output must have scale 1/256 and zero point -128"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_has_no_kernel_is_refused_by_name(what: str, tmp_path: Path) -> None:
    make, message = REFUSED[what]
    graph = Graph()
    make(graph)
    path = graph.save(tmp_path / "model.tflite")
    with pytest.raises(ModelError) as caught:
        convert(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"text", b"\0\0\0\0TFL3", bytes(100)])
def test_what_is_no_model_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.tflite: "):
        read_ports(path)


def test_what_never_ends_or_says_nothing_is_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "model.tflite"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(ModelError, match="no plain file"):
            convert(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No such file"):
        convert(tmp_path / "none.tflite")


@pytest.mark.parametrize("size", range(0, MODEL.stat().st_size, 211))
def test_a_truncated_file_is_refused_or_whole(size: int, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(MODEL.read_bytes()[:size])
    with pytest.raises(ModelError):
        convert(path)


@pytest.mark.parametrize("seed", range(20))
def test_damaged_files_never_crash(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    sound = zoo.mixture(seed, 1).save(tmp_path / "sound.tflite").read_bytes() if seed % 2 else MODEL.read_bytes()
    path, refused = tmp_path / "model.tflite", 0
    for _ in range(40):
        damaged = bytearray(sound)
        for _ in range(rng.choice([1, 1, 2, 8])):
            at = rng.randrange(8, len(damaged))
            damaged[at] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
        path.write_bytes(damaged)
        try:
            convert(path)
        except ModelError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 0


def test_ports_are_the_tensors_at_the_edges() -> None:
    window, scores = read_ports(MODEL)
    assert (window.dtype, window.shape) == ("int8", (1, 1, 20, 6))
    assert (scores.dtype, scores.shape, scores.scale, scores.zero_point) == ("int8", (1, 4), 1 / 256, -128)


def test_a_model_with_two_outputs_has_no_ports() -> None:
    with pytest.raises(ModelError, match="2 outputs; a service's model has exactly one"):
        read_ports(MODEL.with_name("plates_int8.tflite"))
