"""Dependencies point one way, as docs/architecture.md says."""

from __future__ import annotations

import ast
import graphlib
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


def modules_used(file: Path) -> set[str]:
    """Return the dotted names that a Python file imports: of modules, and of what it takes from them."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def packages_used(file: Path) -> set[str]:
    """Return which of our packages a Python file imports from."""
    return {name.split(".")[0] for name in modules_used(file)} & set(PACKAGES)


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


def test_parts_of_sizing_use_each_other_one_way() -> None:
    root, uses = ROOT / "sim/sizing", dict[str, set[str]]()
    for file in sorted(root.rglob("*.py")):
        part = file.relative_to(root).parts[0].removesuffix(".py")
        used = {name.split(".")[2] for name in modules_used(file) if name.startswith("sim.sizing.")}
        uses.setdefault(part, set()).update(used - {part})
    assert uses["report"] and not uses["errors"]
    graphlib.TopologicalSorter(uses).prepare()  # raises CycleError, which names the parts
