"""Signatures of services: those in Python are read by importing their files on the host."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from functools import lru_cache
from itertools import count
from pathlib import Path
from types import ModuleType

from guests.service import Signature, SignatureError, signature
from sim.scenario.files import Program
from sim.scenario.firmware import declarations, elf_ports
from sim.scenario.partitions import LinuxPartition, McuPartition
from sim.scenario.problem import advice

_numbers = count(1)
"""Makes the modules' names unique."""


class ServiceError(ValueError):
    """A service's file or callable is unusable; the message is one line."""


def signature_of(program: Program) -> Signature:
    """Return the ports and settings of a service.

    Its file is imported once for each change of it, under a name of its own; heavy packages that it imports inside of
    functions are not loaded.

    Parameters:
        program: file and callable.

    Raises:
        ServiceError: the import fails, there is no such callable, or its annotations do not describe a service.
    """
    module = _module(program.file, program.file.stat().st_mtime_ns)
    found = getattr(module, program.callable, None)
    if found is None:
        own = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
        callables = [name for name in own if callable(getattr(module, name)) and not name.startswith("_")]
        raise ServiceError(f"{program.file.name} has no '{program.callable}'; {advice(program.callable, callables)}")
    if not callable(found):
        raise ServiceError(f"'{program.callable}' in {program.file.name} cannot be called; name a function or a class")
    try:
        return signature(found)
    except SignatureError as error:
        raise ServiceError(f"{error}; annotate it as guests/service.py shows") from None


def required_inputs(partition: LinuxPartition | McuPartition, service: str) -> tuple[str, ...]:
    """Return the input ports that a service holds a tensor of while it is called, in the order of its declaration.

    Parameters:
        partition: of a scenario that was loaded, so that its programs are sound.
        service: one of its `service_names`.
    """
    if isinstance(partition, LinuxPartition):
        return signature_of(partition.services[service].run).required
    if partition.firmware is not None:
        ports = elf_ports(partition.firmware.path, partition.board, partition.backends)
        return tuple(port.name for port in ports if port.direction == "input" and not port.optional)
    declared = declarations(partition.services[service].source.path).ports.items()
    return tuple(name for name, port in declared if port.direction == "input" and not port.optional)


@lru_cache(maxsize=256)
def _module(file: Path, modified_ns: int) -> ModuleType:
    """Import a file; what it prints goes to standard error, as standard output is for results."""
    spec = importlib.util.spec_from_file_location(f"_edgesim_service_{next(_numbers)}_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise ServiceError(f"{file.name} is no Python file; name a .py file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # annotations of named tuples are looked up there
    try:
        with contextlib.redirect_stdout(sys.stderr):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the user's file raises is its mistake
        del sys.modules[spec.name]
        raise ServiceError(_import_failure(file, error)) from None
    return module


def _import_failure(file: Path, error: BaseException) -> str:
    import traceback  # 10 ms that only a mistake costs

    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    line = error.lineno if isinstance(error, SyntaxError) and error.filename == str(file) else (lines or [None])[-1]
    said = error.msg if isinstance(error, SyntaxError) else " ".join(str(error).split())
    where = f"{file.name} line {line}" if line else file.name
    return f"{where} cannot be imported: {type(error).__name__}: {said}; mend it, or import it inside a function"
