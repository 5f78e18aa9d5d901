"""Checks of metrics and expectations: what they refer to exists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_args, get_origin, get_type_hints

from guests.service import TensorType
from sim.report.result import Result
from sim.scenario.checks.context import Context
from sim.scenario.devices import Camera, Recording
from sim.scenario.expression import parse
from sim.scenario.metrics import ClassificationMetric, DetectionMetric, EqualMetric
from sim.scenario.partitions import LinuxPartition, McuPartition
from sim.scenario.problem import advice


def metrics(context: Context) -> None:
    """The channels and devices of a metric exist, and carry and know what it compares."""
    for name, metric in context.scenario.metrics.items():
        if isinstance(metric, DetectionMetric):
            _detection(context, name, metric)
        elif isinstance(metric, ClassificationMetric):
            _classification(context, name, metric)
        else:
            _equal(context, name, metric)


def _tensor(context: Context, path: tuple[str | int, ...], name: str) -> TensorType | None:
    """Return what a channel carries; None, and it is told, where it cannot be known."""
    if name not in context.written("channels"):
        context.report(path, f"unknown channel '{name}'; {advice(name, context.scenario.channels)}")
    channel = context.scenario.channels.get(name)
    return channel.tensor if channel and name not in context.wrong_tensors else None


def _detection(context: Context, name: str, metric: DetectionMetric) -> None:
    tensor = _tensor(context, ("metrics", name, "channel"), metric.channel)
    if tensor is not None and (tensor.dtype != "float32" or tensor.shape[1:] != (6,)):
        message = f"channel '{metric.channel}' carries {tensor}; detections are float32[n,6]"
        context.report(("metrics", name, "channel"), message)
    camera = _truth(context, name, metric.truth, Camera, "camera")
    if isinstance(camera, Camera) and camera.source != "plates":
        message = f"'{metric.truth}' shows files, of which nothing is known; a camera with source: plates"
        context.report(("metrics", name, "truth"), message)


def _truth(context: Context, name: str, truth: str, kind: type, word: str) -> object:
    """Return the device that knows the truth; one of another kind is told."""
    devices = context.scenario.devices
    device, fitting = devices.get(truth), [known for known, one in devices.items() if isinstance(one, kind)]
    if truth not in context.written("devices") or (device and truth not in fitting):
        context.report(("metrics", name, "truth"), f"'{truth}' is no {word}; {advice(truth, fitting)}")
    return device


def _classification(context: Context, name: str, metric: ClassificationMetric) -> None:
    recording = _truth(context, name, metric.truth, Recording, "recording")
    if isinstance(recording, Recording) and not recording.complaints():
        message = _labels_complaint(recording, metric)
        if message:
            at = "labels" if "labels" in metric.model_fields_set else "truth"
            context.report(("metrics", name, at), message)
    tensor = _tensor(context, ("metrics", name, "channel"), metric.channel)
    if tensor is None:
        return
    if tensor.dtype == "bool" or len(tensor.shape) > 2 or tensor.shape[:-1] not in ((), (1,)):
        message = f"channel '{metric.channel}' carries {tensor}; scores are numbers, [classes] or [1,classes]"
        context.report(("metrics", name, "channel"), message)
    elif metric.names is not None and len(metric.names) != tensor.shape[-1]:
        message = f"{len(metric.names)} names for the {tensor.shape[-1]} classes of channel '{metric.channel}'"
        context.report(("metrics", name, "names"), f"{message}; one for each")


def _labels_complaint(recording: Recording, metric: ClassificationMetric) -> str | None:
    """Return what is wrong with the classes of a recording, which is sound itself."""
    header = recording.headers.get(metric.labels)
    if header is None:
        known = {name for name in recording.headers if name and name != recording.array_name}
        what = f"{recording.source} has no array '{metric.labels}' with the class of each row"
        return f"{what}; {advice(metric.labels, known, nothing='save it beside the rows with numpy.savez')}"
    if "int" not in header.dtype or header.shape != (recording.rows,):
        what = f"'{metric.labels}' in {recording.source} is {header}"
        return f"{what}; one whole number for each of {recording.rows} rows"
    return None


def _equal(context: Context, name: str, metric: EqualMetric) -> None:
    first: tuple[str, TensorType] | None = None
    for index, channel in enumerate(metric.channels):
        path = ("metrics", name, "channels", index)
        if channel in metric.channels[:index]:
            context.report(path, f"'{channel}' stands there twice; different channels are compared")
            continue
        tensor = _tensor(context, path, channel)
        if tensor is None:
            continue
        first = first or (channel, tensor)
        if not tensor.same_layout(first[1]):
            message = f"channel '{channel}' carries {tensor} and '{first[0]}' {first[1]}"
            context.report(path, f"{message}, which are never equal; compare channels of one dtype and shape")


def expectations(context: Context) -> None:
    """Every expectation is a comparison with a figure that the result of this scenario will have."""
    for index, expectation in enumerate(context.scenario.expectations):
        try:
            _follow(context, parse(expectation.check).path)
        except ValueError as error:
            context.report(("expectations", index, "check"), str(error))


def _follow(context: Context, path: tuple[str, ...]) -> None:
    """Walk the type of result.json along a path.

    Raises:
        ValueError: it leads nowhere, or to several figures.
    """
    kind: Any = Result
    for depth, part in enumerate(path):
        known = _known(context, kind, path[:depth])
        if known is None:
            return
        where = ".".join(path[:depth])
        if not known:
            raise ValueError(f"'{where}' is a single figure and has no '{part}'; leave that out")
        if part not in known:
            raise ValueError(f"unknown '{part}'{f' in {where!r}' if where else ''}; {advice(part, known)}")
        if kind is not Any:
            kind = get_args(kind)[-1] if get_origin(kind) is dict else get_type_hints(kind)[part]
    known = _known(context, kind, path)
    if known:
        examples = ", ".join(sorted(known))
        raise ValueError(f"'{'.'.join(path)}' has several figures; add one of {examples}")


def _known(context: Context, kind: Any, path: tuple[str, ...]) -> Iterable[str] | None:
    """Return the keys that a value of the result has; empty for a single figure, None where they are not known."""
    if kind is Any:
        metric = context.scenario.metrics.get(path[1]) if path[0] == "metrics" and len(path) == 2 else None
        return metric.figures if metric else None
    if isinstance(kind, type) and hasattr(kind, "__total__"):
        return get_type_hints(kind)
    if get_origin(kind) is not dict:
        return ()
    if path == ("microcontrollers",):
        return _microcontrollers(context)
    if path == ("links",):
        return _links(context)
    section = {"boot": "partitions"}.get(path[-1], path[-1])
    if path[0] == "partitions" and section == "services":
        partition = context.scenario.partitions.get(path[1])
        return partition.service_names if partition else None
    named: Mapping[str, Any] | None = getattr(context.scenario, section, None) if len(path) == 1 else None
    return context.written(section) | set(named) if named is not None else None


def _microcontrollers(context: Context) -> Iterable[str]:
    """Return the partitions that are microcontrollers, and those of which that is not known."""
    sound = context.scenario.partitions
    linux = {name for name, partition in sound.items() if isinstance(partition, LinuxPartition)}
    return context.written("partitions") - linux


def _links(context: Context) -> Iterable[str]:
    """Return the microcontrollers that have something to carry over their link: channels from and to partitions."""
    partitions = context.written("partitions")
    ends = [(channel.source.node, channel.target.node) for channel in context.scenario.channels.values()]
    carried = {node for pair in ends if partitions.issuperset(pair) for node in pair}
    sound = context.scenario.partitions
    off_chip = {
        name
        for name, partition in sound.items()
        if isinstance(partition, McuPartition) and partition.effective_link is not None
    }
    return (off_chip & carried) | (partitions - set(sound))
