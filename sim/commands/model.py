"""`sim model`: what a model needs and costs, and whether it fits a board or an accelerator."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from guests.mcu.nn import Conversion, ModelError, convert
from guests.mcu.nn.layers import read_network
from guests.mcu.nn.profile import Instructions, Memory, firmware, measure, memory
from machines import accelerators, boards
from machines.accelerators import AcceleratorError
from machines.boards import BoardError, McuBoard
from machines.mcu.firmware import FirmwareError
from sim.commands.model_device import on_device, print_device
from sim.exit_codes import EXIT_FAILED, EXIT_PASSED, EXIT_USAGE

_ROW = "{:>4}  {:<18} {:<16} {:>11} {:>9} {:>9}"


def describe(model: Path, board_name: str | None, as_json: bool, device_name: str | None = None) -> int:
    """Print what a model needs, layer by layer.

    Parameters:
        model: a .tflite file.
        board_name: a microcontroller board for which it is compiled and on which it is measured.
        as_json: print JSON instead of tables.
        device_name: an accelerator on which its time is modelled; not together with a board.

    Returns:
        The exit code: failed if it does not fit the board or device, usage if there is no such board or device, both
        were given, or the model is broken.

    Raises:
        EnvironmentLacks: a compiler or the board's backend is not installed.
    """
    if board_name is not None and device_name is not None:
        print("sim: --board and --device exclude each other; give one of them", file=sys.stderr)
        return EXIT_USAGE
    try:
        if device_name is not None:
            return _describe_device(model, device_name, as_json)
        board = _board(board_name) if board_name is not None else None
        conversion = convert(model)
    except (ModelError, BoardError, AcceleratorError) as error:
        print(f"sim: {error}", file=sys.stderr)
        return EXIT_USAGE
    return _describe_board(model, board, conversion, as_json)


def _describe_board(model: Path, board: McuBoard | None, conversion: Conversion, as_json: bool) -> int:
    report = _report(model, conversion)
    refused = ""
    if board is not None:
        try:
            report |= _on_board(board, model, report)
        except FirmwareError as error:
            refused = str(error)
            report |= {"board": board.name, "fits": False, "why": refused}
    if as_json:
        _print_json(report)
    else:
        _print(report)
    if refused:
        print(f"sim: {refused}", file=sys.stderr)
    return EXIT_FAILED if refused else EXIT_PASSED


def _describe_device(model: Path, name: str, as_json: bool) -> int:
    """Print a model's time on an accelerator; return the exit code.

    Raises:
        AcceleratorError: there is no such device.
        ModelError: the model is broken.
    """
    device = accelerators.load(name)
    report = {"model": str(model)} | on_device(device, read_network(model))
    if as_json:
        _print_json(report)
    else:
        print_device(report)
    for obstacle in report["obstacles"]:
        print(f"sim: {obstacle}", file=sys.stderr)
    return EXIT_PASSED if report["fits"] else EXIT_FAILED


def _print_json(report: dict[str, Any]) -> None:
    json.dump(report, sys.stdout, indent=2)
    print()


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
