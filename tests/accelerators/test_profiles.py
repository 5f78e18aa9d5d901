"""Profiles of accelerators: all shipped ones are sound and name their sources, and broken ones are told in a line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from machines import accelerators
from machines.accelerators import AcceleratorError
from tests.accelerators.networks import described


def test_the_devices_of_the_documents_are_there() -> None:
    assert set(accelerators.names()) >= {"coral_edge_tpu", "k210", "kl530", "kl720", "amebapro2", "esp32s3"}


@pytest.mark.parametrize("name", accelerators.names())
def test_a_shipped_profile_loads(name: str) -> None:
    device = accelerators.load(name)
    assert device.name == name and device.limits("CONV_2D") is not None


@pytest.mark.parametrize("name", accelerators.names())
def test_every_group_of_figures_has_a_source(name: str) -> None:
    data = yaml.safe_load((accelerators.FOLDER / f"{name}.yaml").read_text())
    groups = [data["rate"], data["memory"], data["memory"]["weights"], data["memory"]["activations"]]
    groups += [data["host"], data["overhead"], data["processor"], *data["operators"]]
    for group in groups:
        assert len(group["source"]) > 10


def test_figures_of_the_issue() -> None:
    k210, ameba = accelerators.load("k210"), accelerators.load("amebapro2")
    assert k210.memory.activations.bytes == 2 << 20 and k210.memory.weights.bytes <= 6 << 20
    limits = k210.limits("CONV_2D")
    assert limits is not None
    assert (limits.kernels, limits.strides, limits.most_channels) == ((1, 3), (1, 2), 1024)
    assert limits.largest_input == (240, 320)
    assert ameba.rate.macs_per_second * 2 == 400_000_000_000 and ameba.memory.weights.bytes == 512 << 10
    assert accelerators.load("esp32s3").memory.weights.bytes == 64 << 10


def test_an_unknown_device_is_told() -> None:
    with pytest.raises(AcceleratorError, match="unknown device 'k211'; one of amebapro2, coral_edge_tpu"):
        accelerators.load("k211")


def _without(data: dict[str, Any], section: str, key: str) -> None:
    del data[section][key]


BROKEN: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "no source": (lambda data: _without(data, "rate", "source"), "rate.source: Field required"),
    "no rate": (lambda data: data["rate"].update(macs_per_second=0), "rate.macs_per_second: Input should be greater"),
    "text": (
        lambda data: data["rate"].update(macs_per_second="4 TOPS"),
        "rate.macs_per_second: Input should be a valid",
    ),
    "unknown key": (lambda data: data.update(tops=4), "tops: Extra inputs are not permitted"),
    "no stream": (lambda data: data["memory"].update(stream_bytes_per_second=None), "something streams"),
    "two sizes": (
        lambda data: data["memory"].update(shared=True, weights={**data["memory"]["weights"], "bytes": 7}),
        "shared memory has one size",
    ),
    "twice": (lambda data: data["operators"].append(data["operators"][1]), "ADD stands in several groups"),
    "no way": (lambda data: data["host"].update(kind="none"), "there for every kind but none"),
    "no processor": (
        lambda data: data.update(
            processor=None,
            memory={**data["memory"], "activations": {**data["memory"]["weights"], "beyond": "processor"}},
        ),
        "there is no processor",
    ),
    "other name": (lambda data: data.update(name="large"), "name: is 'large', the file is called 'small'"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_profile_is_told(case: str, tmp_path: Path) -> None:
    spoil, said = BROKEN[case]
    data = yaml.safe_load(yaml.safe_dump(described()))
    spoil(data)
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(AcceleratorError) as caught:
        accelerators.read(path)
    assert said in str(caught.value) and str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_yaml_is_told(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text("name: [")
    with pytest.raises(AcceleratorError, match=r"^[^\n]+small\.yaml: [^\n]+$"):
        accelerators.read(path)
