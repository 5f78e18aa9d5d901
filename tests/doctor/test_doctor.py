"""`sim doctor` on computers that lack something, and on this one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.guest

TOOLS = ("sh", "cc", "gcc", "as", "ld", "collect2", "mmdebstrap", "mkfs.erofs", "setpriv")


def doctor(*arguments: str, **environment: str) -> tuple[int, str]:
    """Run `sim doctor`; return its exit code and what it printed."""
    line = [sys.executable, "-c", "from sim.cli import main; main()", "doctor", *arguments]
    done = subprocess.run(line, capture_output=True, text=True, env=os.environ | environment, timeout=60)
    assert done.stderr == ""
    return done.returncode, done.stdout


def findings(**environment: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Run `sim doctor --json`; return its exit code and the findings by name."""
    code, out = doctor("--json", **environment)
    report = json.loads(out)
    assert report["ready"] == (code == 0)
    return code, {each["name"]: each for each in report["findings"]}


def lacking(found: dict[str, dict[str, Any]]) -> set[str]:
    return {name for name, each in found.items() if each["needed"] and each["state"] != "ok"}


def program(folder: Path, text: str) -> str:
    """Write a shell script and return its path."""
    path = folder / "qemu-system-x86_64"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def few_tools(tmp_path: Path) -> Path:
    """Return a folder for PATH with what a run needs; tests remove tools from it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        if path := shutil.which(tool):
            (folder / tool).symlink_to(path)
    qemu = os.environ.get("SIM_QEMU") or "qemu-system-x86_64"
    path = shutil.which(qemu)
    assert path is not None
    (folder / "qemu-system-x86_64").symlink_to(path)
    return folder


def test_this_computer_has_all_and_virtual_time_is_exact() -> None:
    code, found = findings()
    assert code == 0 and lacking(found) == set()
    assert found["virtual"]["facts"]["late_ns"] == [0] * 10
    assert found["qemu"]["state"] == "ok"
    assert int(found["QEMU"]["facts"]["version"].split(".")[0]) >= 7
    assert found["realtime"]["state"] == "ok"


def test_lines_for_people(tmp_path: Path) -> None:
    code, out = doctor(SIM_QEMU=str(tmp_path / "none"))
    assert code == 3
    qemu = next(i for i, line in enumerate(out.splitlines()) if "MISSING" in line and "QEMU" in line)
    assert "how: apt-get install qemu-system-x86" in out.splitlines()[qemu + 1]
    assert out.splitlines()[-1] == "sim run lacks something here: QEMU"


def test_an_old_qemu(tmp_path: Path) -> None:
    code, found = findings(SIM_QEMU=program(tmp_path, "echo 'QEMU emulator version 6.2.0 (Debian)'"))
    assert code == 3 and lacking(found) == {"QEMU"}
    assert "is QEMU 6.2, needed is 7.2" in found["QEMU"]["detail"]


def test_a_qemu_that_lacks_a_symbol(tmp_path: Path) -> None:
    says = """case $1 in --version) echo 'QEMU emulator version 7.2.0' ;;
    *) echo 'lockstep: this QEMU lacks the symbol icount_get_raw' >&2; exit 1 ;; esac"""
    code, found = findings(SIM_QEMU=program(tmp_path, says))
    assert code == 3 and lacking(found) == {"virtual"}
    assert "lacks the symbol icount_get_raw" in found["virtual"]["detail"]
    assert found["qemu"]["state"] == "broken"


def test_a_qemu_whose_clock_is_not_exact(tmp_path: Path, few_tools: Path) -> None:
    real = few_tools / "qemu-system-x86_64"
    script = f"""[ "$1" = --version ] && exec {real} --version
    for argument do
        shift
        case $argument in shift=0,*) argument=shift=1,sleep=off ;; esac
        set -- "$@" "$argument"
    done
    exec {real} "$@" """
    code, found = findings(SIM_QEMU=program(tmp_path, script))
    assert code == 3 and lacking(found) == {"virtual"}
    assert found["virtual"]["detail"].startswith("boundaries are late")


def test_tools_are_only_needed_while_something_is_to_be_built(few_tools: Path, tmp_path: Path) -> None:
    (few_tools / "mkfs.erofs").unlink()
    code, found = findings(PATH=str(few_tools), SIM_QEMU="", XDG_CACHE_HOME=str(tmp_path / "empty"))
    assert found["guest image"]["state"] == "missing" and not found["guest image"]["needed"]
    assert found["snapshots"]["state"] == "missing"
    assert code == 3 and lacking(found) == {"mkfs.erofs"}
    assert found["mkfs.erofs"]["remedy"] == "apt-get install erofs-utils"


def test_no_compiler_and_an_empty_cache(few_tools: Path, tmp_path: Path) -> None:
    for compiler in ("cc", "gcc"):
        (few_tools / compiler).unlink(missing_ok=True)
    environment = {"PATH": str(few_tools), "SIM_QEMU": "", "XDG_CACHE_HOME": str(tmp_path / "empty"), "CC": ""}
    code, found = findings(**environment)
    assert code == 3 and lacking(found) == {"C compiler", "ring", "plugin"}
    assert found["C compiler"]["remedy"] == "apt-get install gcc libc6-dev"
    assert found["virtual"]["state"] == "broken"
