"""What LiteRT's reference kernels make of a model: what everything here is compared with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType


def run(model: Path, seed: int, sets: int) -> tuple[bytes, bytes]:
    """Run a model on random inputs.

    Parameters:
        model: a .tflite file.
        seed: of the inputs.
        sets: how many times it is run.

    Returns:
        All inputs and all outputs, each one after the other as little-endian bytes, in the model's order.
    """
    interpreter = Interpreter(str(model), experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    random = np.random.default_rng(seed)
    given, found = [], []
    for _ in range(sets):
        for detail in interpreter.get_input_details():
            value = _values(random, tuple(detail["shape"]), detail["dtype"])
            interpreter.set_tensor(detail["index"], value)
            given.append(value.tobytes())
        interpreter.invoke()
        found += [interpreter.get_tensor(detail["index"]).tobytes() for detail in interpreter.get_output_details()]
    return b"".join(given), b"".join(found)


def _values(random: np.random.Generator, shape: tuple[int, ...], dtype: type) -> np.ndarray:
    if dtype is np.float32:
        return (random.standard_normal(shape) * 10).astype(np.float32)
    limits = np.iinfo(dtype)
    if shape == (256,):  # a function of one element: every element once
        return np.arange(limits.min, limits.max + 1).astype(dtype)
    return random.integers(limits.min, limits.max + 1, shape).astype(dtype)
