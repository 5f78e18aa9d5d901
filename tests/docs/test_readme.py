"""README.md's examples work: exactly its text is checked, compiled and run."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from guests.mcu.nn import convert
from machines import boards
from machines.boards import McuBoard
from machines.errors import EnvironmentLacks
from machines.mcu import backends

from .documents import ROOT, blocks, named_blocks

DOCUMENT = ROOT / "README.md"
SIM = Path(sysconfig.get_path("scripts")) / "sim"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of README.md, and the service that it takes from docs/services.md."""
    files = named_blocks(DOCUMENT)
    assert set(files) == {"edges.yaml", "density.c"}
    files["edges.py"] = named_blocks(ROOT / "docs/services.md")["edges.py"]
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the folder."""
    return subprocess.run([str(SIM), *arguments], cwd=folder, capture_output=True, text=True, timeout=240, check=False)


def test_check_finds_nothing(folder: Path) -> None:
    done = command(folder, "check", "edges.yaml")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_mistake_is_told_as_shown(folder: Path) -> None:
    scenario = folder / "edges.yaml"
    scenario.write_text(scenario.read_text().replace("to: vision.edges", "to: visoin.edges", 1))
    done = command(folder, "check", "edges.yaml")
    assert done.returncode == 2
    assert done.stdout + done.stderr in blocks(DOCUMENT, "text")


def test_the_service_in_c_is_short() -> None:
    assert len(named_blocks(DOCUMENT)["density.c"].splitlines()) == 15


@pytest.mark.slow
@pytest.mark.guest
def test_the_scenario_passes(folder: Path) -> None:
    board = boards.load("mps2-an386")
    assert isinstance(board, McuBoard)
    try:
        backends.choose(board, "auto")
    except EnvironmentLacks as lack:
        pytest.skip(str(lack))
    if not shutil.which("arm-none-eabi-gcc"):
        pytest.skip("needs gcc-arm-none-eabi")
    done = command(folder, "run", "edges.yaml", "--out", "out")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_model_is_shown_as_it_is() -> None:
    (shown,) = [block for block in blocks(DOCUMENT, "text") if block.startswith("guests/models/")]
    report = convert(ROOT / "guests/models/motion_int8.tflite").report
    lines = shown.splitlines()[3:]
    for layer, line in zip(report.layers, lines, strict=False):
        words = line.replace(",", "").split()
        assert words[1] == layer.operator
        assert [int(word) for word in words[3:6]] == [layer.macs, layer.flash_bytes, layer.live_bytes]
    assert f"{report.macs:,}" in lines[len(report.layers)]
