"""What QEMU printed is found in libvirt's log."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from machines.libvirt import log

TEXT = """\
2026-11-21 15:51:10.687+0000: starting up libvirt version: 9.0.0, package: 9.0.0-4 (Debian), qemu version: 7.2.22
LC_ALL=C \\
/usr/bin/qemu-system-x86_64 \\
-name guest=edgesim-a-1,debug-threads=on \\
-msg timestamp=on
2026-11-21 15:51:10.700+0000: Domain id=1 is tainted: custom-argv
qemu: could not open kernel file
qemu: and a second line
2026-11-21 15:51:10.760+0000: shutting down, reason=failed
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = log.folder(private=True)
    made.mkdir(parents=True)
    return made


def test_only_what_qemu_said_is_taken(folder: Path) -> None:
    (folder / "edgesim-a-1.log").write_text(TEXT)
    found = log.DomainLog("edgesim-a-1", private=True)
    assert found.take() == "qemu: could not open kernel file\nqemu: and a second line\n"
    found.remove()
    found.remove()
    assert found.take() == ""
    assert not list(folder.iterdir())


def test_logs_of_dead_simulators_are_swept(folder: Path) -> None:
    dead = 2**22 + 1  # beyond the kernel's largest process id
    kept = {f"edgesim-a-{os.getpid()}.log", "edgesim-without-number.log", f"other-{dead}.log"}
    for name in (*kept, f"edgesim-a-{dead}.log"):
        (folder / name).touch()
    log.sweep(private=True)
    assert {path.name for path in folder.iterdir()} == kept
