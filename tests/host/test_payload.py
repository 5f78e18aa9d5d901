"""The archive that a guest gets: its content, and that its bytes depend on nothing else."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from sim.host.ends import channel_ends
from sim.host.payload import pack
from sim.scenario import Scenario, load

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def ivi() -> Scenario:
    return load(ROOT / "scenarios" / "ivi_camera.yaml")


def opened(archive: bytes) -> tuple[zipfile.ZipFile, dict[str, Any]]:
    members = zipfile.ZipFile(io.BytesIO(archive))
    return members, json.loads(members.read("manifest.json"))


def test_a_manifest_describes_the_ends_of_its_partition(ivi: Scenario) -> None:
    _, manifest = opened(pack(ivi, "cockpit"))
    assert (manifest["partition"], manifest["quantum_ns"]) == ("cockpit", 1_000_000)
    ends = {channel["name"]: channel for channel in manifest["channels"]}
    consumers = {"detections", "preview", "status", "motion"}
    assert {name: end["role"] for name, end in ends.items()} == {
        **dict.fromkeys(consumers, "consumer"),
        "picture": "producer",
    }
    assert [channel["index"] for channel in manifest["channels"]] == [0, 1, 2, 3, 4]
    assert (ends["preview"]["dtype"], ends["preview"]["shape"]) == ("uint8", [120, 160, 3])
    assert (ends["preview"]["depth"], ends["preview"]["overflow"]) == (4, "drop_oldest")
    (service,) = manifest["services"]
    assert service["inputs"] == {
        "detections": "detections",
        "preview": "preview",
        "safety": "status",
        "cabin": "motion",
    }
    assert list(service["outputs"].values()) == [["picture"]]


def test_an_output_names_all_its_channels(ivi: Scenario) -> None:
    _, manifest = opened(pack(ivi, "perception"))
    (service,) = manifest["services"]
    assert service["outputs"] == {"detections": ["detections", "checked"], "preview": ["preview"]}


def test_files_of_settings_travel_and_the_settings_name_them(ivi: Scenario) -> None:
    archive, manifest = opened(pack(ivi, "perception"))
    (service,) = manifest["services"]
    model = service["settings"]["model"]
    assert archive.read(model) == (ROOT / "guests" / "models" / "plates_int8.tflite").read_bytes()
    assert service["settings"]["threshold"] == 0.5
    assert archive.read(service["file"]) == (ROOT / "guests" / "services" / "detector.py").read_bytes()
    assert service["callable"] == "Detector"
    assert set(archive.namelist()) == {"manifest.json", service["file"], model}


def test_nothing_of_this_computer_is_in_it(ivi: Scenario) -> None:
    archive, manifest = opened(pack(ivi, "perception"))
    assert str(ROOT) not in json.dumps(manifest)
    assert len({member.date_time for member in archive.infolist()}) == 1
    assert all(member.compress_type == zipfile.ZIP_STORED for member in archive.infolist())


def test_its_bytes_depend_on_its_content_only(tmp_path: Path) -> None:
    """Packed again, from another folder, with other file times: the same bytes; with another content: others."""
    packed = []
    for name, time_s in (("one", 10**9), ("other", 15 * 10**8)):
        folder = tmp_path / name
        folder.mkdir()
        for file in ("relay.yaml", "services/raising.py"):
            (folder / file).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / "tests" / "e2e" / file, folder / file)
            os.utime(folder / file, (time_s, time_s))
        overrides = {"partitions.first.services.relay.run": "services/raising.py:relay"}
        text = (folder / "relay.yaml").read_text().replace("../../guests", str(ROOT / "guests"))
        (folder / "relay.yaml").write_text(text)
        packed += [pack(load(folder / "relay.yaml", overrides), "first")] * 2
    assert packed[0] == packed[1] == packed[2] == packed[3]
    service = tmp_path / "other" / "services" / "raising.py"
    service.write_text(service.read_text() + "# another\n")
    assert pack(load(tmp_path / "other" / "relay.yaml", overrides), "first") != packed[0]


def test_both_ends_of_a_channel_may_be_on_one_partition(tmp_path: Path) -> None:
    path = tmp_path / "local.yaml"
    path.write_text(
        f"""
name: local
time: {{quantum: 1ms, duration: 10ms}}
partitions:
  only:
    machine: linux-x86_64
    memory: 256M
    speed: 1000 MIPS
    services:
      one: {{run: {ROOT}/guests/services/echo.py:echo}}
      two: {{run: {ROOT}/guests/services/echo.py:echo}}
devices:
  camera: {{kind: camera, source: plates, size: 160x120, rate: 50fps}}
  display: {{kind: display, preview: none}}
channels:
  start: {{from: camera, to: only.one, tensor: "uint8[120,160,3]"}}
  middle: {{from: only.one, to: only.two, tensor: "uint8[120,160,3]"}}
  end: {{from: only.two, to: display, tensor: "uint8[120,160,3]"}}
"""
    )
    scenario = load(path)
    assert [tuple(end) for end in channel_ends(scenario, "only")] == [
        ("start", "consumer", 1), ("middle", "producer", 2), ("middle", "consumer", 3), ("end", "producer", 4),
    ]  # fmt: skip
    _, manifest = opened(pack(scenario, "only"))
    assert [channel["index"] for channel in manifest["channels"]] == [0, 1, 2, 3]
    services = {service["name"]: service for service in manifest["services"]}
    assert services["one"]["outputs"] == {"result": ["middle"]}
    assert services["two"]["inputs"] == {"tensor": "middle"}
