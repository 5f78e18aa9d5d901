"""docs/firmware.md does what it says: its firmware is built by its command and runs, and its lists are the code's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from guests.mcu import linker
from guests.mcu.nn.lowering import KERNELS

from .documents import ROOT, blocks, named_blocks, prose

DOCUMENT = ROOT / "docs/firmware.md"


@pytest.mark.skipif(not shutil.which("arm-none-eabi-gcc"), reason="needs gcc-arm-none-eabi")
@pytest.mark.skipif(not shutil.which("qemu-system-arm"), reason="needs qemu-system-arm")
def test_a_firmware_of_ones_own_runs(tmp_path: Path) -> None:
    for name, text in named_blocks(DOCUMENT).items():
        (tmp_path / name).write_text(text)
    search = f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"
    environment = os.environ | {"EDGESIM": str(ROOT), "PATH": search}
    lines = [line.removeprefix("$ ") for block in blocks(DOCUMENT, "console") for line in block.splitlines()]
    assert [line.split()[0] for line in lines] == ["arm-none-eabi-gcc", "sim"]
    for line in lines:
        done = subprocess.run(
            ["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert "passed  channels.beats.messages >= 99" in done.stdout


def test_the_operators_are_those_of_the_converter() -> None:
    (listed,) = re.findall(r"Operators: ([A-Z0-9_,\s]+)\.", DOCUMENT.read_text())
    assert listed.replace(",", " ").split() == sorted(KERNELS)


def test_the_calls_are_those_of_the_header() -> None:
    header = (ROOT / "guests/mcu/include/service.h").read_text()
    declared = set(re.findall(r"^(?!static|#)\w[\w *]*?\b(\w+)\([^;{]*\)[^;{]*;", header, re.M))
    table = prose(DOCUMENT).partition("| Call | Does |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`(\w+)(?:\([^`]*\))?`", "\n".join(line.split("|")[1] for line in table.splitlines()[1:])))
    assert {"now_ns", "panic"} <= named <= declared
    assert {"on_start", "on_tensors", "on_timer", "inference_layer"} == declared - named


def test_the_stack_is_as_large_as_said() -> None:
    text = prose(DOCUMENT)
    assert f"The stack has {linker.STACK_BYTES // 1024} KiB" in text
    assert f"at most {linker.LARGEST_FRAME_BYTES // 1024} KiB of it" in " ".join(text.split())
