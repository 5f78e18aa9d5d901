"""Random models: many nodes of one family side by side, each with inputs and outputs of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tests.nn.graph import Graph, options

Random = np.random.Generator

SAME, VALID = 0, 1
_ACTIVATIONS = (0, 0, 1, 2, 3)


def _scale(random: Random, low: float = 0.002, high: float = 0.2) -> float:
    return float(np.float32(np.exp(random.uniform(np.log(low), np.log(high)))))


def _zero_point(random: Random) -> int:
    return int(random.choice([-128, 127, 0, int(random.integers(-128, 128))]))


def _weights_scale(random: Random, channels: int) -> float | list[float]:
    if random.random() < 0.3:
        return _scale(random)
    return [_scale(random) for _ in range(channels)]


def _output_scale(random: Random, input_scale: float, weight_scale: float | list[float], depth: int) -> float:
    """Return a scale at which some sums of products saturate and most do not."""
    largest = float(np.max(weight_scale))
    return float(np.float32(input_scale * largest * np.sqrt(depth) * 74 * 74 / 60 * random.uniform(0.3, 3)))


def _positions(size: int, length: int, stride: int, dilation: int, padding: int) -> int:
    extent = (length - 1) * dilation + 1
    return -(-size // stride) if padding == SAME else (size - extent) // stride + 1


def _geometry(random: Random) -> tuple[list[int], list[int], dict[str, int], list[int]]:
    """Return picture size, window size, options and output size that fit each other."""
    while True:
        window = [int(n) for n in random.integers(1, 6, 2)]
        if random.random() < 0.3:
            window = [1, int(random.integers(1, 6))]
        picture = [int(n) for n in random.integers(1, 13, 2)]
        stride = [int(n) for n in random.integers(1, 4, 2)]
        dilation = [int(n) for n in random.integers(1, 4, 2)] if random.random() < 0.3 else [1, 1]
        padding = int(random.integers(0, 2))
        output = [_positions(*each, padding) for each in zip(picture, window, stride, dilation, strict=True)]
        if min(output) >= 1:
            chosen = {"padding": padding, "strideH": stride[0], "strideW": stride[1]}
            return picture, window, chosen | {"dilationHFactor": dilation[0], "dilationWFactor": dilation[1]}, output


def _bias(
    random: Random, graph: Graph, depth: int, input_scale: float, weight_scale: float | list[float], n: int
) -> int:
    values = random.integers(-2000, 2000, n) * max(1, int(np.sqrt(depth)))
    scales = [float(np.float32(input_scale) * np.float32(each)) for each in np.atleast_1d(weight_scale)]
    return graph.tensor([n], scales, dtype="int32", data=values)


def conv2d(random: Random, graph: Graph) -> None:
    """Add a convolution."""
    picture, window, chosen, size = _geometry(random)
    depth, channels = int(random.integers(1, 20)), int(random.integers(1, 12))
    chosen["fusedActivationFunction"] = int(random.choice(_ACTIVATIONS))
    shape = [channels, *window, depth]
    weight_scale = _weights_scale(random, channels)
    weights = graph.tensor(shape, weight_scale, data=random.integers(-127, 128, shape))
    scale, products = _scale(random), depth * window[0] * window[1]
    source = graph.input([1, *picture, depth], scale, _zero_point(random))
    inputs = [source, weights, _bias(random, graph, products, scale, weight_scale, channels)]
    result = _output_scale(random, scale, weight_scale, products)
    output = graph.output([1, *size, channels], result, _zero_point(random))
    graph.node("CONV_2D", inputs, [output], options("Conv2D", **chosen))


def depthwise(random: Random, graph: Graph) -> None:
    """Add a depthwise convolution."""
    picture, window, chosen, size = _geometry(random)
    depth, multiplier = int(random.integers(1, 20)), int(random.choice([1, 1, 1, 2, 5]))
    chosen |= {"fusedActivationFunction": int(random.choice(_ACTIVATIONS)), "depthMultiplier": multiplier}
    channels = depth * multiplier
    shape = [1, *window, channels]
    weight_scale = _weights_scale(random, channels)
    weights = graph.tensor(shape, weight_scale, data=random.integers(-127, 128, shape), dimension=3)
    scale, products = _scale(random), window[0] * window[1]
    source = graph.input([1, *picture, depth], scale, _zero_point(random))
    result = _output_scale(random, scale, weight_scale, products)
    output = graph.output([1, *size, channels], result, _zero_point(random))
    bias = _bias(random, graph, products, scale, weight_scale, channels)
    graph.node("DEPTHWISE_CONV_2D", [source, weights, bias], [output], options("DepthwiseConv2D", **chosen))


def fully_connected(random: Random, graph: Graph) -> None:
    """Add a fully connected layer."""
    batches, depth, channels = (int(random.integers(1, most)) for most in (5, 90, 40))
    weight_scale = _weights_scale(random, channels)
    weights = graph.tensor([channels, depth], weight_scale, data=random.integers(-127, 128, [channels, depth]))
    scale = _scale(random)
    source = graph.input([batches, depth], scale, _zero_point(random))
    result = _output_scale(random, scale, weight_scale, depth)
    output = graph.output([batches, channels], result, _zero_point(random))
    inputs = [source, weights] + (
        [_bias(random, graph, depth, scale, weight_scale, channels)] if random.random() < 0.8 else [-1]
    )
    chosen = options("FullyConnected", fusedActivationFunction=int(random.choice(_ACTIVATIONS)))
    graph.node("FULLY_CONNECTED", inputs, [output], chosen)


def add(random: Random, graph: Graph) -> None:
    """Add an addition, with or without repetition, perhaps of a constant."""
    shape = [int(n) for n in random.integers(1, 7, int(random.integers(1, 5)))]
    other = list(shape)
    if random.random() < 0.5:
        other = [1 if random.random() < 0.4 else n for n in shape][int(random.integers(0, len(shape))) :]
    scales = _scale(random), _scale(random)
    first = graph.input(shape, scales[0], _zero_point(random))
    if random.random() < 0.3:
        data = random.integers(-128, 128, other)
        second = graph.tensor(other, scales[1], _zero_point(random), data=data)
    else:
        second = graph.input(other, scales[1], _zero_point(random))
    operands = [first, second] if random.random() < 0.5 else [second, first]
    output = graph.output(shape, float(np.float32(max(scales) * random.uniform(0.5, 3))), _zero_point(random))
    graph.node("ADD", operands, [output], options("Add", fusedActivationFunction=int(random.choice(_ACTIVATIONS))))


def _pool(name: str, random: Random, graph: Graph) -> None:
    picture, window, chosen, size = _geometry(random)
    stride = {key: chosen[key] for key in ("padding", "strideH", "strideW")}
    size = [
        _positions(picture[i], window[i], (chosen["strideH"], chosen["strideW"])[i], 1, chosen["padding"])
        for i in range(2)
    ]
    depth, scale, zero_point = int(random.integers(1, 20)), _scale(random), _zero_point(random)
    source = graph.input([1, *picture, depth], scale, zero_point)
    output = graph.output([1, *size, depth], scale, zero_point)
    activation = int(random.choice(_ACTIVATIONS))
    chosen_options = options(
        "Pool2D", **stride, filterHeight=window[0], filterWidth=window[1], fusedActivationFunction=activation
    )
    graph.node(name, [source], [output], chosen_options)


def max_pool(random: Random, graph: Graph) -> None:
    """Add a pool of maxima."""
    _pool("MAX_POOL_2D", random, graph)


def average_pool(random: Random, graph: Graph) -> None:
    """Add a pool of averages."""
    _pool("AVERAGE_POOL_2D", random, graph)


def mean(random: Random, graph: Graph) -> None:
    """Add a mean over some dimensions."""
    rank = int(random.integers(1, 5))
    shape = [int(n) for n in random.integers(1, 9, rank)]
    axes = sorted(int(n) for n in random.choice(rank, int(random.integers(1, rank + 1)), replace=False))
    keep = bool(random.random() < 0.5)
    if not keep and len(axes) == rank:
        keep = True
    left = [1 if i in axes else n for i, n in enumerate(shape) if keep or i not in axes]
    named = [axis - rank if random.random() < 0.3 else axis for axis in axes]
    scale = _scale(random)
    source = graph.input(shape, scale, _zero_point(random))
    output = graph.output(left, float(np.float32(scale * random.uniform(0.3, 1.5))), _zero_point(random))
    if random.random() < 0.3:
        graph._tensors[output].quantization = graph._tensors[source].quantization
    where = graph.tensor([len(named)], dtype="int32", data=np.array(named))
    graph.node("MEAN", [source, where], [output], options("Reducer", keepDims=keep))


def pad(random: Random, graph: Graph) -> None:
    """Add padding."""
    rank = int(random.integers(1, 5))
    shape = [int(n) for n in random.integers(1, 6, rank)]
    widths = random.integers(0, 3, [rank, 2])
    scale, zero_point = _scale(random), _zero_point(random)
    source = graph.input(shape, scale, zero_point)
    output = graph.output([n + int(w.sum()) for n, w in zip(shape, widths, strict=True)], scale, zero_point)
    where = graph.tensor([rank, 2], dtype="int32", data=widths)
    if random.random() < 0.5:
        graph.node("PAD", [source, where], [output], options("Pad"))
    else:
        value = graph.tensor([1], scale, zero_point, data=random.integers(-128, 128, [1]))
        graph.node("PADV2", [source, where, value], [output], options("PadV2"))


def reshape(random: Random, graph: Graph) -> None:
    """Add RELU, a change of shape and RELU again."""
    scale, zero_point = _scale(random), _zero_point(random)
    source = graph.input([1, 4, 6], scale, zero_point)
    before = graph.tensor([1, 4, 6], scale, zero_point)
    graph.node("RELU", [source], [before])
    after = graph.tensor([24], scale, zero_point)
    shape = graph.tensor([1], dtype="int32", data=np.array([24]))
    graph.node("RESHAPE", [before, shape], [after], options("Reshape", newShape=[24]))
    graph.node("RELU6", [after], [graph.output([24], scale, zero_point)])


def softmax(random: Random, graph: Graph) -> None:
    """Add a softmax."""
    shape = [int(random.integers(1, 4)), int(random.integers(1, 40))]
    source = graph.input(shape, _scale(random, 0.0005, 2), _zero_point(random))
    output = graph.output(shape, 1 / 256, -128)
    graph.node("SOFTMAX", [source], [output], options("Softmax", beta=float(random.choice([1.0, 0.5, 3.0]))))


def relu(random: Random, graph: Graph) -> None:
    """Add one of the functions that clip."""
    source = graph.input([256], _scale(random), _zero_point(random))
    output = graph.output([256], _scale(random), _zero_point(random))
    graph.node(str(random.choice(["RELU", "RELU6", "RELU_N1_TO_1"])), [source], [output])


def logistic(random: Random, graph: Graph) -> None:
    """Add a logistic function."""
    source = graph.input([256], _scale(random, 0.001, 1), _zero_point(random))
    graph.node("LOGISTIC", [source], [graph.output([256], 1 / 256, -128)])


def requantize(random: Random, graph: Graph) -> None:
    """Add a change of scale."""
    source = graph.input([256], _scale(random), _zero_point(random))
    graph.node("QUANTIZE", [source], [graph.output([256], _scale(random), _zero_point(random))], options("Quantize"))


def from_uint8(random: Random, graph: Graph) -> None:
    """Add a change from uint8 to int8 as at the edge of a model."""
    scale, zero_point = _scale(random), int(random.integers(0, 256))
    source = graph.input([256], scale, zero_point, "uint8")
    graph.node("QUANTIZE", [source], [graph.output([256], scale, zero_point - 128)], options("Quantize"))


def from_float(random: Random, graph: Graph) -> None:
    """Add a quantisation."""
    source = graph.input([256], None, dtype="float32")
    graph.node("QUANTIZE", [source], [graph.output([256], _scale(random), _zero_point(random))], options("Quantize"))


def to_float(random: Random, graph: Graph) -> None:
    """Add a dequantisation."""
    source = graph.input([256], _scale(random), _zero_point(random))
    graph.node("DEQUANTIZE", [source], [graph.output([256], None, dtype="float32")], options("Dequantize"))


FAMILIES: Mapping[str, Callable[[Random, Graph], None]] = {
    each.__name__: each
    for each in (
        conv2d, depthwise, fully_connected, add, max_pool, average_pool, mean, pad, reshape, softmax, relu, logistic,
        requantize, from_uint8, from_float, to_float,
    )
}  # fmt: skip
"""How to add a random node of each family."""


def model(family: str, seed: int, nodes: int) -> Graph:
    """Return a model with so many random nodes of a family."""
    random, graph = np.random.default_rng([seed, *family.encode()]), Graph()
    for _ in range(nodes):
        FAMILIES[family](random, graph)
    return graph


def mixture(seed: int, rounds: int) -> Graph:
    """Return a model with so many nodes of every family."""
    random, graph = np.random.default_rng(seed), Graph()
    for _ in range(rounds):
        for add_node in FAMILIES.values():
            add_node(random, graph)
    return graph
