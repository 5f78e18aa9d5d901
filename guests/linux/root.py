"""The guest's kernel, modules and root file system, made the same to the byte from the same packages."""

from __future__ import annotations

import re
import shutil
import tarfile
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from guests.linux import debian, recipe
from machines.errors import EnvironmentLacks

WHEEL_FOLDER = "opt/python"
"""Where numpy and the interpreter lie in the guest's root."""

_EMPTY_FOLDERS = ("proc", "sys", "dev", "run", "tmp")
_ALIGNMENT = 2 << 20
"""QEMU wants the memory of a virtio-pmem device in whole 2 MiB pages."""

_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")


class Ingredients(NamedTuple):
    """What a base is assembled from.

    Attributes:
        kernel: tar archive with the kernel package's files.
        packages: tar archive with the files of the root's packages.
        wheels: numpy and the interpreter.
        python: tar archive with the files of the same Python for this computer, which compiles the root's files.
    """

    kernel: Path
    packages: Path
    wheels: list[Path]
    python: Path


def fetch(wanted: recipe.Recipe, folder: Path) -> Ingredients:
    """Fetch everything into an empty folder.

    Parameters:
        wanted: what to fetch.
        folder: takes it.

    Raises:
        EnvironmentLacks: a tool is missing or a mirror cannot be reached.
    """
    for name in ("kernel", "root", "wheels", "python"):
        (folder / name).mkdir()
    own = recipe.X86_64
    with ThreadPoolExecutor() as pool:
        kernel = pool.submit(debian.fetch, (wanted.kernel_package,), wanted.debian, folder / "kernel")
        packages = pool.submit(debian.fetch, recipe.ROOT_PACKAGES, wanted.debian, folder / "root")
        wheels = pool.submit(debian.fetch_wheels, wanted, folder / "wheels")
        foreign = wanted.architecture != own.architecture
        python = (
            pool.submit(debian.fetch, recipe.PYTHON_PACKAGES, own.debian, folder / "python") if foreign else packages
        )
    return Ingredients(kernel.result(), packages.result(), wheels.result(), python.result())


def assemble(wanted: recipe.Recipe, ingredients: Ingredients, folder: Path) -> str:
    """Make `kernel`, `busybox`, `modules/` and `root` in a folder.

    Parameters:
        wanted: what they are made for.
        ingredients: what they are made from.
        folder: takes them.

    Returns:
        The kernel's version.

    Raises:
        EnvironmentLacks: a tool is missing or failed, or a package lacks what the recipe wants of it.
    """
    version = _take_kernel(wanted, ingredients.kernel, folder)
    tree, python = folder / "tree", folder / "python"
    tree.mkdir()
    _unpack_packages(wanted, ingredients.packages, tree)
    _unpack_wheels(wanted, ingredients.wheels, tree / WHEEL_FOLDER)
    shutil.copy(tree / "bin/busybox", folder / "busybox")
    _furnish(tree)
    if ingredients.python == ingredients.packages:
        _compile(tree, tree)
    else:
        _unpack_packages(recipe.X86_64, ingredients.python, python)
        _compile(tree, python)
        shutil.rmtree(python)
    make_erofs(tree, folder / "root", compressed=not wanted.shared_root)
    shutil.rmtree(tree)
    return version


def make_erofs(tree: Path, target: Path, compressed: bool) -> None:
    """Write a folder as an EROFS file system.

    Parameters:
        tree: the folder.
        target: the file system.
        compressed: small; else it can be mapped page by page (DAX), so nothing is compressed or inlined.

    Raises:
        EnvironmentLacks: mkfs.erofs is missing or failed.
    """
    normalise(tree)
    layout = ["-zlz4hc", "-C16384"] if compressed else ["-E", "noinline_data"]
    debian.run(
        ["mkfs.erofs", "--quiet", "-x-1", f"-T{recipe.EPOCH}", "-U", recipe.UUID, "--all-root", *layout, target, tree]
    )
    size = target.stat().st_size
    with target.open("r+b") as file:
        file.truncate(-(-size // _ALIGNMENT) * _ALIGNMENT)


def normalise(tree: Path) -> None:
    """Give every file the mode that does not depend on who built it: 0755 for folders and programs, else 0644."""
    for path in [tree, *tree.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def _take_kernel(wanted: recipe.Recipe, archive: Path, folder: Path) -> str:
    """Take the kernel and the modules that the recipe names, with their dependencies, in the order of loading."""
    modules: dict[str, bytes] = {}
    version = ""
    with tarfile.open(archive) as tar:
        for member in tar:
            path = Path(member.name)
            if not member.isreg():
                continue
            data = tar.extractfile(member)
            assert data is not None, "a regular file has content"
            if path.name.startswith("vmlinuz-"):
                version = path.name.removeprefix("vmlinuz-")
                (folder / "kernel").write_bytes(data.read())
            elif path.suffix == ".ko":
                modules[path.stem.replace("-", "_")] = data.read()
    if not version:
        raise EnvironmentLacks(f"{wanted.kernel_package} brought no kernel")
    (folder / "modules").mkdir()
    for number, name in enumerate(_loading_order(wanted.modules, modules)):
        (folder / "modules" / f"{number:02}-{name}.ko").write_bytes(modules[name])
    return version


def _loading_order(names: Sequence[str], modules: dict[str, bytes]) -> list[str]:
    """Return `names` with all they depend on, each after its dependencies."""
    order: list[str] = []

    def visit(name: str) -> None:
        if name in order:
            return
        if name not in modules:
            raise EnvironmentLacks(f"the kernel package has no module {name}")
        depends = _DEPENDS.search(modules[name])
        for dependency in depends[1].decode().split(",") if depends else []:
            if dependency:
                visit(dependency.replace("-", "_"))
        order.append(name)

    for name in names:
        visit(name)
    return order


def _unpack_packages(wanted: recipe.Recipe, archive: Path, tree: Path) -> None:
    with tarfile.open(archive) as tar:
        for member in tar:
            path = member.name.removeprefix("./")
            if not wanted.keeps(path):
                continue
            target = tree / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if member.issym():
                target.symlink_to(member.linkname)
            elif member.isreg() or member.islnk():
                data = tar.extractfile(member)
                assert data is not None, "a regular file has content"
                target.write_bytes(data.read())
                target.chmod(member.mode)


def _unpack_wheels(wanted: recipe.Recipe, wheels: Sequence[Path], folder: Path) -> None:
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if wanted.keeps_of_wheel(name):
                    archive.extract(name, folder)


def _furnish(tree: Path) -> None:
    """Add the mount points and the few files that programs expect."""
    for name in _EMPTY_FOLDERS:
        (tree / name).mkdir()
    (tree / "bin/sh").symlink_to("busybox")
    (tree / "etc").mkdir()
    (tree / "etc/passwd").write_text("root:x:0:0:root:/tmp:/bin/sh\n")


def _compile(tree: Path, python: Path) -> None:
    """Compile all Python files with an interpreter of the guest's version, run in place by its own loader.

    The result is not checked against the sources at import ("unchecked-hash"), so it does not depend on file times.

    Parameters:
        tree: the root.
        python: folder with the interpreter for this computer: the root itself, where they have one instruction set.
    """
    own = recipe.X86_64.multiarch
    debian.run(
        [python / f"lib/{own}/ld-linux-x86-64.so.2", "--library-path", f"{python}/lib/{own}:{python}/usr/lib/{own}",
         python / f"usr/bin/python{recipe.PYTHON}", "-S", "-B", "-m", "compileall", "-qq", "-s", tree, "-p", "/",
         "--invalidation-mode", "unchecked-hash", tree / f"usr/lib/python{recipe.PYTHON}", tree / WHEEL_FOLDER],
        PYTHONHOME=f"{python}/usr", PYTHONHASHSEED="0",
    )  # fmt: skip
