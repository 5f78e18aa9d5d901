"""Runs a model on this computer, for devices that only pretend to have run it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from machines.errors import EnvironmentLacks

Infer = Callable[[NDArray[Any]], Sequence[NDArray[Any]]]
"""From a model's input to its outputs, in the order of its graph; the arrays are the caller's."""


def load_model(name: str, path: Path) -> Infer:
    """Load a model into LiteRT.

    The reference kernels of one thread compute it: slower than others, and equal to the byte on every computer.

    Parameters:
        name: the device, for messages.
        path: a .tflite file whose first graph has one input.

    Raises:
        EnvironmentLacks: LiteRT is not installed.
        ValueError: LiteRT refuses the model.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType  # 0.3 s that only such scenarios cost
    except ImportError as error:
        lack = f"{name}: its results are computed by LiteRT, which is not here ({error})"
        raise EnvironmentLacks(f"{lack}; pip install 'edgesim[inference]'") from error
    reference = OpResolverType.BUILTIN_REF
    try:
        interpreter = Interpreter(model_path=str(path), num_threads=1, experimental_op_resolver_type=reference)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"LiteRT refuses {path.name}: {' '.join(str(error).split())}") from error
    (source,) = interpreter.get_input_details()
    targets = [each["index"] for each in interpreter.get_output_details()]

    def infer(tensor: NDArray[Any]) -> Sequence[NDArray[Any]]:
        interpreter.set_tensor(source["index"], np.ascontiguousarray(tensor))
        interpreter.invoke()
        return [interpreter.get_tensor(index) for index in targets]

    return infer
