"""Which QEMU is found, and what is said when it is none or too old."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from machines.errors import EnvironmentLacks
from machines.qemu import binary

Pretend = Callable[[str], Path]


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """`find` remembers its answer; nobody else is to see ours."""
    binary.find.cache_clear()
    yield
    binary.find.cache_clear()


@pytest.fixture
def pretend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pretend:
    """Return a maker of executables that SIM_QEMU then names, from the text of a shell script."""

    def make(script: str) -> Path:
        path = tmp_path / "bin" / "qemu-system-x86_64"
        path.parent.mkdir()
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("SIM_QEMU", str(path))
        return path

    return make


@pytest.mark.parametrize(
    ("line", "version", "api"),
    [
        ("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)", (7, 2, 22), 1),
        ("QEMU emulator version 8.2.0", (8, 2, 0), 1),
        ("QEMU emulator version 9.0.1", (9, 0, 1), 2),
        ("QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)", (10, 0, 2), 2),
    ],
)
def test_version_and_plugin_api(pretend: Pretend, line: str, version: tuple[int, int, int], api: int) -> None:
    path = pretend(f"echo '{line}'; echo 'Copyright (c) 2003-2025'")
    found = binary.find()
    assert (found.path, found.version, found.identity, found.plugin_api) == (path, version, line, api)
    assert (found.data, found.modules) == (None, None)


def test_a_qemu_in_a_folder_of_its_own_brings_firmware_and_modules(pretend: Pretend) -> None:
    prefix = pretend("echo 'QEMU emulator version 10.0.2'").parent.parent
    for name in ("share/qemu", "lib/x86_64-linux-gnu/qemu"):
        (prefix / name).mkdir(parents=True)
    found = binary.find()
    assert found.data == prefix / "share" / "qemu"
    assert found.modules == prefix / "lib" / "x86_64-linux-gnu" / "qemu"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'QEMU emulator version 6.2.0 (Debian)'", "is QEMU 6.2, needed is 7.2 or newer"),
        ("echo 'QEMU emulator version 7.1.0'", "is QEMU 7.1, needed is 7.2 or newer"),
        ("echo 'Bochs x86 Emulator'", "does not tell its version but says 'Bochs x86 Emulator'"),
        ("exit 0", "does not start"),
        ("exit 127", "does not start"),
    ],
)
def test_what_is_no_use_is_refused_in_one_line(pretend: Pretend, script: str, words: str) -> None:
    path = pretend(script)
    with pytest.raises(EnvironmentLacks) as caught:
        binary.find()
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_none_is_told_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIM_QEMU", "/nonexistent")
    with pytest.raises(EnvironmentLacks, match=r"/nonexistent is not installed: apt-get install qemu-system-x86"):
        binary.find()


def test_what_cannot_be_executed_is_not_installed(pretend: Pretend) -> None:
    pretend("exit 0").chmod(0o644)
    with pytest.raises(EnvironmentLacks, match="is not installed"):
        binary.find()
