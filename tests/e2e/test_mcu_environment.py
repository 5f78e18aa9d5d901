"""What this computer or a board lacks for a microcontroller is one line that helps, before anything is started."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.nn.graph import Graph, options

from .microcontrollers import RISCV, SERVICES, XTENSA, channel, echoing, node, one_line, write
from .simulator import processes_naming, run

TYPES = {"arm": {"machine": "mps2-an386"}, "riscv": RISCV, "xtensa": XTENSA}
COMPILERS = {"arm": "gcc-arm-none-eabi", "riscv": "gcc-riscv64-unknown-elf", "xtensa": "gcc-xtensa-lx106"}
NO_RENODE = {"SIM_RENODE": "/nonexistent"}


@pytest.mark.parametrize("architecture", COMPILERS)
def test_a_missing_compiler_is_named_with_its_package(tmp_path: Path, architecture: str) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("qemu-system-x86_64", "qemu-system-arm", "qemu-system-riscv32", "qemu-system-xtensa"):
        if (found := shutil.which(name)) is not None:
            (tmp_path / "bin" / name).symlink_to(found)
    scenario = echoing(tmp_path, {"a": node(board=TYPES[architecture])})
    line = one_line(run(tmp_path / "out", scenario, "50ms", PATH=tmp_path / "bin", **NO_RENODE), 3)
    assert line.endswith(f"-gcc is not installed: apt-get install {COMPILERS[architecture]}")
    assert not processes_naming(str(tmp_path))


def test_a_missing_qemu_is_named_with_its_package(tmp_path: Path) -> None:
    scenario = echoing(tmp_path, {"a": node(backend="qemu")})
    line = one_line(run(tmp_path / "out", scenario, "50ms", SIM_QEMU="/nonexistent/qemu-system-x86_64"), 3)
    assert "qemu-system-arm" in line and "apt-get install qemu-system-arm" in line


def test_without_any_backend_all_are_named(tmp_path: Path) -> None:
    nothing = {"SIM_QEMU": "/nonexistent/qemu-system-x86_64", **NO_RENODE}
    line = one_line(run(tmp_path / "out", echoing(tmp_path, {"a": node()}), "50ms", **nothing), 3)
    assert line.startswith("sim: no backend for mps2-an386 is installed (renode: ") and "; qemu: " in line


def test_a_missing_renode_is_told_how_to_get(tmp_path: Path) -> None:
    scenario = echoing(tmp_path, {"a": node()})
    chosen = ("--set", "partitions.a.backend=renode")
    line = one_line(run(tmp_path / "out", scenario, "50ms", *chosen, **NO_RENODE), 3)
    assert "SIM_RENODE" in line and "renode.io" in line


def hidden(folder: Path) -> Path:
    """Return a folder for PYTHONPATH that makes labwired look as if it were not installed."""
    folder.mkdir()
    hide = "import importlib.util as u\nreal = u.find_spec\n"
    hide += "u.find_spec = lambda name, package=None: None if name == 'labwired' else real(name, package)\n"
    (folder / "sitecustomize.py").write_text(hide)
    return folder


def old(folder: Path) -> Path:
    """Return a folder for PYTHONPATH with another release of labwired."""
    (folder / "labwired").mkdir(parents=True)
    (folder / "labwired" / "__init__.py").touch()
    (folder / "labwired-0.24.0.dist-info").mkdir()
    (folder / "labwired-0.24.0.dist-info" / "METADATA").write_text("Name: labwired\nVersion: 0.24.0\n")
    return folder


def test_a_missing_labwired_is_told_how_to_get(tmp_path: Path) -> None:
    scenario, chosen = echoing(tmp_path, {"a": node(board=RISCV)}), ("--set", "partitions.a.backend=labwired")
    places = {hidden(tmp_path / "hidden"): "0.25.0 is not installed", old(tmp_path / "old"): "0.24.0 is installed"}
    for place, words in places.items():
        line = one_line(run(tmp_path / "out", scenario, "50ms", *chosen, PYTHONPATH=place), 3)
        assert f"labwired {words}" in line and "pip install labwired==0.25.0" in line


def test_auto_takes_what_stands_in_and_says_so(tmp_path: Path) -> None:
    scenario = echoing(tmp_path, {"a": node(board={"machine": "esp32c3"})})
    done = run(tmp_path / "out", scenario, "50ms", PYTHONPATH=hidden(tmp_path / "hidden"), **NO_RENODE)
    assert done.code == 0, done.err
    told = done.figures["microcontrollers"]["a"]
    assert told["backend"] == "qemu"
    for words in ("virt stands in for the board", "renode is not installed", "labwired is not installed"):
        assert words in told["backend_note"]


def large_model(folder: Path) -> Path:
    """Write a model with 1.2 MB of weights."""
    graph, chance = Graph(), np.random.default_rng(1)
    source = graph.input([1, 1100], 0.1)
    weights = graph.tensor([1100, 1100], 0.01, data=chance.integers(-127, 128, (1100, 1100), np.int8))
    target = graph.output([1, 1100], 0.5)
    graph.node("FULLY_CONNECTED", [source, weights, -1], [target], options("FullyConnected"))
    return graph.save(folder / "large.tflite")


def test_a_model_that_is_too_large_for_the_board(tmp_path: Path) -> None:
    classifier = node(SERVICES / "classifier.c", {"machine": "nrf52840"}, MODEL=str(large_model(tmp_path)))
    channels = {
        "to_a": {"from": "samples", "to": "a.service.input", "tensor": "int8[1,1100]"},
        "a": {"from": "a.service.scores", "to": "sink", "tensor": "int8[1,1100]"},
    }
    sensor = {"kind": "recording", "source": "rows.npy", "rate": "10Hz"}
    scenario = write(tmp_path, {"a": classifier}, channels, {"samples": sensor, "sink": {"kind": "sink"}})
    np.save(tmp_path / "rows.npy", np.zeros((2, 1, 1100), np.int8))
    line = one_line(run(tmp_path / "out", scenario, "50ms"), 2)
    assert "large.tflite" in line and "of flash" in line and "nrf52840 has 1048576" in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("size", "board"), [("5 << 20", "mps2-an386"), ("260 << 10", "nrf52840")])
def test_a_service_that_is_too_large_for_the_board(tmp_path: Path, size: str, board: str) -> None:
    source = tmp_path / "greedy.c"
    sound = (SERVICES / "echo.c").read_text()
    source.write_text(
        sound + f"\nstatic volatile uint8_t hoard[{size}];\nvoid on_start(void) {{ hoard[now_ns() & 1] = 1; }}\n"
    )
    line = one_line(run(tmp_path / "out", echoing(tmp_path, {"a": node(source, {"machine": board})}), "50ms"), 2)
    assert "greedy.c needs" in line and f"bytes of RAM, {board} has" in line


def test_a_service_that_does_not_compile_is_told_by_its_line(tmp_path: Path) -> None:
    source = tmp_path / "wrong.c"
    source.write_text((SERVICES / "echo.c").read_text() + "\nvoid on_start(void) { undeclared(); }\n")
    line = one_line(run(tmp_path / "out", echoing(tmp_path, {"a": node(source)}), "50ms"), 2)
    lines = source.read_text().count("\n")
    assert f"wrong.c:{lines}: " in line and "undeclared" in line


def test_channels_that_do_not_fit_the_window(tmp_path: Path) -> None:
    nodes = {"a": node(board={"machine": "esp32c3", "backend": "labwired"})}
    scenario = echoing(tmp_path, nodes)
    line = one_line(run(tmp_path / "out", scenario, "50ms", "--set", "channels.to_a.depth=1024"), 2)
    assert "esp32c3 on labwired shares" in line and "channels of 'a' need" in line


def test_one_channel_too_many(tmp_path: Path) -> None:
    channels = {"to_a": channel("samples", "a.service.tensor")}
    channels |= {f"out_{i}": channel("a.service.result", f"sink_{i}") for i in range(32)}
    devices = {"samples": {"kind": "recording", "source": "samples.npy", "rate": "200Hz"}}
    devices |= {f"sink_{i}": {"kind": "sink"} for i in range(32)}
    line = one_line(run(tmp_path / "out", write(tmp_path, {"a": node()}, channels, devices), "50ms"), 2)
    assert "more than 32 channel ends on partition 'a'" in line
