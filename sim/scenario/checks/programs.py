"""Checks of services and devices for themselves; they also find out which ports there are."""

from __future__ import annotations

from guests.service import Setting, Signature
from sim.scenario.checks.context import Context
from sim.scenario.files import File
from sim.scenario.partitions import LinuxPartition, Service
from sim.scenario.ports import Port, exactly
from sim.scenario.problem import advice
from sim.scenario.services import ServiceError, signature_of
from sim.scenario.units import shown


def services(context: Context) -> None:
    """Every service of a Linux guest can be imported, has ports, and gets the settings that it asks for."""
    for node, partition in context.scenario.partitions.items():
        if not isinstance(partition, LinuxPartition):
            continue
        for name, service in partition.services.items():
            path = ("partitions", node, "services", name)
            try:
                found = signature_of(service.run)
            except ServiceError as error:
                context.report((*path, "run"), str(error))
                continue
            context.ports[node, name] = _ports(name, found)
            if not found.required:
                has = "optional inputs only" if found.inputs else "no inputs"
                message = f"{service.run.callable} has {has} and would never be called; give it a Tensor parameter"
                context.report((*path, "run"), message)
            _settings(context, path, service, found)


def devices(context: Context) -> None:
    """Every device's settings fit together."""
    for name, device in context.scenario.devices.items():
        context.ports[name, None] = device.ports()
        for key, message in device.complaints():
            context.report(("devices", name, key), message)


def _ports(service: str, found: Signature) -> dict[str, Port]:
    ports = {
        name: exactly("input", tensor, f"{service}.{name} takes", name in found.optional)
        for name, tensor in found.inputs.items()
    }
    for name, tensor in found.outputs.items():
        ports[name] = exactly("output", tensor, f"{service}.{name} is")
    return ports


def _settings(context: Context, path: tuple[str, ...], service: Service, found: Signature) -> None:
    program = service.run.callable
    for name, value in service.settings.items():
        if name not in found.settings and not found.any_settings:
            known = advice(
                name, found.settings, nothing="it takes none" if found.is_class else "only classes take them"
            )
            context.report((*path, "settings", name), f"{program} has no setting '{name}'; {known}", key=True)
        elif name in found.settings and not _fits(value, found.settings[name]):
            kind = found.settings[name].kind
            message = f"setting '{name}' of {program} is {_KINDS[kind]}, not {shown(value)}" if kind else ""
            context.report((*path, "settings", name), f"{message}; {_EXAMPLES[kind]}" if kind else message)
    for name, setting in found.settings.items():
        if setting.required and name not in service.settings:
            where = (*path, "settings") if service.settings else path
            message = f"{program} needs the setting '{name}'; add settings: {{{name}: ...}}"
            context.report(where, message, key=True)


_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
_EXAMPLES = {
    bool: "write true or false",
    int: "write it like 4",
    float: "write it like 0.5",
    str: "put quotes around it",
}


def _fits(value: object, setting: Setting) -> bool:
    if setting.kind is None:
        return True
    if setting.kind is str:
        return isinstance(value, (str, File))
    if isinstance(value, bool):
        return setting.kind is bool
    return isinstance(value, (int, float) if setting.kind is float else setting.kind)
