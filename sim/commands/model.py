"""`sim model`: what a model needs and costs, and whether it fits a board."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from guests.mcu.nn import Conversion, ModelError, convert
from guests.mcu.nn.profile import Instructions, Memory, firmware, measure, memory
from machines import boards
from machines.boards import BoardError, McuBoard
from machines.mcu.firmware import FirmwareError
from sim.exit_codes import EXIT_FAILED, EXIT_PASSED, EXIT_USAGE

_ROW = "{:>4}  {:<18} {:<16} {:>11} {:>9} {:>9}"


def describe(model: Path, board_name: str | None, as_json: bool) -> int:
    """Print what a model needs, layer by layer.

    Parameters:
        model: a .tflite file.
        board_name: a microcontroller board for which it is compiled and on which it is measured.
        as_json: print JSON instead of tables.

    Returns:
        The exit code: failed if it does not fit the board, usage if there is no such board or the model is broken.

    Raises:
        EnvironmentLacks: a compiler or the board's backend is not installed.
    """
    try:
        board = _board(board_name) if board_name is not None else None
        conversion = convert(model)
    except (ModelError, BoardError) as error:
        print(f"sim: {error}", file=sys.stderr)
        return EXIT_USAGE
    report = _report(model, conversion)
    refused = ""
    if board is not None:
        try:
            report |= _on_board(board, model, report)
        except FirmwareError as error:
            refused = str(error)
            report |= {"board": board.name, "fits": False, "why": refused}
    if as_json:
        json.dump(report, sys.stdout, indent=2)
        print()
    else:
        _print(report)
    if refused:
        print(f"sim: {refused}", file=sys.stderr)
    return EXIT_FAILED if refused else EXIT_PASSED


def _board(name: str) -> McuBoard:
    board = boards.load(name)
    if not isinstance(board, McuBoard):
        known = ", ".join(each for each in boards.names() if isinstance(boards.load(each), McuBoard))
        raise BoardError(f"{name} is no microcontroller; one of {known}")
    return board


def _report(model: Path, conversion: Conversion) -> dict[str, Any]:
    found = conversion.report
    return {
        "model": str(model),
        "inputs": [str(each) for each in conversion.inputs],
        "outputs": [str(each) for each in conversion.outputs],
        "flash_bytes": found.flash_bytes,
        "arena_bytes": found.arena_bytes,
        "macs": found.macs,
        "layers": [asdict(layer) for layer in found.layers],
        "arena": [asdict(block) for block in found.blocks],
    }


def _on_board(board: McuBoard, model: Path, report: dict[str, Any]) -> dict[str, Any]:
    """Return what is added to a report by a board; the measured instructions go into its layers."""
    flash, ram = memory(board, firmware(board, model))
    counted = measure(board, model)
    for layer in report["layers"]:
        layer["instructions"] = _instructions(counted, layer["call"])
    return {
        "board": board.name,
        "fits": True,
        "flash": asdict(flash),
        "ram": asdict(ram),
        "instructions": counted.whole,
        "milliseconds": float(counted.whole / board.speed_mips / 1000),
    }


def _instructions(counted: Instructions, call: int | None) -> int | None:
    """Return the instructions of a layer, 0 where nothing is called, None where its entry was lost."""
    return 0 if call is None else counted.layers.get(call)


def _print(report: dict[str, Any]) -> None:
    print(f"{report['model']}: {', '.join(report['inputs'])} -> {', '.join(report['outputs'])}\n")
    measured = "instructions" in report
    heading = _ROW.format("node", "operator", "output", "MACs", "flash B", "arena B")
    print(heading + (f" {'instructions':>13}" if measured else ""))
    for layer in report["layers"]:
        shape = "x".join(map(str, layer["shape"]))
        numbers = (f"{layer[key]:,}" for key in ("macs", "flash_bytes", "live_bytes"))
        line = _ROW.format(layer["index"], layer["operator"], shape, *numbers)
        if measured:
            count = layer["instructions"]
            line += f" {'?' if count is None else format(count, ','):>13}"
        print(line)
    total = _ROW.format("", "all", "", *(f"{report[key]:,}" for key in ("macs", "flash_bytes", "arena_bytes")))
    print(total + (f" {report['instructions']:>13,}" if measured else ""))
    if measured:
        _print_board(report)


def _print_board(report: dict[str, Any]) -> None:
    print()
    print(f"{report['board']}, with the service classifier:")
    for what, model in (("flash", "constants and parameters"), ("ram", "arena")):
        part = Memory(**report[what])
        kernels = f" + kernels {part.kernels:,}" if part.kernels else ""
        share = f"{100 * part.total / part.available:.1f} % of {part.available:,} B"
        print(f"  {what:<5} {part.total:,} B = {model} {part.model:,}{kernels} + firmware {part.base:,}; {share}")
    speed = f"{report['milliseconds']:.3f} ms at the board's speed"
    print(f"  one inference on zeros: {report['instructions']:,} instructions, {speed}")
    print("  fits")
