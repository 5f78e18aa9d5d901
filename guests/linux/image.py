"""The images that Linux guests boot from, one for each instruction set: kernel, initial RAM file system, and root.

It has two layers, each cached below `machines.cache` under a digest of all that shapes it:

- a *base* (kernel, modules, root) from Debian's packages and pinned wheels: built in half a minute, seldom;
- an *image* (base and an initial RAM file system with our init and agent): built in milliseconds when one of our
  files changed.

A finished layer appears by a rename, so a half-built one is never used; one lock keeps two builders apart.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guests.linux import debian, initramfs, recipe, root
from machines import locks
from machines.cache import cache_dir

_COMMON_ARGUMENTS = (
    "quiet loglevel=4 panic=-1 nowatchdog",
    "nokaslr norandmaps randomize_kstack_offset=off",  # the same addresses in every run
    "psi=0 cgroup_disable=memory ipv6.disable=1 audit=0 lsm=",  # nothing that wakes an idle guest or is not used
    "mitigations=off init_on_alloc=0 hardened_usercopy=off cryptomgr.notests",  # emulated CPUs leak no secrets
)
_OWN_ARGUMENTS = {
    "x86_64": (
        "console=ttyS0",
        "no_timer_check tsc=reliable",  # clocks need no second opinion: under icount they cannot drift
        "intel_iommu=on iommu=pt swiotlb=512",  # VFIO needs an IOMMU; nobody needs 64 MiB of bounce buffers
    ),
    "aarch64": (
        "console=ttyAMA0",
        "rootfstype=ramfs cma=0",  # it holds the root, and a tmpfs would be limited to half of the memory
        "init_on_free=1",  # zeros take no place in a snapshot: the initial RAM file system is large, and freed at once
        "iommu.passthrough=1",
        "pci=resource_alignment=12@pci:1af4:1110",  # a device's registers have a page of their own, so VFIO maps it
    ),
}
ARGUMENTS = {name: " ".join((*own, *_COMMON_ARGUMENTS)) for name, own in _OWN_ARGUMENTS.items()}
"""Kernel command lines by architecture."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Image:
    """What a Linux guest boots from.

    Attributes:
        kernel: bzImage.
        initrd: initial RAM file system.
        root: EROFS file system for virtio-pmem, a multiple of 2 MiB; None: it is a file of
            the initial RAM file system.
        digest: hexadecimal; two images with the same digest are the same to the byte.
        manifest: what is in it: kernel version, package and wheel versions, digest of the base.
    """

    kernel: Path
    initrd: Path
    root: Path | None
    digest: str
    manifest: dict[str, Any]

    @property
    def arguments(self) -> str:
        """The kernel command line."""
        return str(self.manifest["arguments"])

    @property
    def architecture(self) -> str:
        """The instruction set."""
        return str(self.manifest["architecture"])

    @property
    def size_bytes(self) -> int:
        """Of all its files."""
        files = (self.kernel, self.initrd, self.root)
        return sum(path.stat().st_size for path in files if path is not None)

    @property
    def layers(self) -> set[Path]:
        """The folders that hold it."""
        return {self.kernel.parent, self.initrd.parent}


def ensure(progress: Progress = lambda _: None, architecture: str = "x86_64") -> Image:
    """Return the image for the present sources, building what is missing; asks no mirror while a base is there.

    Parameters:
        progress: told what happens, in words.
        architecture: one of `recipe.RECIPES`.

    Raises:
        EnvironmentLacks: a tool is missing or a mirror cannot be reached.
    """
    wanted = recipe.RECIPES[architecture]
    found = _find(wanted)
    return found if found is not None else _build(wanted, refresh=False, progress=progress)


def find(architecture: str = "x86_64") -> Image | None:
    """Return the image for the present sources if it is in the cache, else None."""
    return _find(recipe.RECIPES[architecture])


def build(progress: Progress = lambda _: None, architecture: str = "x86_64") -> Image:
    """Ask the mirrors for the packages' present versions and return the image with these, built if need be.

    Parameters:
        progress: told what happens, in words.
        architecture: one of `recipe.RECIPES`.

    Raises:
        EnvironmentLacks: a tool is missing or a mirror cannot be reached.
    """
    return _build(recipe.RECIPES[architecture], refresh=True, progress=progress)


def list_images() -> list[Image]:
    """Return all finished images in the cache, the newest first."""
    manifests = sorted(_folder().glob("image-*/manifest.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    return [image for image in (_load(path.parent) for path in manifests) if image is not None]


def prune() -> list[Path]:
    """Remove every layer but those that the present sources use, and what killed builders left.

    A running guest is not disturbed: it keeps the files that it has mapped.

    Returns:
        The removed folders.
    """
    with locks.holding(_folder() / "lock"):
        bases = {index: _folder() / index.read_text() for index in _folder().glob("base-of-*")}
        current = [image for wanted in recipe.RECIPES.values() if (image := _find(wanted)) is not None]
        kept = {layer for image in current for layer in image.layers}
        doomed = [path for path in _folder().iterdir() if path.is_dir() and path not in kept]
        for path in doomed:
            shutil.rmtree(path)
        for index, base in bases.items():
            if base not in kept:
                index.unlink()
        return doomed


def _folder() -> Path:
    return cache_dir("images")


def _own_files(architecture: str) -> dict[str, bytes]:
    """Return what of the second layer is ours: the init script, the agent and the ring, by their paths in it."""
    from virtio_shm import library

    agent = recipe.agent_files(library.build_for(architecture))
    files = {f"{initramfs.AGENT_FOLDER}/{path}": content for path, content in agent.items()}
    return files | {"init": (Path(__file__).parent / "init").read_bytes()}


def _find(wanted: recipe.Recipe) -> Image | None:
    """Return the finished image for the present sources on the base that was last built by this recipe."""
    base = _find_base(wanted)
    return _load(_image_folder(wanted, base, _own_files(wanted.architecture))) if base is not None else None


def _find_base(wanted: recipe.Recipe) -> Path | None:
    try:
        base = _folder() / _index(wanted).read_text()
    except OSError:
        return None
    return base if (base / "manifest.json").exists() else None


def _index(wanted: recipe.Recipe) -> Path:
    """Return the file that names the base which was last built by a recipe."""
    return _folder() / f"base-of-{recipe.base_digest(wanted)[:16]}"


def _image_folder(wanted: recipe.Recipe, base: Path, files: dict[str, bytes]) -> Path:
    packing = Path(initramfs.__file__).read_bytes()
    arguments = ARGUMENTS[wanted.architecture]
    digest = recipe.digest({**files, "base": base.name, "arguments": arguments, "packing": packing})
    return _folder() / f"image-{digest[:32]}"


def _load(folder: Path) -> Image | None:
    """Return the image in a folder, or None where it or its base is not complete."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
        base = _folder() / manifest["base"]
        shared_root = recipe.RECIPES[manifest["architecture"]].shared_root
    except (OSError, ValueError, KeyError):
        return None
    if not (base / "manifest.json").exists():
        return None
    root_file = base / "root" if shared_root else None
    return Image(base / "kernel", folder / "initrd", root_file, folder.name.removeprefix("image-"), manifest)


def _build(wanted: recipe.Recipe, refresh: bool, progress: Progress) -> Image:
    with locks.holding(_folder() / "lock"):
        for left in _folder().glob(".partial-*"):
            shutil.rmtree(left)
        base = None if refresh else _find_base(wanted)
        if base is None:
            base = _build_base(wanted, progress)
        files = _own_files(wanted.architecture)
        folder = _image_folder(wanted, base, files)
        if not folder.exists():
            with _partial() as partial:
                content = initramfs.build(base, files, with_root=not wanted.shared_root)
                (partial / "initrd").write_bytes(content)
                facts = json.loads((base / "manifest.json").read_text())
                arguments = ARGUMENTS[wanted.architecture]
                _finish(partial, folder, facts | {"base": base.name, "arguments": arguments})
        image = _load(folder)
        assert image is not None, "both layers were just finished"
        return image


def _build_base(wanted: recipe.Recipe, progress: Progress) -> Path:
    """Return the base of the packages' present versions, built unless it is there."""
    with _partial() as partial:
        progress(f"{wanted.architecture}: asking the mirror for package versions")
        scratch = partial / "scratch"
        scratch.mkdir()
        packages = debian.resolve((*recipe.ROOT_PACKAGES, wanted.kernel_package), wanted.debian, scratch)
        shutil.rmtree(scratch)
        digest = recipe.digest({"recipe": recipe.base_digest(wanted), "packages": json.dumps(packages)})
        folder = _folder() / f"base-{digest[:32]}"
        if not folder.exists():
            progress(f"{wanted.architecture}: fetching the kernel, the root's packages, numpy and the interpreter")
            scratch.mkdir()
            ingredients = root.fetch(wanted, scratch)
            progress(f"{wanted.architecture}: making the root file system")
            kernel = root.assemble(wanted, ingredients, partial)
            shutil.rmtree(scratch)
            wheels = {wheel.name: wheel.version for wheel in wanted.wheels}
            made_of = {"kernel": kernel, "wheels": wheels, "packages": packages}
            _finish(partial, folder, {"architecture": wanted.architecture, **made_of})
        fresh = _index(wanted).with_suffix(".new")
        fresh.write_text(folder.name)
        fresh.replace(_index(wanted))
        return folder


def _finish(partial: Path, folder: Path, manifest: dict[str, Any]) -> None:
    """Make a complete layer visible, all at once."""
    (partial / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True))
    partial.rename(folder)


@contextlib.contextmanager
def _partial() -> Iterator[Path]:
    """Give a folder beside the finished ones, and remove what is left of it."""
    folder = Path(tempfile.mkdtemp(prefix=".partial-", dir=_folder()))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
