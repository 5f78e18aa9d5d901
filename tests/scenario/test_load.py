"""What a file becomes: exact numbers, complete ends, overrides; and what can be wrong with a file as such."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
import yaml

from guests.service import TensorType
from sim.scenario import ScenarioErrors, check, load
from sim.scenario.devices import Camera
from sim.scenario.files import File
from sim.scenario.ports import Endpoint

HERE = Path(__file__).parent
VALID = HERE / "valid.yaml"
SHIPPED = sorted((HERE.parents[1] / "scenarios").glob("*.yaml"))


def messages(path: Path, overrides: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ScenarioErrors) as caught:
        load(path, overrides)
    return [str(problem) for problem in caught.value.problems]


def changed(tmp_path: Path, *edits: tuple[str, str]) -> Path:
    text = VALID.read_text().replace("services/", f"{HERE}/services/")
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new, 1)
    path = tmp_path / "changed.yaml"
    path.write_text(text)
    return path


def test_numbers_are_exact() -> None:
    scenario = load(VALID)
    assert (scenario.name, scenario.seed, scenario.time.mode) == ("valid", 7, "virtual")
    assert (scenario.time.quantum_ns, scenario.time.duration_ns) == (500_000, 2_500_000_000)
    assert (scenario.host.cores, scenario.host.memory_bytes) == (2, 1 << 30)
    assert scenario.host.bandwidth_bytes_per_s == 25_600_000_000
    cockpit = scenario.partitions["cockpit"]
    assert (cockpit.memory_bytes, cockpit.speed_mips, cockpit.icount_shift) == (192 << 20, Fraction(125, 2), 4)
    assert cockpit.board.cpu.startswith("Haswell")
    camera = scenario.devices["front_camera"]
    assert isinstance(camera, Camera)
    assert (camera.size, camera.rate_fps, camera.jitter_ns, camera.count) == (
        (640, 480),
        Fraction(2997, 100),
        2 * 10**6,
        60,
    )
    assert camera.period_ns == Fraction(10**11, 2997)
    assert scenario.channels["preview"].tensor == TensorType("uint8", (120, 160, 3), 0.5, 3)
    assert [expectation.why for expectation in scenario.expectations] == [None, "the driver waits"]


def test_ends_are_complete() -> None:
    scenario = load(VALID)
    assert scenario.channels["frames"].source == Endpoint("front_camera", None, "frame")
    assert scenario.channels["frames"].target == Endpoint("perception", "detector", "frame")
    assert scenario.channels["picture"].source == Endpoint("cockpit", "head_unit", "result")
    assert str(scenario.channels["picture"].target) == "display.picture"
    assert scenario.inputs_of("cockpit", "head_unit") == {"detections": "detections", "preview": "preview"}
    assert scenario.outputs_of("perception", "detector") == {"detections": ("raw",), "preview": ("preview",)}
    assert scenario.inputs_of("display") == {"picture": "picture"}
    assert scenario.outputs_of("front_camera") == {"frame": ("frames",)}


def test_files_are_found() -> None:
    service = load(VALID).partitions["perception"].services["detector"]
    assert service.program.file == HERE / "services" / "detector.py"
    assert service.program.callable == "Detector"
    assert service.settings["model"] == File("services/model.tflite", HERE / "services" / "model.tflite")
    assert service.settings["threshold"] == 0.25


def test_shipped_services_are_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "elsewhere.yaml"
    path.write_text((HERE.parents[1] / "scenarios" / "pingpong.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    assert load(path).name == "pingpong"


def test_an_output_may_feed_several_channels(tmp_path: Path) -> None:
    more = (
        '  more: {from: perception.detector.detections, to: cockpit.log, tensor: "float32[16,6]", depth: 2}\n  light:'
    )
    log = f"      log: {{run: {HERE}/services/detector.py:record}}\n      smooth:"
    scenario = load(changed(tmp_path, ("      smooth:", log), ("  light:", more)))
    assert scenario.outputs_of("perception", "detector")["detections"] == ("raw", "more")


def test_an_optional_input_may_stay_open_or_have_one_channel(tmp_path: Path) -> None:
    watch = f"      watch: {{run: {tmp_path}/watch.py:watch}}\n      smooth:"
    detections = (
        '  d: {from: perception.detector.detections, to: cockpit.watch.detections, tensor: "float32[16,6]"}\n  light:'
    )
    status = '  s: {from: safety.monitor, to: cockpit.watch.status, tensor: "uint8[8]"}\n  light:'
    (tmp_path / "watch.py").write_text(
        "from guests.service import Tensor\n"
        "def watch(detections: Tensor['float32', 16, 6], status: Tensor['uint8', 8] | None = None) -> None: ...\n"
    )
    edits = ("      smooth:", watch), ("  light:", detections)
    assert load(changed(tmp_path, *edits)).inputs_of("cockpit", "watch") == {"detections": "d"}
    assert load(changed(tmp_path, *edits, ("  light:", status))).inputs_of("cockpit", "watch")["status"] == "s"
    twice = messages(changed(tmp_path, *edits, ("  light:", status), ("  light:", status.replace("  s:", "  t:"))))
    assert len(twice) == 1 and "already ends at cockpit.watch.status; one channel for each input" in twice[0]
    wrong = messages(changed(tmp_path, *edits, ("  light:", status.replace("uint8[8]", "uint8[4]"))))
    assert len(wrong) == 1 and "watch.status takes uint8[8]" in wrong[0]
    edits = ("      smooth:", watch), ("  light:", status)
    assert ["'detections' of 'watch'" in message for message in messages(changed(tmp_path, *edits))] == [True]


def test_a_device_may_feed_several_channels(tmp_path: Path) -> None:
    path = changed(
        tmp_path,
        (
            "      smooth:",
            "      second: {run: SERVICES/detector.py:detect}\n      smooth:".replace("SERVICES", f"{HERE}/services"),
        ),
        ("  raw:", '  more: {from: front_camera, to: cockpit.second, tensor: "uint8[480,640,3]"}\n  raw:'),
    )
    assert load(path).outputs_of("front_camera") == {"frame": ("frames", "more")}


@pytest.mark.parametrize("path", [VALID, *SHIPPED], ids=lambda path: path.stem)
def test_written_back_it_is_the_same(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = load(path)
    copy = tmp_path / "copy.yaml"
    copy.write_text(yaml.safe_dump(scenario.to_yaml_data(), sort_keys=False))
    monkeypatch.chdir(path.parent)
    assert load(copy) == scenario


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_scenarios_are_right(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check([path]) == ([], 0)
    assert capsys.readouterr().out == ""


def test_overrides() -> None:
    scenario = load(
        VALID,
        {
            "partitions.perception.speed": "500 MIPS",
            "seed": "8",
            "time.duration": "1s",
            "channels.frames.depth": "16",
            "channels.preview.tensor": "uint8[120,160,3]",
            "expectations.0": "channels.frames.dropped == 0",
            "host": "{cores: 4}",
            "devices.front_camera.count": "null",
            "partitions.perception.services.detector.settings.threshold": "0.75",
        },
    )
    assert scenario.partitions["perception"].speed_mips == 500
    assert (scenario.seed, scenario.time.duration_ns, scenario.time.quantum_ns) == (8, 10**9, 500_000)
    assert scenario.channels["frames"].depth == 16
    assert scenario.channels["preview"].tensor.scale == 1.0
    assert scenario.expectations[0].check == "channels.frames.dropped == 0"
    assert (scenario.host.cores, scenario.host.memory_bytes) == (4, None)
    assert scenario.devices["front_camera"].count is None
    assert scenario.partitions["perception"].services["detector"].settings["threshold"] == 0.75


def test_an_override_may_start_a_section(tmp_path: Path) -> None:
    path = changed(tmp_path, ("host: {cores: 2, memory: 1G, bandwidth: 25.6 GB/s}\n", ""))
    assert load(path, {"host.cores": "3"}).host.cores == 3


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("partitions.percption.speed", "500 MIPS", "no key 'percption' here; did you mean 'perception'?"),
        ("partitions.perception.speed", "500", "speed: 500 has no unit; write 500 MIPS, say, or another speed"),
        ("partitions.perception.speed", "3000 MIPS", "cannot run at 3000 MIPS; 0.9765625 MIPS to 1000 MIPS"),
        ("partitions.perception.spede", "500 MIPS", "unknown key 'spede'; did you mean 'speed'?"),
        ("seed", "eight", "seed: 'eight' stands where a whole number belongs"),
        ("time.duration", "", "duration: nothing is no duration; write it like 10ms"),
        ("seed.more", "8", "'more' lies below a single value; leave it out"),
        ("expectations.7", "x == 1", "'7' is no place in a list of 2; count from 0"),
        ("expectations.first", "x == 1", "'first' is no place in a list of 2; count from 0"),
        ("expectations.0", "metrics.nothing.mean_iou == 1", "unknown 'nothing' in 'metrics'; only detection is known"),
        ("name", "[", "not YAML: "),
        ("name", "*other", "alias *other has no complete anchor &other before it"),
        ("", "8", "no key '' here"),
        ("sead", "8", "unknown key 'sead'; did you mean 'seed'?"),
        ("channels.frames.to", "cockpit", "'cockpit' is a partition, which has no ports"),
    ],
)  # fmt: skip
def test_wrong_overrides(key: str, value: str, message: str) -> None:
    found = messages(VALID, {key: value})
    assert found[0].startswith(f"--set {key}: "), found
    assert message in found[0]


def test_several_wrong_overrides_are_all_told() -> None:
    found = messages(VALID, {"tiem.duration": "1s", "hots.cores": "2"})
    assert found == [
        "--set hots.cores: unknown key 'hots'; did you mean 'host'?",
        "--set tiem.duration: unknown key 'tiem'; did you mean 'time'?",
    ]


def test_all_mistakes_are_told_in_order(tmp_path: Path) -> None:
    path = changed(
        tmp_path,
        ("seed: 7", "seed: 7\nsead: 8"),
        ("speed: 62.5 MIPS", "speed: 6200 MIPS"),
        ("rate: 29.97fps", "rate: 30"),
        ("to: cockpit.smooth,", "to: cockpit.smoth,"),
        ("threshold: 0.25", "treshold: 0.25"),
        ("metrics.detection.mean_iou", "metrics.detections.mean_iou"),
    )
    found = messages(path)
    phrases = ["'sead'", "'treshold'", "at 6200 MIPS", "30 has no unit", "'smoth'", "'detections' in 'metrics'"]
    assert len(found) == len(phrases), found
    for message, phrase in zip(found, phrases, strict=True):
        assert phrase in message
    lines = [int(message.split(":")[1]) for message in found]
    assert lines == sorted(lines)


def test_a_mistake_is_not_repeated_where_it_is_used(tmp_path: Path) -> None:
    path = changed(tmp_path, ("memory: 192MiB", "memory: 192"))
    assert len(messages(path)) == 1
    path = changed(tmp_path, ("detector.py:Detector", "detector.py:Detektor"))
    assert len(messages(path)) == 1


def test_anchors_and_merge_keys(tmp_path: Path) -> None:
    path = changed(
        tmp_path,
        (
            "  perception:\n    machine: linux-x86_64",
            "  perception:\n    <<: &board {machine: linux-x86_64, speed: 250 MIPS}",
        ),
        (
            "  cockpit:\n    machine: linux-x86_64\n    memory: 192MiB\n    speed: 62.5 MIPS",
            "  cockpit:\n    <<: *board\n    memory: 192M",
        ),
    )  # fmt: skip
    scenario = load(path)
    assert scenario.partitions["cockpit"].speed_mips == 250
    assert scenario.partitions["perception"].speed_mips == 1000  # its own key wins


def test_words_are_not_booleans_and_numbers_not_sexagesimal(tmp_path: Path) -> None:
    path = changed(tmp_path, ("description: Everything that the language has.", "description: no"))
    assert load(path).description == "no"
    assert "'1:30' is no duration" in messages(changed(tmp_path, ("duration: 2.5s", "duration: 1:30")))[0]


def test_missing_file(tmp_path: Path) -> None:
    (tmp_path / "camera.yaml").write_text("")
    missing = tmp_path / "camrea.yaml"
    assert messages(missing) == [f"{missing}: no such file; did you mean {tmp_path / 'camera.yaml'}?"]
    alone = tmp_path / "none" / "x.yaml"
    assert messages(alone) == [f"{alone}: no such file; name an existing YAML file"]


def test_folder_empty_and_huge_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.yaml"
    path.write_text("\n  \n")
    assert messages(path) == [f"{path}:1:1: the file is empty; start with 'name: ...'"]
    assert messages(tmp_path) == [f"{tmp_path}: is a folder; name a file in it, such as empty.yaml"]
    path.write_text("# " + "x" * (1 << 20))
    assert "larger than 1 MiB" in messages(path)[0]
    strange = Path("a\0b.yaml")
    assert "cannot be read" in messages(strange)[0]


def test_byte_order_mark_and_windows_lines(tmp_path: Path) -> None:
    path = changed(tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert load(path).name == "valid"


def test_deep_nesting_does_not_crash(tmp_path: Path) -> None:
    path = tmp_path / "deep.yaml"
    for text in ("[" * 200_000, "{a: " * 100_000, "- " * 200_000):
        path.write_text(text)
        assert "nested deeper" in messages(path)[0]


def test_prints_of_services_do_not_reach_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "loud.py").write_text((HERE / "services" / "detector.py").read_text() + "\nprint('imported')\n")
    load(changed(tmp_path, ("run: " + f"{HERE}/services/detector.py:smooth", f"run: {tmp_path}/loud.py:smooth")))
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "imported\n")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def detect(:\n  pass", "svc.py line 1 cannot be imported: SyntaxError: "),
        ("x = 1\nraise SystemExit(3)", "svc.py line 2 cannot be imported: SystemExit: 3"),
        ("import os\nos.missing()", "svc.py line 2 cannot be imported: AttributeError: "),
        ("from guests.service import Tensor\nTensor['uint4', 3]", "line 2 cannot be imported: ValueError: unknown"),
    ],
)  # fmt: skip
def test_broken_service_files(tmp_path: Path, source: str, message: str) -> None:
    (tmp_path / "svc.py").write_text(source)
    path = changed(tmp_path, (f"run: {HERE}/services/detector.py:smooth", f"run: {tmp_path}/svc.py:detect"))
    found = messages(path)
    assert len(found) == 1
    assert message in found[0]
    assert found[0].startswith(f"{path}:19:")


def test_a_changed_service_file_is_read_again(tmp_path: Path) -> None:
    import os

    service = tmp_path / "svc.py"
    service.write_text("")
    path = changed(tmp_path, (f"run: {HERE}/services/detector.py:smooth", f"run: {service}:smooth"))
    assert "has no 'smooth'" in messages(path)[0]
    service.write_text((HERE / "services" / "detector.py").read_text())
    os.utime(service, ns=(1, 1))
    assert load(path).name == "valid"


def test_too_many_channel_ends(tmp_path: Path) -> None:
    services = "".join(f"      s{n}: {{run: {HERE}/services/detector.py:record}}\n" for n in range(121))
    channels = "".join(f'  c{n}: {{from: camera, to: one.s{n}, tensor: "float32[16,6]"}}\n' for n in range(121))
    path = tmp_path / "many.yaml"
    path.write_text(
        "name: many\ntime: {duration: 1s}\npartitions:\n  one:\n    machine: linux-x86_64\n    memory: 1G\n"
        f"    speed: 1000 MIPS\n    services:\n{services}devices:\n"
        f"  camera: {{kind: camera, source: plates, size: 640x480, rate: 1fps}}\nchannels:\n{channels}"
    )
    found = [message for message in messages(path) if "channel ends" in message]
    assert len(found) == 1
    assert "more than 120 channel ends on partition 'one'; split it into several" in found[0]
