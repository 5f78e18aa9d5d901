"""docs/services.md does what it says: exactly its text is written to files and run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from guests.mcu.build import build
from guests.service import TensorType, signature
from machines import boards
from sim.scenario import ScenarioErrors, load
from sim.scenario.files import Program
from sim.scenario.services import signature_of

from .documents import ROOT, blocks, named_blocks

DOCUMENT = ROOT / "docs/services.md"
SIM = Path(sysconfig.get_path("scripts")) / "sim"
PATIENCE_S = 240


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files of the document."""
    for name, text in named_blocks(DOCUMENT).items():
        (tmp_path / name).write_text(text)
    return tmp_path


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the folder with the document's files."""
    line = [str(SIM), *arguments]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def imported(file: Path) -> ModuleType:
    module = ModuleType(file.stem)
    exec(compile(file.read_text(), str(file), "exec"), vars(module))
    return module


def test_the_document_has_the_files() -> None:
    python = {"edges.py", "edges.yaml", "compare.py", "test_edges.py"}
    assert set(named_blocks(DOCUMENT)) == python | {"brightness.c", "brightness.yaml"}


def test_the_service_is_under_30_lines() -> None:
    assert len(named_blocks(DOCUMENT)["edges.py"].splitlines()) < 30


def test_check_finds_nothing(folder: Path) -> None:
    done = command(folder, "check", "edges.yaml", "brightness.yaml")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_mistakes_are_told_as_shown(folder: Path) -> None:
    scenario = folder / "edges.yaml"
    text = scenario.read_text().replace("threshold: 30", "threshhold: 30")
    scenario.write_text(text.replace('edges, tensor: "uint8[120,160]"', 'edges, tensor: "uint8[160,120]"'))
    with pytest.raises(ScenarioErrors) as caught:
        load(scenario)
    told = [str(problem).replace(str(scenario), scenario.name) for problem in caught.value.problems]
    assert "\n".join(told) + "\n" in blocks(DOCUMENT, "text")


def test_the_override_is_valid(folder: Path) -> None:
    key, value = re.search(r"--set (\S+)=(\S+)$", DOCUMENT.read_text(), re.M).groups()  # type: ignore[union-attr]
    changed = load(folder / "edges.yaml", {key: value})
    assert changed.partitions["vision"].services["edges"].settings == {"threshold": int(value)}


def test_plain_pytest_passes(folder: Path) -> None:
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_edges.py"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout


def test_an_optional_input_and_an_output_that_is_not_always_sent(folder: Path) -> None:
    file = folder / "compare.py"
    found = signature_of(Program("compare.py:compare", file, "compare"))
    picture = TensorType("uint8", (120, 160))
    assert found.inputs == {"left": picture, "right": picture, "mask": picture}
    assert found.optional == {"mask"}
    assert found.outputs == {"difference": picture, "warning": TensorType("float32", (1,))}
    compare = imported(file).compare
    dark, bright = np.zeros((120, 160), np.uint8), np.full((120, 160), 200, np.uint8)
    assert compare(dark, dark).warning is None
    assert compare(dark, bright, dark).warning is None and compare(dark, bright, bright).warning == 1
    assert compare(dark, bright).warning == 1 and (compare(dark, bright).difference == 200).all()
    for value, kind in zip(compare(dark, bright), found.outputs.values(), strict=True):
        assert (value.dtype.name, value.shape) == (kind.dtype, kind.shape)


@pytest.mark.parametrize("machine", ["mps2-an386", "esp32c3", "esp32s3"])
def test_the_firmware_compiles_and_has_the_ports(folder: Path, machine: str) -> None:
    board = boards.load(machine)
    assert isinstance(board, boards.McuBoard)
    firmware = build(board, "qemu", folder / "brightness.c", {"dark": 60})
    assert sorted((port.name, port.direction, port.dtype, port.shape) for port in firmware.ports) == [
        ("brightness", "output", "float32", (1,)),
        ("frame", "input", "uint8", (120, 160)),
    ]


def test_the_guest_has_what_is_said() -> None:
    from guests.linux import recipe

    text = DOCUMENT.read_text()
    assert f"Python {recipe.PYTHON} " in text
    for each in recipe.RECIPES.values():
        versions = {wheel.name: wheel.version.rsplit(".", 1)[0] for wheel in each.wheels}
        assert f"numpy {versions['numpy']} " in text
        assert f"ai-edge-litert {versions['ai-edge-litert']} " in text


def test_annotations_are_read_without_a_guest(folder: Path) -> None:
    counter = imported(folder / "edges.py").EdgeCounter
    assert signature(counter).settings["threshold"].kind is int


@pytest.mark.slow
@pytest.mark.guest
def test_it_runs(folder: Path) -> None:
    fewer = "expectations.0=channels.contours.messages >= 45"
    done = command(folder, "run", "edges.yaml", "--duration", "1s", "--out", "out", "--set", fewer)
    assert done.returncode == 0, done.stdout + done.stderr
    log = (folder / "out/logs/vision.log").read_text()
    (shown,) = [block for block in blocks(DOCUMENT, "text") if "edges: picture" in block]
    for line in shown.splitlines():
        said = re.search(r"edges: (picture (\d+): .+)", line)
        assert said is not None
        assert said[1] in log or int(said[2]) > 50, f"not in the log: {said[1]}"
    assert "picture 50" in log
    assert list((folder / "out/frames").glob("display*"))


@pytest.mark.slow
@pytest.mark.guest
def test_an_exception_fails_the_run_as_said(folder: Path) -> None:
    service = folder / "edges.py"
    service.write_text(service.read_text().replace("print(", "raise ValueError("))
    scenario = folder / "edges.yaml"
    scenario.write_text(scenario.read_text().split("expectations:")[0])
    done = command(folder, "run", "edges.yaml", "--duration", "1s", "--out", "out")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "ValueError: picture 25" in done.stdout
    log = (folder / "out/logs/vision.log").read_text()
    assert 'edges.py", line' in log and "ValueError: picture 25" in log
