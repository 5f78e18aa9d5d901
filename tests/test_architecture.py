"""Dependencies point one way, as docs/architecture.md says."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("sim", "guests", "machines", "virtio_shm")
ALLOWED = {
    "sim": {"sim", "guests", "machines", "virtio_shm"},
    "guests": {"guests", "machines", "virtio_shm"},
    "machines": {"machines", "virtio_shm"},
    "virtio_shm": {"virtio_shm"},
}
IN_GUEST = ("guests/linux/agent", "guests/services", "guests/service.py", "virtio_shm")
"""What is copied into Linux guests, where there is no simulator."""


def packages_used(file: Path) -> set[str]:
    """Return which of our packages a Python file imports from."""
    names = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
    return {name.split(".")[0] for name in names} & set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_dependencies_point_one_way(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    upwards = {str(file.relative_to(ROOT)): packages_used(file) - ALLOWED[package] for file in files}
    assert not {file: used for file, used in upwards.items() if used}


@pytest.mark.parametrize("place", IN_GUEST)
def test_what_runs_in_a_guest_needs_no_simulator(place: str) -> None:
    path = ROOT / place
    for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
        assert packages_used(file) <= {"guests", "virtio_shm"}, file
