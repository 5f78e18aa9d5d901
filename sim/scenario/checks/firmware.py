"""Checks of microcontrollers: backend, link, the one program and its ports, settings, model and window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from guests.mcu.declarations import Declarations
from guests.service import TensorType
from machines.mcu.window import needed_bytes
from machines.native.link_timing import KINDS, LinkTiming
from sim.scenario.checks.context import Context
from sim.scenario.checks.resources import is_too_large, mapping_bytes
from sim.scenario.files import File
from sim.scenario.firmware import FirmwareProblem, ModelFacts, declarations, elf_ports, model_facts
from sim.scenario.partitions import FIRMWARE, McuPartition, McuService
from sim.scenario.ports import Direction, Port, exactly
from sim.scenario.problem import advice
from sim.scenario.units import format_memory, shown

MODEL = "model"
"""The setting that names the model."""


def machines(context: Context) -> None:
    """The board has the backend, and a link only if it is not on the partitions' chip."""
    for node, partition in _microcontrollers(context):
        board, path = partition.board, ("partitions", node)
        if partition.backend not in ("auto", *board.backends):
            known = " or ".join(["auto", *board.backends])
            context.report((*path, "backend"), f"{partition.backend} does not run {board.name}; {known}")
        wire = partition.effective_link
        if wire is None and partition.link is not None:
            message = f"{board.name} is on the chip of the partitions and shares memory with them; leave link out"
            context.report((*path, "link"), message, key=True)
        elif wire is not None and partition.link is not None:
            try:
                LinkTiming(KINDS[wire.kind], wire.rate, wire.latency_ns, wire.mtu_bytes)
            except ValueError as error:
                context.report((*path, "link"), str(error), key=True)


def programs(context: Context) -> None:
    """There is exactly one program, and its declarations, settings and model fit together; finds its ports."""
    for node, partition in _microcontrollers(context):
        _one_program(context, node, partition)
        for name, service in partition.services.items():
            _service(context, node, name, service)
        if partition.firmware is not None and not partition.services:
            _elf(context, node, partition, partition.firmware)


def loops(context: Context) -> None:
    """No channel has both ends on one microcontroller: with one service, it would speak to itself."""
    for name, (source, target) in context.ends.items():
        if source is None or target is None or source.node != target.node:
            continue
        if isinstance(context.scenario.partitions.get(source.node), McuPartition):
            message = f"both ends are on '{source.node}', a microcontroller with one service; connect two partitions"
            context.report(("channels", name, "to"), message)


def windows(context: Context) -> None:
    """The channels of a microcontroller fit the memory that it shares with the host."""
    for node, partition in _microcontrollers(context):
        regions = list(_regions(context, node))
        need = needed_bytes(regions)
        larger = [name for name, entry in partition.board.backends.items() if entry.window.bytes >= need]
        for backend in partition.backends:
            window_bytes = partition.board.backends[backend].window.bytes
            if need > window_bytes:
                where = f"{partition.board.name} on {backend} shares {format_memory(window_bytes)} with the host"
                message = f"{where}, and the channels of '{node}' need {format_memory(need)}; fewer or smaller tensors"
                more = f", or backend: {' or '.join(larger)}" if larger else ""
                context.report(("partitions", node), f"{message}{more}", key=True)
                break


def _microcontrollers(context: Context) -> Iterator[tuple[str, McuPartition]]:
    for node, partition in context.scenario.partitions.items():
        if isinstance(partition, McuPartition):
            yield node, partition


def _one_program(context: Context, node: str, partition: McuPartition) -> None:
    path = ("partitions", node)
    first, *others = partition.services or ("",)
    if partition.firmware is not None and first:
        line = context.line(*path, "services", first)
        message = f"it has the service '{first}' ({line}) already; keep services or firmware"
        context.report((*path, FIRMWARE), message, key=True)
    elif partition.firmware is None and not first:
        example = "services: {echo: {run: guests/mcu/services/echo.c}}"
        context.report(path, f"nothing runs on '{node}'; add {example} or firmware: my.elf", key=True)
    for other in others:
        line = context.line(*path, "services", first)
        message = (
            f"a microcontroller runs one service, which is '{first}' ({line}); move '{other}' to another partition"
        )
        context.report((*path, "services", other), message, key=True)


def _service(context: Context, node: str, name: str, service: McuService) -> None:
    path = ("partitions", node, "services", name)
    try:
        declared = declarations(service.source.path)
    except FirmwareProblem as error:
        context.report((*path, "run"), f"{error}")
        return
    file = service.source.path.name
    _numbers(context, path, service, declared)
    uses_model = [port for port, each in declared.ports.items() if isinstance(each.tensor, str)]
    model = service.settings.get(MODEL)
    if model is None and uses_model:
        message = f"port '{uses_model[0]}' of {file} is a model's; add settings: {{model: file.tflite}}"
        context.report((*path, "settings") if service.settings else path, message, key=True)
        return
    facts = None
    if model is not None:
        facts = _model(context, (*path, "settings", MODEL), model, node)
        if facts is None:
            return
        if not uses_model and not declared.uses_model:
            message = f"{file} runs no model: it has no port MODEL_INPUT and does not include nn.h; leave 'model' out"
            context.report((*path, "settings", MODEL), message, key=True)
    context.ports[node, name] = _ports(name, declared, facts.tensors if facts else {})


def _ports(service: str, declared: Declarations, model: Mapping[str, TensorType]) -> dict[str, Port]:
    ports = {}
    for name, each in declared.ports.items():
        tensor = model[each.tensor] if isinstance(each.tensor, str) else each.tensor
        ports[name] = _port(each.direction, tensor, f"{service}.{name}", each.optional)
    return ports


def _port(direction: Direction, tensor: TensorType, name: str, optional: bool) -> Port:
    return exactly(direction, tensor, f"{name} {'takes' if direction == 'input' else 'is'}", optional)


def _numbers(context: Context, path: tuple[str, ...], service: McuService, declared: Declarations) -> None:
    file = service.source.path.name
    for name, value in service.settings.items():
        if name == MODEL:
            continue
        at = (*path, "settings", name)
        if name not in declared.settings:
            known = advice(name, [*declared.settings, MODEL])
            context.report(at, f"{file} has no setting '{name}'; {known}", key=True)
        elif not isinstance(value, int) or isinstance(value, bool):
            context.report(at, f"setting '{name}' of {file} is a whole number, not {shown(value)}; write it like 50")
        elif not -(1 << 31) <= value < 1 << 31:
            limits = f"{-(1 << 31)} to {(1 << 31) - 1}"
            context.report(at, f"setting '{name}' of {file} is {value}, which does not fit 32 bits; {limits}")


def _model(context: Context, path: tuple[str, ...], model: object, node: str) -> ModelFacts | None:
    """Return what is known of a model; None, with a word on it, where it cannot be used."""
    if not isinstance(model, File) or model.path.suffix != ".tflite":
        context.report(path, f"{shown(model)} is no model; name a .tflite file")
        return None
    try:
        facts = model_facts(model.path)
    except FirmwareProblem as error:
        right = "" if ";" in str(error) else "; name a .tflite file quantised to int8"
        context.report(path, f"{error}{right}")
        return None
    partition = context.scenario.partitions[node]
    assert isinstance(partition, McuPartition)
    board, name = partition.board, model.path.name
    for need, has, what in (
        (facts.flash_bytes, board.flash_bytes, "flash for its constants"),
        (facts.arena_bytes, board.ram_bytes, "RAM for its arena"),
    ):
        if need > has:
            message = f"{name} needs {need} bytes of {what}, {board.name} has {has}; a smaller model or another board"
            context.report(path, message)
    return facts


def _elf(context: Context, node: str, partition: McuPartition, elf: File) -> None:
    path = ("partitions", node, FIRMWARE)
    try:
        found = elf_ports(elf.path, partition.board, partition.backends)
    except FirmwareProblem as error:
        context.report(path, str(error))
        return
    context.ports[node, FIRMWARE] = {
        port.name: _port(port.direction, TensorType(port.dtype, port.shape), f"{FIRMWARE}.{port.name}", port.optional)
        for port in found
    }


def _regions(context: Context, node: str) -> Iterator[int]:
    """Yield what is mapped for each channel end on a partition; a channel that is too large is reported already."""
    for name, ends in context.ends.items():
        channel = context.scenario.channels[name]
        for end in ends:
            if end is not None and end.node == node and not is_too_large(channel):
                yield mapping_bytes(channel)
