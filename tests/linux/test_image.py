"""The image builder: layers, digests, reproducibility."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from guests.linux import debian, image, initramfs, recipe, root
from machines import boards
from machines.cache import cache_dir
from machines.errors import EnvironmentLacks
from virtio_shm import library


def module(*depends: str) -> bytes:
    """Return what the loader reads of a kernel module."""
    return b"\x7fELF...license=GPL\0depends=" + ",".join(depends).encode() + b"\0name=x\0"


def test_modules_load_after_what_they_need() -> None:
    modules = {"a": module("b-x", "c"), "b_x": module("d"), "c": module("d"), "d": module(), "other": module()}
    order = root._loading_order(("a", "d"), modules)
    assert order == ["d", "b_x", "c", "a"]


def test_missing_module_is_named() -> None:
    with pytest.raises(EnvironmentLacks, match="no module gone"):
        root._loading_order(("a",), {"a": module("gone")})


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("bin/busybox", True),
        ("usr/lib/x86_64-linux-gnu/libstdc++.so.6", True),
        ("usr/lib/python3.11/json/__init__.py", True),
        ("usr/lib/python3.11/test/support/__init__.py", False),
        ("usr/lib/x86_64-linux-gnu/gconv/UTF-16.so", False),
        ("usr/share/doc/libc6/copyright", False),
        ("usr/bin/dpkg", False),
    ],
)
def test_what_the_root_keeps(path: str, kept: bool) -> None:
    assert recipe.X86_64.keeps(path) is kept
    assert recipe.AARCH64.keeps(path.replace("x86_64", "aarch64")) is kept


def test_every_architecture_has_a_board_and_arguments() -> None:
    own = {board.architecture for name in boards.names() if isinstance(board := boards.load(name), boards.LinuxBoard)}
    assert own == set(recipe.RECIPES) == set(image.ARGUMENTS)
    wheels = [{wheel.name: wheel.version for wheel in each.wheels} for each in recipe.RECIPES.values()]
    assert wheels[0] == wheels[1]  # the same services give the same results
    assert len({recipe.base_digest(each) for each in recipe.RECIPES.values()}) == 2


def test_architectures_have_images_of_their_own(without_mirror: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "build_for", lambda architecture: Path("/bin/true"))
    first, other = image.ensure(), image.ensure(architecture="aarch64")
    assert without_mirror == ["versions", "base"] * 2
    assert (first.architecture, other.architecture) == ("x86_64", "aarch64")
    assert first.root is not None and other.root is None
    held = b"root.erofs\0"  # as the name of a file in the archive
    assert held in other.initrd.read_bytes() and held not in first.initrd.read_bytes()
    assert "ttyAMA0" in other.arguments and "ttyS0" in first.arguments
    assert first.digest != other.digest
    assert image.prune() == []
    assert (image.find(), image.find("aarch64")) == (first, other)


def test_archive_does_not_depend_on_order_and_unpacks(tmp_path: Path) -> None:
    files = {"a": (0o040755, b""), "a/b.txt": (0o100644, b"hello"), "init": (0o100755, b"#!/bin/sh\n")}
    archive = initramfs.cpio(files)
    assert archive == initramfs.cpio(dict(reversed(files.items())))
    if shutil.which("cpio") is None:
        pytest.skip("cpio is not installed")
    subprocess.run(["cpio", "-im", "--quiet"], input=archive, cwd=tmp_path, check=True)
    assert (tmp_path / "a/b.txt").read_bytes() == b"hello"
    assert os.access(tmp_path / "init", os.X_OK)
    assert (tmp_path / "init").stat().st_mtime == recipe.EPOCH


def test_sources_are_the_hosts_mirrors_of_the_suite_only(monkeypatch: pytest.MonkeyPatch) -> None:
    targets = [
        ["http://mirror.example/debian/", "bookworm", "main"],
        ["http://mirror.example/debian/", "bookworm", "main"],
        ["http://mirror.example/debian-security/", "bookworm-security", "main"],
        ["http://other.example/node", "nodistro", "main"],
        ["http://mirror.example/debian/", "bookworm", "non-free"],
    ]
    monkeypatch.setattr(debian, "_host_targets", lambda: targets)
    assert debian.sources() == [
        "deb http://mirror.example/debian/ bookworm main",
        "deb http://mirror.example/debian-security/ bookworm-security main",
    ]
    monkeypatch.setattr(debian, "_host_targets", lambda: targets[2:])
    assert debian.sources() == []


def test_failing_tool_is_told_with_its_command() -> None:
    with pytest.raises(EnvironmentLacks, match=r"oops \(exit status 3 of: sh -c 'echo oops >&2; exit 3'\)"):
        debian.run(["sh", "-c", "echo oops >&2; exit 3"])
    with pytest.raises(EnvironmentLacks, match="no-such-tool is not installed: apt-get install"):
        debian.run(["no-such-tool"])


@pytest.fixture
def without_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace what needs a mirror by a small base; the list notes what was asked for."""
    asked: list[str] = []
    state = {"version": "1"}

    def resolve(packages: Sequence[str], architecture: str, scratch: Path) -> dict[str, str]:
        asked.append("versions")
        return dict.fromkeys(packages, state["version"])

    def assemble(wanted: object, ingredients: object, folder: Path) -> str:
        asked.append("base")
        time.sleep(0.2)
        (folder / "modules").mkdir()
        for name in ("kernel", "busybox", "root", "modules/00-a.ko"):
            (folder / name).write_text(name)
        return "6.1"

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("VSHM_LIBRARY", "/bin/true")
    monkeypatch.setattr(debian, "resolve", resolve)
    monkeypatch.setattr(root, "fetch", lambda wanted, folder: None)
    monkeypatch.setattr(root, "assemble", assemble)
    return asked


def test_ensure_builds_once_and_then_is_quick(without_mirror: list[str]) -> None:
    first = image.ensure()
    assert without_mirror == ["versions", "base"]
    assert first.kernel.read_text() == "kernel"
    assert first.manifest["kernel"] == "6.1"
    assert first.manifest["wheels"]["numpy"]
    began = time.perf_counter()
    assert image.ensure() == first
    assert time.perf_counter() - began < 0.03
    assert without_mirror == ["versions", "base"]
    assert image.list_images() == [first]


def test_own_change_makes_a_new_image_on_the_same_base(
    without_mirror: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = image.ensure()
    files = recipe.agent_files(Path("/bin/true"))
    monkeypatch.setattr(recipe, "agent_files", lambda library: files | {"guests/service.py": b"changed"})
    second = image.ensure()
    assert second.digest != first.digest
    assert second.root == first.root
    assert b"changed" in second.initrd.read_bytes()
    assert without_mirror == ["versions", "base"]
    assert {found.digest for found in image.list_images()} == {first.digest, second.digest}
    removed = image.prune()
    assert removed == [first.initrd.parent]
    assert image.list_images() == [second]


def test_build_asks_for_versions_but_rebuilds_only_what_changed(
    without_mirror: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = image.build()
    assert image.build() == first
    assert without_mirror == ["versions", "base", "versions"]
    monkeypatch.setattr(debian, "resolve", lambda packages, architecture, scratch: dict.fromkeys(packages, "2"))
    second = image.build()
    assert second.root != first.root
    assert image.ensure() == second
    assert set(image.prune()) == {first.root.parent, first.initrd.parent}


def test_interrupted_build_leaves_nothing_usable(without_mirror: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(wanted: object, ingredients: object, folder: Path) -> str:
        (folder / "kernel").write_text("half")
        os._exit(9)

    with monkeypatch.context() as patched:
        patched.setattr(root, "assemble", interrupted)
        killed = multiprocessing.get_context("fork").Process(target=image.ensure)
        killed.start()
        killed.join()
        assert killed.exitcode == 9
    assert image.list_images() == []
    assert list(cache_dir("images").glob(".partial-*"))
    assert image.ensure().kernel.read_text() == "kernel"
    assert not list(cache_dir("images").glob(".partial-*"))


def test_two_builders_at_once_build_once(without_mirror: list[str], tmp_path: Path) -> None:
    def build() -> None:
        image.ensure()
        with (tmp_path / "bases").open("a") as file:
            file.write("".join(f"{word}\n" for word in without_mirror))

    context = multiprocessing.get_context("fork")
    builders = [context.Process(target=build) for _ in range(4)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()
        assert builder.exitcode == 0
    assert (tmp_path / "bases").read_text().split() == ["versions", "base"]


@pytest.mark.slow
@pytest.mark.guest
@pytest.mark.parametrize("wanted", recipe.RECIPES.values(), ids=recipe.RECIPES)
def test_same_packages_give_the_same_bytes(wanted: recipe.Recipe, tmp_path: Path) -> None:
    if shutil.which("mmdebstrap") is None or shutil.which("mkfs.erofs") is None:
        pytest.skip("mmdebstrap or mkfs.erofs is not installed")
    (tmp_path / "fetched").mkdir()
    ingredients = root.fetch(wanted, tmp_path / "fetched")
    digests = []
    for number, mask in enumerate((0o022, 0o077)):
        folder = tmp_path / f"build{number}" / ("deeper" * number)
        folder.mkdir(parents=True)
        before = os.umask(mask)
        try:
            version = root.assemble(wanted, ingredients, folder)
        finally:
            os.umask(before)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        digests.append({str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files})
        assert version.startswith("6.")
        assert (folder / "root").stat().st_size % (2 << 20) == 0
        assert any(path.name.endswith("-erofs.ko") for path in files)
    assert digests[0] == digests[1]
