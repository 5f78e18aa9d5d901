"""Checks of metrics, paths and expectations: what they refer to exists."""

from __future__ import annotations

from collections.abc import Iterable

from guests.service import TensorType
from sim.scenario.checks.context import Context
from sim.scenario.checks.figures import complaint
from sim.scenario.devices import Camera, Recording
from sim.scenario.expression import parse
from sim.scenario.metrics import ClassificationMetric, DetectionMetric, EqualMetric
from sim.scenario.paths import DataPath, Ends, Origins, origin_inputs, ways
from sim.scenario.ports import Endpoint
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


def paths(context: Context) -> None:
    """Every path begins at a sensor, and there is one way from there to its end on which its samples are told."""
    channels = {name: (source, target) for name, (source, target) in context.ends.items() if source and target}
    whole = len(channels) == len(context.written("channels"))

    def origins(node: str, service: str) -> tuple[str, ...]:
        ports = context.ports.get((node, service), {})
        inputs = {name: port for name, port in ports.items() if port.direction == "input"}
        connected = [end.port for _, end in channels.values() if end[:2] == (node, service)]
        required = [name for name, port in inputs.items() if not port.optional]
        return origin_inputs(required, [name for name in inputs if name in connected])

    for name, path in context.scenario.paths.items():
        wrong = _unknown_ends(context, name, path)
        found = ways(channels, origins, path.source, path.target) if not wrong else []
        if wrong or len(found) == 1 or not (whole or found):
            continue
        if found:
            ends = " or ".join(str(channels[way[-1]][1]) for way in found)
            message = f"samples of '{path.source}' arrive at '{path.target}' by {len(found)} inputs; write {ends}"
            context.report(("paths", name, "to"), message)
        else:
            known = sorted({str(end) for end in _reached(channels, origins, path.source)})
            where = f"; they arrive at {', '.join(known)}" if known else "; add channels"
            message = f"no channels carry samples of '{path.source}' to '{path.target}'{where}"
            context.report(("paths", name, "to"), message)


def _unknown_ends(context: Context, name: str, path: DataPath) -> bool:
    """Tell whether an end of a path cannot be, and report it."""
    sensors = {known for known in context.written("devices") if known not in context.scenario.devices}
    for known, device in context.scenario.devices.items():
        sensors |= {known} if {port.direction for port in device.ports().values()} == {"output"} else set()
    if path.source.node not in sensors:
        message = f"'{path.source}' is no device that takes samples; {advice(path.source.node, sensors)}"
        context.report(("paths", name, "from"), message)
        return True
    if path.target.node not in context.nodes:
        message = f"unknown partition or device '{path.target.node}'; {advice(path.target.node, context.nodes)}"
        context.report(("paths", name, "to"), message)
        return True
    return False


def _reached(channels: Ends, origins: Origins, source: Endpoint) -> Iterable[Endpoint]:
    """Return where samples of a sensor arrive."""
    for _, target in channels.values():
        if ways(channels, origins, source, target):
            yield target


def expectations(context: Context) -> None:
    """Every expectation is a comparison with a figure that the result of this scenario will have."""
    for index, expectation in enumerate(context.scenario.expectations):
        try:
            wrong = complaint(context, parse(expectation.check))
        except ValueError as error:
            wrong = str(error)
        if wrong:
            context.report(("expectations", index, "check"), wrong)
