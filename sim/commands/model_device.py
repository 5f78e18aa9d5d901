"""`sim model --device`: where an accelerator runs each layer, how long that takes, and what does not fit."""

from __future__ import annotations

from typing import Any

from machines.accelerators import Accelerator
from machines.accelerators.network import Network
from machines.accelerators.timing import JobTime, LayerTime, job

_ROW = "{:>4}  {:<18} {:<10} {:>11} {:>9} {:>9} {:>10} {:>7}  {}"


def on_device(device: Accelerator, network: Network) -> dict[str, Any]:
    """Return what a model costs on a device, for JSON and for `print_device`; times in ns, utilisation 0 to 1."""
    found = job(device, network)
    return {
        "device": device.name,
        "description": device.description,
        "unit": device.unit,
        "processor": None if device.processor is None else device.processor.name,
        "fits": not found.obstacles,
        "obstacles": list(found.obstacles),
        "macs": network.macs,
        "device_macs": found.device_macs,
        "weight_bytes": network.weight_bytes,
        "weight_room_bytes": device.memory.weights.bytes,
        "streamed_bytes": sum(each.placed.layer.weight_bytes for each in found.layers if _streams(each)),
        "activation_bytes": max((layer.live_bytes for layer in network.layers), default=0),
        "activation_room_bytes": device.memory.activations.bytes,
        "shared_memory": device.memory.shared,
        "device_layers": [_layer(device, each) for each in found.layers],
        "job_ns": found.job_ns,
        "input_ns": found.input_ns,
        "output_ns": found.output_ns,
        "total_ns": found.total_ns,
        "utilisation": found.utilisation,
        "per_place_ns": _places(found),
    }


def _streams(layer: LayerTime) -> bool:
    return layer.place == "device" and not layer.placed.resident


def _layer(device: Accelerator, time: LayerTime) -> dict[str, Any]:
    layer = time.placed.layer
    best_ns = layer.macs * 1e9 / device.rate.macs_per_second
    return {
        "index": layer.index,
        "operator": layer.operator,
        "place": time.place,
        "why": time.placed.why,
        "macs": layer.macs,
        "weight_bytes": layer.weight_bytes,
        "live_bytes": layer.live_bytes,
        "weights_stream": _streams(time),
        "activations_stream": time.placed.streams,
        "compute_ns": time.compute_ns,
        "data_ns": time.data_ns,
        "crossing_ns": time.crossing_ns,
        "overhead_ns": time.overhead_ns,
        "total_ns": time.total_ns,
        "utilisation": best_ns / time.total_ns if time.place == "device" and time.total_ns else 0.0,
    }


def _places(found: JobTime) -> dict[str, int]:
    return {
        place: sum(layer.total_ns for layer in found.layers if layer.place == place)
        for place in ("device", "processor")
    }


def print_device(report: dict[str, Any]) -> None:
    """Print what `on_device` found, as a table."""
    print(f"{report['model']} on {report['device']}: {report['description']}\n")
    heading = ("node", "operator", "runs on", "MACs", "weights B", "live B", "us", "of peak", "")
    print(_ROW.format(*heading).rstrip())
    names = {"device": report["unit"], "processor": "processor", "nowhere": "-"}
    for layer in report["device_layers"]:
        numbers = (f"{layer[key]:,}" for key in ("macs", "weight_bytes", "live_bytes"))
        share = f"{100 * layer['utilisation']:.1f} %" if layer["place"] == "device" else ""
        place = (layer["index"], layer["operator"], names[layer["place"]])
        print(_ROW.format(*place, *numbers, _us(layer["total_ns"]), share, _remark(layer)).rstrip())
    for what, key in (("input", "input_ns"), ("output", "output_ns"), ("job", "job_ns")):
        print(_ROW.format("", what, "", "", "", "", _us(report[key]), "", "").rstrip())
    total = (f"{report['macs']:,}", f"{report['weight_bytes']:,}", f"{report['activation_bytes']:,}")
    share = f"{100 * report['utilisation']:.1f} %"
    print(_ROW.format("", "all", "", *total, _us(report["total_ns"]), share, "").rstrip())
    _print_summary(report)


def _us(time_ns: int) -> str:
    return f"{time_ns / 1000:,.1f}"


def _remark(layer: dict[str, Any]) -> str:
    if layer["why"]:
        return str(layer["why"])
    return " and ".join(
        f"{what} from outside" for what in ("weights", "activations") if layer[f"{what}_stream"]
    )  # only layers on the device stream


def _print_summary(report: dict[str, Any]) -> None:
    print()
    share = 100 * report["device_macs"] / report["macs"] if report["macs"] else 0.0
    print(f"  {report['unit']}: {share:.1f} % of the MACs; processor: {report['processor'] or 'none'}")
    together = ", the same memory" if report["shared_memory"] else ""
    streamed = f", {report['streamed_bytes']:,} B come from outside each time" if report["streamed_bytes"] else ""
    print(f"  weights {report['weight_bytes']:,} B of {report['weight_room_bytes']:,} B{streamed}")
    print(f"  activations {report['activation_bytes']:,} B of {report['activation_room_bytes']:,} B{together}")
    total_ns = report["total_ns"]
    rate = f"{1e9 / total_ns:,.0f} jobs a second" if total_ns else ""
    print(f"  one job: {total_ns / 1e6:.3f} ms, {rate}, {100 * report['utilisation']:.1f} % of the peak rate")
    print("  fits" if report["fits"] else f"  does not fit: {'; '.join(report['obstacles'])}")
