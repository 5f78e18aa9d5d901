"""The tables of docs/accelerators.md are those of the profiles and the timing model."""

from __future__ import annotations

from pathlib import Path

import pytest

from guests.mcu.nn.layers import read_network
from machines import accelerators
from machines.accelerators import Accelerator
from machines.accelerators.timing import job

ROOT = Path(__file__).parents[2]
MODELS = ("plates", "digits_cnn", "gesture")


def _bytes(count: int) -> str:
    return f"{count:,}" if count else "none"


def device_row(device: Accelerator) -> str:
    """Return a device's row of the first table."""
    memory, host = device.memory, device.host
    weights, activations = _bytes(memory.weights.bytes), _bytes(memory.activations.bytes)
    rate = f"{device.rate.macs_per_second / 1e9:g}"
    way = "none" if host.bytes_per_second is None else f"{host.kind}, {host.bytes_per_second / 1e6:g} MB/s"
    store = f"{weights}, shared" if memory.shared else f"{weights} and {activations}"
    return f"| `{device.name}` | {device.unit} | {rate} | {store} | {way} | {host.job_ns / 1000:g} |"


def time_row(device: Accelerator) -> str:
    """Return a device's row of the second table: ms of each model, and the layers that its processor runs."""
    cells = []
    for model in MODELS:
        found = job(device, read_network(ROOT / f"guests/models/{model}_int8.tflite"))
        elsewhere = sum(layer.place == "processor" for layer in found.layers)
        cells.append(f"{found.total_ns / 1e6:.3f}" + (f" ({elsewhere})" if elsewhere else ""))
    return f"| `{device.name}` | {' | '.join(cells)} |"


@pytest.mark.parametrize("name", accelerators.names())
def test_tables_are_up_to_date(name: str) -> None:
    text = (ROOT / "docs/accelerators.md").read_text()
    device = accelerators.load(name)
    assert device_row(device) in text
    assert time_row(device) in text


def test_the_example_is_a_device(tmp_path: Path) -> None:
    text = (ROOT / "docs/accelerators.md").read_text()
    path = tmp_path / "my_npu.yaml"
    path.write_text(text.split("```yaml\n")[1].split("```")[0])
    device = accelerators.read(path)
    assert job(device, read_network(ROOT / "guests/models/plates_int8.tflite")).obstacles == ()
    assert job(device, read_network(ROOT / "guests/models/digits_cnn_int8.tflite")).obstacles
