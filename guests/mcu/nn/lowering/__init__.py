"""From operators of the model to calls of kernels: one module per family."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from guests.mcu.nn.lowering import add, elementwise, layout, matrix, mean, pool, softmax
from guests.mcu.nn.lowering.step import Step
from guests.mcu.nn.model import Operator

KERNELS: Mapping[str, Callable[[Operator], Step]] = {
    "CONV_2D": matrix.conv2d,
    "DEPTHWISE_CONV_2D": matrix.depthwise,
    "FULLY_CONNECTED": matrix.fully_connected,
    "ADD": add.add,
    "MAX_POOL_2D": pool.pool,
    "AVERAGE_POOL_2D": pool.pool,
    "MEAN": mean.mean,
    "PAD": layout.pad,
    "PADV2": layout.pad,
    "RESHAPE": layout.reshape,
    "SQUEEZE": layout.reshape,
    "EXPAND_DIMS": layout.reshape,
    "SOFTMAX": softmax.softmax,
    "RELU": elementwise.relu,
    "RELU6": elementwise.relu,
    "RELU_N1_TO_1": elementwise.relu,
    "LOGISTIC": elementwise.logistic,
    "QUANTIZE": elementwise.quantize_step,
    "DEQUANTIZE": elementwise.dequantize,
}
"""What can be converted, by the schema's names."""


def lower(operator: Operator) -> Step:
    """Return the kernel call for an operator.

    Raises:
        ModelError: there is no kernel for it; the message names file, node and operator, and says what would be right.
    """
    if operator.name not in KERNELS:
        raise operator.refuse(f"not supported; supported are {', '.join(sorted(KERNELS))}")
    return KERNELS[operator.name](operator)
