"""Windows that move over a picture: convolutions and pools."""

from __future__ import annotations

from dataclasses import dataclass

from guests.mcu.nn.lowering.step import SAME, VALID, Value
from guests.mcu.nn.model import Operator, TensorInfo


@dataclass(frozen=True)
class Window:
    """Geometry along one dimension.

    Attributes:
        length: of the window, in elements.
        stride: from one position to the next.
        dilation: distance of the window's elements.
        outputs: number of positions.
        before: padding before the first element.
    """

    length: int
    stride: int
    dilation: int
    outputs: int
    before: int


def place(operator: Operator, what: str, length: int, size: int, picture: int) -> Window:
    """Return the window along one dimension as LiteRT places it (ComputePaddingHeightWidth).

    Parameters:
        operator: a node with stride, padding and perhaps dilation.
        what: ``h`` or ``w``.
        length: of the window.
        size: of the output in this dimension, to be checked.
        picture: of the input.

    Raises:
        ModelError: an option is impossible, or the output has another size.
    """
    stride = operator.option(f"stride_{what}")
    dilation = int(operator.options.get(f"dilation_{what}_factor", 1))
    if stride < 1 or dilation < 1 or length < 1:
        raise operator.refuse(f"window {length}, stride {stride}, dilation {dilation}: each must be at least 1")
    if length == 1:
        dilation = 1  # a single element is never apart, and the kernel may take it where it is
    extent = (length - 1) * dilation + 1
    padding = operator.option("padding")
    if padding == SAME:
        outputs = -(-picture // stride)
    elif padding == VALID:
        outputs = (picture - extent) // stride + 1
    else:
        raise operator.refuse(f"padding {padding} is not supported; use SAME or VALID")
    if outputs < 1 or outputs != size:
        raise operator.refuse(f"the output should have {outputs} elements along {what}, not {size}")
    total = max((outputs - 1) * stride + extent - picture, 0)
    return Window(length, stride, dilation, outputs, total // 2)


def parameters(
    operator: Operator, picture: TensorInfo, output: TensorInfo, height: int, width: int
) -> tuple[dict[str, Value], Window, Window]:
    """Return struct nn_window for a picture of one batch, and the window in both dimensions.

    Raises:
        ModelError: the tensors are no pictures, the batch is not 1, or the sizes disagree.
    """
    for tensor in (picture, output):
        if len(tensor.shape) != 4:
            raise operator.refuse(
                f"'{tensor.name}' has {len(tensor.shape)} dimensions, not 4 (batch, height, width, channels)"
            )
        if tensor.shape[0] != 1:
            raise operator.refuse(f"the batch is {tensor.shape[0]}, not 1")
    rows = place(operator, "h", height, output.shape[1], picture.shape[1])
    columns = place(operator, "w", width, output.shape[2], picture.shape[2])
    fields: dict[str, Value] = {
        "input_height": picture.shape[1],
        "input_width": picture.shape[2],
        "channels": picture.shape[3],
        "output_height": rows.outputs,
        "output_width": columns.outputs,
        "height": height,
        "width": width,
        "stride_height": rows.stride,
        "stride_width": columns.stride,
        "dilation_height": rows.dilation,
        "dilation_width": columns.dilation,
        "top": rows.before,
        "left": columns.before,
    }
    return fields, rows, columns
