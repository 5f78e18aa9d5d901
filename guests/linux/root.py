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
    """

    kernel: Path
    packages: Path
    wheels: list[Path]


def fetch(folder: Path) -> Ingredients:
    """Fetch everything into an empty folder.

    Raises:
        EnvironmentLacks: a tool is missing or a mirror cannot be reached.
    """
    for name in ("kernel", "root", "wheels"):
        (folder / name).mkdir()
    with ThreadPoolExecutor() as pool:
        kernel = pool.submit(debian.fetch, recipe.KERNEL_PACKAGES, folder / "kernel")
        packages = pool.submit(debian.fetch, recipe.ROOT_PACKAGES, folder / "root")
        wheels = pool.submit(debian.fetch_wheels, folder / "wheels")
    return Ingredients(kernel.result(), packages.result(), wheels.result())


def assemble(ingredients: Ingredients, folder: Path) -> str:
    """Make `kernel`, `busybox`, `modules/` and `root` in a folder.

    Returns:
        The kernel's version.

    Raises:
        EnvironmentLacks: a tool is missing or failed, or a package lacks what the recipe wants of it.
    """
    version = _take_kernel(ingredients.kernel, folder)
    tree = folder / "tree"
    tree.mkdir()
    _unpack_packages(ingredients.packages, tree)
    _unpack_wheels(ingredients.wheels, tree / WHEEL_FOLDER)
    shutil.copy(tree / "bin/busybox", folder / "busybox")
    _furnish(tree)
    _compile(tree)
    make_erofs(tree, folder / "root")
    shutil.rmtree(tree)
    return version


def make_erofs(tree: Path, target: Path) -> None:
    """Write a folder as an EROFS file system that can be mapped page by page (DAX): nothing compressed or inlined.

    Raises:
        EnvironmentLacks: mkfs.erofs is missing or failed.
    """
    normalise(tree)
    debian.run(
        ["mkfs.erofs", "--quiet", "-x-1", f"-T{recipe.EPOCH}", "-U", recipe.UUID, "--all-root", "-E", "noinline_data",
         target, tree]
    )  # fmt: skip
    size = target.stat().st_size
    with target.open("r+b") as file:
        file.truncate(-(-size // _ALIGNMENT) * _ALIGNMENT)


def normalise(tree: Path) -> None:
    """Give every file the mode that does not depend on who built it: 0755 for folders and programs, else 0644."""
    for path in [tree, *tree.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def _take_kernel(archive: Path, folder: Path) -> str:
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
        raise EnvironmentLacks(f"{', '.join(recipe.KERNEL_PACKAGES)} brought no kernel")
    (folder / "modules").mkdir()
    for number, name in enumerate(_loading_order(recipe.MODULES, modules)):
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


def _unpack_packages(archive: Path, tree: Path) -> None:
    with tarfile.open(archive) as tar:
        for member in tar:
            path = member.name.removeprefix("./")
            if not recipe.keeps(path):
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


def _unpack_wheels(wheels: Sequence[Path], folder: Path) -> None:
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if recipe.keeps_of_wheel(name):
                    archive.extract(name, folder)


def _furnish(tree: Path) -> None:
    """Add the mount points and the few files that programs expect."""
    for name in _EMPTY_FOLDERS:
        (tree / name).mkdir()
    (tree / "bin/sh").symlink_to("busybox")
    (tree / "etc").mkdir()
    (tree / "etc/passwd").write_text("root:x:0:0:root:/tmp:/bin/sh\n")


def _compile(tree: Path) -> None:
    """Compile all Python files with the guest's own interpreter, run in place by its own loader.

    The result is not checked against the sources at import ("unchecked-hash"), so it does not depend on file times.
    """
    libraries = f"{tree}/lib/{recipe.MULTIARCH}:{tree}/usr/lib/{recipe.MULTIARCH}"
    debian.run(
        [tree / f"lib/{recipe.MULTIARCH}/ld-linux-x86-64.so.2", "--library-path", libraries,
         tree / f"usr/bin/python{recipe.PYTHON}", "-S", "-B", "-m", "compileall", "-qq", "-s", tree, "-p", "/",
         "--invalidation-mode", "unchecked-hash", tree / f"usr/lib/python{recipe.PYTHON}", tree / WHEEL_FOLDER],
        PYTHONHOME=f"{tree}/usr", PYTHONHASHSEED="0",
    )  # fmt: skip
