"""Which native participant plays a device of a scenario: one line per kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from machines.errors import EnvironmentLacks, ParticipantFailed
from machines.native.accelerator import AcceleratorDevice
from machines.native.camera import Camera
from machines.native.display import Display
from machines.native.inference import load_model
from machines.native.participant import CameraDevice, DisplayDevice, NativeDevice
from machines.native.recording import RecordingDevice
from machines.native.recording_file import load_array
from machines.native.sink import SinkDevice
from sim.scenario import devices
from virtio_shm import TensorSpec


def _camera(name: str, device: devices.Camera, seed: int) -> NativeDevice:
    tensor = device.tensor
    source = device.source if isinstance(device.source, str) else str(device.source.path)
    own = seed if device.seed is None else device.seed
    try:
        camera = Camera(name, source, device.size, device.rate_fps, device.format, device.jitter_ns, own)
    except ModuleNotFoundError as error:
        raise EnvironmentLacks(f"{name}: {error}") from error
    except (OSError, ValueError) as error:
        raise ParticipantFailed(name, str(error)) from error
    return CameraDevice(camera, TensorSpec(tensor.dtype, tensor.shape), device.count)


def _display(name: str, device: devices.Display, seed: int) -> NativeDevice:
    return DisplayDevice(Display(name, stills=0, preview=device.preview))


def _recording(name: str, device: devices.Recording, seed: int) -> NativeDevice:
    try:
        rows = load_array(device.source.path, device.array_name)
        return RecordingDevice(name, rows, device.rate_hz, device.start, device.samples)
    except (OSError, ValueError) as error:
        raise ParticipantFailed(name, " ".join(str(error).split())) from error


def _sink(name: str, device: devices.Sink, seed: int) -> NativeDevice:
    return SinkDevice(name)


def _accelerator(name: str, device: devices.Accelerator, seed: int) -> NativeDevice:
    try:
        infer = load_model(name, device.model.path)
    except ValueError as error:
        raise ParticipantFailed(name, str(error)) from error
    outputs = {
        port: TensorSpec(tensor.dtype, tensor.shape, tensor.scale, tensor.zero_point)
        for port, tensor in device.facts.outputs.items()
    }
    return AcceleratorDevice(name, infer, outputs, device.job.total_ns)


_MAKERS: dict[str, Callable[[str, Any, int], NativeDevice]] = {
    "accelerator": _accelerator,
    "camera": _camera,
    "display": _display,
    "recording": _recording,
    "sink": _sink,
}


def make_device(name: str, device: devices.Device, seed: int) -> NativeDevice:
    """Return the participant that plays a device.

    Parameters:
        name: of the device.
        device: its description, of any kind.
        seed: of the run.

    Raises:
        EnvironmentLacks: its kind or source needs what is not installed.
        ParticipantFailed: its source cannot be read.
    """
    return _MAKERS[device.kind](name, device, seed)
