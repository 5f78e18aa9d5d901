"""The folder that a run leaves behind."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sim.report import write as module
from sim.report.record import LogLine, PictureRecord, RunRecord
from sim.report.result import result
from sim.report.write import file_name, write

from .sample import HOSTILE, sample


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_everything_is_there_and_nothing_else(tmp_path: Path) -> None:
    record = sample(frames=60, pictures=2)
    report = write(record, tmp_path / "runs" / "one")
    found = names(tmp_path / "runs" / "one")
    assert {"result.json", "report.html", "trace.json", "junit.xml"} < found
    assert {"logs/perception.log", "logs/cockpit.log"} < found
    assert sum(name.startswith("frames/front_camera-") for name in found) == 2
    assert sum(name.startswith("frames/head_unit_display-") for name in found) == 6
    assert len(found) == 4 + 2 + 8
    assert json.loads(report.json.read_text()) == result(record) == report.figures
    assert json.loads(report.trace.read_text())["otherData"]["digest"] == record.digest
    assert "logs/perception.log" in report.html.read_text()


def test_two_records_of_one_run_give_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write(sample(frames=60, pictures=2), tmp_path / folder)
    for name in names(tmp_path / "a"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_a_file_is_whole_or_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(sample(frames=30, pictures=0), tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}

    def torn(self: Path, content: bytes) -> int:
        with self.open("wb") as stream:
            stream.write(content[: len(content) // 2])
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", torn)
    with pytest.raises(OSError, match="no space"):
        write(sample(8, frames=60, pictures=0), tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


def test_names_of_guests_stay_inside_the_folder(tmp_path: Path) -> None:
    record = sample(frames=30, pictures=2)
    log = record.partitions["perception"]
    record.partitions = {"../../etc/passwd": log, "a/b": log, "a_b": log, "..": log, HOSTILE: log}
    for picture in record.pictures:
        picture.device = "../" + picture.device
    write(record, tmp_path / "out")
    assert names(tmp_path) == {f"out/{name}" for name in names(tmp_path / "out")}
    assert len(list((tmp_path / "out" / "logs").iterdir())) == 5
    assert file_name("..") == "unnamed" and "/" not in file_name("a/b")


def test_a_log_holds_agent_and_console_and_cannot_steer_a_terminal(tmp_path: Path) -> None:
    console = tmp_path / "console"
    console.write_bytes(b"[    0.000000] Linux version 6.1\r\n\x1b]0;owned\x07\xff\xfe login:")
    record = RunRecord("x", partitions=sample(frames=30, pictures=0).partitions)
    record.partitions["perception"].console = console
    record.partitions["perception"].log = [LogLine(1_500_000, "info", "agent", "armed\x1b[2J")]
    record.partitions["perception"].failed = "panic"
    write(record, tmp_path / "out")
    text = (tmp_path / "out" / "logs" / "perception.log").read_text()
    assert text.startswith("   0.001500000 info     agent: armed\ufffd[2J\nfailed: panic\n")
    assert "Linux version 6.1\n" in text and "login:" in text
    assert "\x1b" not in text and "\x07" not in text and "\r" not in text


def test_a_console_without_end_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONSOLE_BYTES", 100)
    (tmp_path / "console").write_bytes(b"x" * 950 + b"the end")
    record = sample(frames=30, pictures=0)
    record.partitions["cockpit"].console = tmp_path / "console"
    write(record, tmp_path / "out")
    text = (tmp_path / "out" / "logs" / "cockpit.log").read_text()
    assert "[857 bytes left out]" in text and text.endswith("xthe end\n") and text.count("x") < 120


def test_pictures_in_files_are_shown_and_not_written_again(tmp_path: Path) -> None:
    record = sample(frames=60, pictures=1)
    picture = next(one for one in record.pictures if not one.boxes)
    module._frames(RunRecord("x", pictures=[picture]), tmp_path)
    file = next(tmp_path.iterdir())
    record.pictures = [PictureRecord(0, "head_unit_display", path=file)]
    record.devices["front_camera"].animation = tmp_path / "clip.gif"
    (tmp_path / "clip.gif").write_bytes(b"GIF89a")
    write(record, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out" / "frames").iterdir()] == ["front_camera.gif"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("data:image/jpeg") == 2 and page.count("data:image/gif") == 1


def test_a_report_takes_well_below_its_share_of_a_run(tmp_path: Path) -> None:
    record, spent = sample(), []
    for attempt in "abc":
        began = time.process_time()
        write(record, tmp_path / attempt)
        spent.append(time.process_time() - began)
    assert min(spent) < 0.7, "seconds of CPU for 10 s at 30 fps over 4 channels; other load is not counted"


def test_the_record_is_cheap_to_import() -> None:
    heavy = ["numpy", "PIL", "jinja2", "rich", "pydantic", "xml"]
    code = f"import sim.report.record, sys; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
