"""The image that all Linux guests boot from: kernel, initial RAM file system, and a root that they share read-only.

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

KERNEL_ARGUMENTS = " ".join(
    (
        "console=ttyS0 quiet loglevel=4 panic=-1",
        "nokaslr norandmaps randomize_kstack_offset=off",  # the same addresses in every run
        "no_timer_check tsc=reliable nowatchdog",  # clocks need no second opinion: under icount they cannot drift
        "intel_iommu=on iommu=pt swiotlb=512",  # VFIO needs an IOMMU; nobody needs 64 MiB of bounce buffers
        "psi=0 cgroup_disable=memory ipv6.disable=1 audit=0 lsm=",  # nothing that wakes an idle guest or is not used
        "mitigations=off init_on_alloc=0 hardened_usercopy=off cryptomgr.notests",  # emulated CPUs leak no secrets
    )
)
"""The guest's kernel command line."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Image:
    """What a Linux guest boots from.

    Attributes:
        kernel: bzImage.
        initrd: initial RAM file system.
        root: EROFS file system for virtio-pmem, a multiple of 2 MiB.
        digest: hexadecimal; two images with the same digest are the same to the byte.
        manifest: what is in it: kernel version, package and wheel versions, digest of the base.
    """

    kernel: Path
    initrd: Path
    root: Path
    digest: str
    manifest: dict[str, Any]


def ensure(progress: Progress = lambda _: None) -> Image:
    """Return the image for the present sources, building what is missing; asks no mirror while a base is there.

    Parameters:
        progress: told what happens, in words.

    Raises:
        EnvironmentLacks: a tool is missing or a mirror cannot be reached.
    """
    found = find()
    return found if found is not None else _build(recipe.base_digest(), refresh=False, progress=progress)


def find() -> Image | None:
    """Return the image for the present sources if it is in the cache, else None."""
    return _find(recipe.base_digest())


def build(progress: Progress = lambda _: None) -> Image:
    """Ask the mirrors for the packages' present versions and return the image with these, built if need be.

    Parameters:
        progress: told what happens, in words.

    Raises:
        EnvironmentLacks: a tool is missing or a mirror cannot be reached.
    """
    return _build(recipe.base_digest(), refresh=True, progress=progress)


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
        current = _find(recipe.base_digest())
        kept = {current.initrd.parent, current.root.parent} if current is not None else set()
        doomed = [path for path in _folder().iterdir() if path.is_dir() and path not in kept]
        for path in doomed:
            shutil.rmtree(path)
        for index in _folder().glob("base-of-*"):
            if current is None or _folder() / index.read_text() != current.root.parent:
                index.unlink()
        return doomed


def _folder() -> Path:
    return cache_dir("images")


def _own_files() -> dict[str, bytes]:
    """Return what of the second layer is ours: the init script, the agent and the ring, by their paths in it."""
    from virtio_shm import library

    agent = recipe.agent_files(library.path())
    files = {f"{initramfs.AGENT_FOLDER}/{path}": content for path, content in agent.items()}
    return files | {"init": (Path(__file__).parent / "init").read_bytes()}


def _find(recipe_digest: str) -> Image | None:
    """Return the finished image for the present sources on the base that was last built by this recipe."""
    base = _find_base(recipe_digest)
    return _load(_image_folder(base, _own_files())) if base is not None else None


def _find_base(recipe_digest: str) -> Path | None:
    try:
        base = _folder() / (_folder() / f"base-of-{recipe_digest[:16]}").read_text()
    except OSError:
        return None
    return base if (base / "manifest.json").exists() else None


def _image_folder(base: Path, files: dict[str, bytes]) -> Path:
    packing = Path(initramfs.__file__).read_bytes()
    digest = recipe.digest({**files, "base": base.name, "arguments": KERNEL_ARGUMENTS, "packing": packing})
    return _folder() / f"image-{digest[:32]}"


def _load(folder: Path) -> Image | None:
    """Return the image in a folder, or None where it or its base is not complete."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
        base = _folder() / manifest["base"]
    except (OSError, ValueError, KeyError):
        return None
    if not (base / "manifest.json").exists():
        return None
    return Image(base / "kernel", folder / "initrd", base / "root", folder.name.removeprefix("image-"), manifest)


def _build(recipe_digest: str, refresh: bool, progress: Progress) -> Image:
    with locks.holding(_folder() / "lock"):
        for left in _folder().glob(".partial-*"):
            shutil.rmtree(left)
        base = None if refresh else _find_base(recipe_digest)
        if base is None:
            base = _build_base(recipe_digest, progress)
        files = _own_files()
        folder = _image_folder(base, files)
        if not folder.exists():
            with _partial() as partial:
                (partial / "initrd").write_bytes(initramfs.build(base, files))
                facts = json.loads((base / "manifest.json").read_text())
                _finish(partial, folder, facts | {"base": base.name, "arguments": KERNEL_ARGUMENTS})
        image = _load(folder)
        assert image is not None, "both layers were just finished"
        return image


def _build_base(recipe_digest: str, progress: Progress) -> Path:
    """Return the base of the packages' present versions, built unless it is there."""
    with _partial() as partial:
        progress("asking the mirror for package versions")
        scratch = partial / "scratch"
        scratch.mkdir()
        packages = debian.resolve((*recipe.ROOT_PACKAGES, *recipe.KERNEL_PACKAGES), scratch)
        shutil.rmtree(scratch)
        digest = recipe.digest({"recipe": recipe_digest, "packages": json.dumps(packages)})
        folder = _folder() / f"base-{digest[:32]}"
        if not folder.exists():
            progress("fetching the kernel, the root's packages, numpy and the interpreter")
            scratch.mkdir()
            ingredients = root.fetch(scratch)
            progress("making the root file system")
            kernel = root.assemble(ingredients, partial)
            shutil.rmtree(scratch)
            wheels = {wheel.name: wheel.version for wheel in recipe.WHEELS}
            _finish(partial, folder, {"kernel": kernel, "wheels": wheels, "packages": packages})
        index = _folder() / f"base-of-{recipe_digest[:16]}"
        fresh = index.with_suffix(".new")
        fresh.write_text(folder.name)
        fresh.replace(index)
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
