"""Checks of metrics and expectations: what they refer to exists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_args, get_origin, get_type_hints

from sim.report.result import Result
from sim.scenario.checks.context import Context
from sim.scenario.devices import Camera
from sim.scenario.expression import parse
from sim.scenario.problem import advice


def metrics(context: Context) -> None:
    """The channel and the camera of a metric exist, and carry and know what it compares."""
    scenario = context.scenario
    for name, metric in scenario.metrics.items():
        channel = scenario.channels.get(metric.channel)
        if metric.channel not in context.written("channels"):
            known = advice(metric.channel, scenario.channels)
            context.report(("metrics", name, "channel"), f"unknown channel '{metric.channel}'; {known}")
        elif (
            channel
            and metric.channel not in context.wrong_tensors
            and (channel.tensor.dtype != "float32" or channel.tensor.shape[1:] != (6,))
        ):
            message = f"channel '{metric.channel}' carries {channel.tensor}; detections are float32[n,6]"
            context.report(("metrics", name, "channel"), message)
        camera = scenario.devices.get(metric.truth)
        cameras = [device for device, kind in scenario.devices.items() if isinstance(kind, Camera)]
        if metric.truth not in context.written("devices") or (camera and metric.truth not in cameras):
            message = f"'{metric.truth}' is no camera; {advice(metric.truth, cameras)}"
            context.report(("metrics", name, "truth"), message)
        elif isinstance(camera, Camera) and camera.source != "plates":
            message = f"'{metric.truth}' shows files, of which nothing is known; a camera with source: plates"
            context.report(("metrics", name, "truth"), message)


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
    section = {"boot": "partitions"}.get(path[-1], path[-1])
    if path[0] == "partitions" and section == "services":
        partition = context.scenario.partitions.get(path[1])
        return partition.services if partition else None
    named: Mapping[str, Any] | None = getattr(context.scenario, section, None) if len(path) == 1 else None
    return context.written(section) | set(named) if named is not None else None
