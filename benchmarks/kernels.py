"""What the int8 kernels cost on each core: instructions per multiplication with addition (MAC).

    python -m benchmarks.kernels

Counted by the emulator in the firmware that `sim model --board` measures with, so equal on every computer and in every
round. Convolutions are those of the plate detector, fully connected layers those of the digits MLP. Where a core has
instructions for it, the same kernels in plain C stand beside as the rival.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks.figure import Figure
from benchmarks.harness import Tell, main
from guests.mcu.nn import convert
from guests.mcu.nn.profile import backend, measure
from machines import boards
from machines.boards import McuBoard

MODELS = Path(__file__).parents[1] / "guests" / "models"
LAYERS: Mapping[str, tuple[Path, tuple[str, ...]]] = {
    "conv2d": (MODELS / "plates_int8.tflite", ("CONV_2D",)),
    "depthwise": (MODELS / "plates_int8.tflite", ("DEPTHWISE_CONV_2D",)),
    "fully connected": (MODELS / "digits_mlp_int8.tflite", ("FULLY_CONNECTED",)),
}
"""Model and operators of each family."""

CORES: Mapping[str, tuple[str, str]] = {
    "M4": ("mps2-an386", "DSP"),
    "M7": ("mps2-an500", "DSP"),
    "M33": ("mps2-an505", "DSP"),
    "M55": ("mps3-an547", "Helium"),
    "RV32IMC": ("esp32c3", ""),
    "Xtensa": ("esp32s3", ""),
}
"""Board of each core, and what it has beyond plain C."""

CONV2D_TARGET = 7.0
"""Most instructions per MAC of a convolution with DSP instructions: what the prototype took."""

Costs = Mapping[str, float]


def costs(board: McuBoard) -> Costs:
    """Return instructions per MAC of each family on a board."""
    found = {}
    for family, (model, operators) in LAYERS.items():
        layers = [layer for layer in convert(model).report.layers if layer.operator in operators]
        counted = measure(board, model).layers
        instructions = sum(counted[layer.call] for layer in layers if layer.call is not None)
        found[family] = instructions / sum(layer.macs for layer in layers)
    return found


def portable(board: McuBoard) -> McuBoard:
    """Return a board whose firmware is compiled to plain C."""
    name = backend(board)
    entry = board.backends[name]
    plain = entry.model_copy(update={"flags": [*entry.flags, "-DNN_PORTABLE"]})
    return board.model_copy(update={"backends": {name: plain}})


def figures(rounds: int, tell: Tell) -> list[Figure]:
    """Count once on every core; further rounds would give the same."""
    found = []
    for core, (name, extension) in CORES.items():
        board = boards.load(name)
        assert isinstance(board, McuBoard)
        tell(f"{core}: plain C")
        plain = costs(portable(board))
        found += [_figure(f"{core}, {family}, plain C", cost) for family, cost in plain.items()]
        if extension:
            tell(f"{core}: {extension}")
            for family, cost in costs(board).items():
                target = family == "conv2d" and extension == "DSP"
                against, bound = ("target", CONV2D_TARGET) if target else ("plain C", plain[family])
                found.append(_figure(f"{core}, {family}, {extension}", cost, against, bound))
    return found


def _figure(name: str, cost: float, against: str = "", bound: float | None = None) -> Figure:
    return Figure(name, [cost], "instr/MAC", against, bound)


if __name__ == "__main__":
    main(__doc__, figures, rounds=1)
