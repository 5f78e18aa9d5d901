"""Files that a user's own software is made of, and which are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.scenario import ScenarioErrors, load

BZIMAGE = bytes(0x202) + b"HdrS" + bytes(64)
MULTIBOOT = bytes(4096) + b"\x02\xb0\xad\x1b"
IMAGE = b"MZ" + bytes(54) + b"ARM\x64"
ELF = b"\x7fELF" + bytes(60)


def told(folder: Path, architecture: str, kernel: bytes, initrd: bytes = b"070701") -> list[str]:
    """Return what is said of a partition that boots these files."""
    (folder / "kernel").write_bytes(kernel)
    (folder / "initrd").write_bytes(initrd)
    path = folder / "own.yaml"
    path.write_text(f"""
name: own
time: {{duration: 1s}}
partitions:
  guest:
    machine: linux-{architecture}
    memory: 256M
    speed: 1000 MIPS
    boot: {{kernel: kernel, initrd: initrd}}
""")
    try:
        load(path)
    except ScenarioErrors as errors:
        return [str(problem) for problem in errors.problems]
    return []


@pytest.mark.parametrize(
    ("architecture", "kernel"),
    [
        ("x86_64", BZIMAGE), ("x86_64", MULTIBOOT), ("x86_64", ELF),
        ("aarch64", IMAGE), ("aarch64", ELF), ("aarch64", b"\x1f\x8b\x08"), ("aarch64", b"\x27\x05\x19\x56"),
    ],
)  # fmt: skip
def test_what_qemu_can_start_is_taken(architecture: str, kernel: bytes, tmp_path: Path) -> None:
    assert told(tmp_path, architecture, kernel) == []


@pytest.mark.parametrize(
    ("architecture", "kernel", "what"),
    [
        ("x86_64", IMAGE, "is a kernel for aarch64; linux-x86_64 boots a bzImage"),
        ("aarch64", BZIMAGE, "is a kernel for x86_64; linux-aarch64 boots an Image"),
        ("x86_64", b"", "is no kernel; linux-x86_64"),
        ("aarch64", b"070701 an archive", "is no kernel; linux-aarch64"),
    ],
)
def test_what_is_no_kernel_for_the_machine_is_told(architecture: str, kernel: bytes, what: str, tmp_path: Path) -> None:
    (only,) = told(tmp_path, architecture, kernel)
    assert "own.yaml:9:20" in only and what in only


def test_an_empty_initrd_is_told(tmp_path: Path) -> None:
    (only,) = told(tmp_path, "x86_64", BZIMAGE, b"")
    assert "own.yaml:9:36" in only and "initrd is empty; leave it out" in only
