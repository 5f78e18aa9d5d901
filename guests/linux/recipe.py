"""What a guest image is made of: packages, wheels, kernel modules, and which of their files are kept.

Everything here is part of the image's digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

FORMAT = 1
"""Raised when the builder changes in a way that the other inputs do not show."""

SUITE = "bookworm"
PYTHON = "3.11"
"""The Python of `SUITE`, for which the wheels are chosen."""

PYTHON_PACKAGES = ("python3-minimal", "libpython3-stdlib")
ROOT_PACKAGES = (*PYTHON_PACKAGES, "busybox-static", "libstdc++6")

EPOCH = 1767225600
"""Time of every file, 2026-01-01T00:00:00Z: where QEMU's clock starts too."""

UUID = "e1e7051b-0000-4000-8000-000000000001"
"""Identity of the root file system; any fixed one will do."""


@dataclass(frozen=True)
class Wheel:
    """A Python wheel pinned by its hash."""

    name: str
    version: str
    sha256: str

    @property
    def requirement(self) -> str:
        """The line of a requirements file."""
        return f"{self.name}=={self.version} --hash=sha256:{self.sha256}"


@dataclass(frozen=True)
class Recipe:
    """What differs from one instruction set to the next.

    Attributes:
        architecture: as boards and QEMU call it.
        debian: as Debian calls it.
        kernel_package: brings the kernel and its modules.
        modules: kernel modules that the init script loads; what they depend on is added.
        wheels: for `PYTHON`.
        shared_root: all guests map one file with the root (virtio-pmem, DAX); else each has it, compressed, in its own
            memory, because its QEMU has no virtio-pmem and its kernel no DAX.
    """

    architecture: str
    debian: str
    kernel_package: str
    modules: tuple[str, ...]
    wheels: tuple[Wheel, ...]
    shared_root: bool

    @property
    def multiarch(self) -> str:
        """Debian's name for the folder of its libraries."""
        return f"{self.architecture}-linux-gnu"

    def keeps(self, path: str) -> bool:
        """Tell whether a file of a Debian package goes into the root."""
        return any(fnmatchcase(path, pattern.format(self)) for pattern in _KEPT) and self.keeps_of_wheel(path)

    def keeps_of_wheel(self, path: str) -> bool:
        """Tell whether a file of a wheel goes into the root."""
        return not any(fnmatchcase(path, pattern.format(self)) for pattern in _DROPPED)


_KEPT = (
    "bin/busybox",
    "lib/{0.multiarch}/*",
    "lib/ld-linux-*",
    "lib64/*",
    "usr/bin/python3*",
    "usr/lib/{0.multiarch}/*.so*",
    f"usr/lib/python{PYTHON}/*",
)
"""Files of the Debian packages that belong to the root (shell patterns, `*` spans folders)."""

_DROPPED = (
    "usr/lib/{0.multiarch}/gconv/*",
    f"usr/lib/python{PYTHON}/test/*",
    f"usr/lib/python{PYTHON}/pydoc_data/*",
    "ai_edge_litert/libLiteRt.so",
    "ai_edge_litert/libLiteRtWebGpuAccelerator.so",
    "ai_edge_litert/tools/*",
    "ai_edge_litert/vendors/*",
    "ai_edge_litert/aot/*",
    "numpy/*/tests/*",
    "numpy/tests/*",
    "numpy/f2py/*",
    "*.pyi",
    "*.a",
    "*.h",
)
"""Files left out again, of packages and wheels: the Interpreter needs no accelerator plug-ins and no second runtime."""

X86_64 = Recipe(
    architecture="x86_64",
    debian="amd64",
    kernel_package="linux-image-cloud-amd64",
    modules=("virtio_pci", "virtio_pmem", "nd_pmem", "erofs", "vfio_pci", "vfio_iommu_type1"),
    wheels=(
        Wheel("numpy", "2.4.6", "89cd468399cfd2504718f0ba50e410dca55a170b61a02ad92bb18c8a65186e93"),
        Wheel("ai-edge-litert", "2.3.0", "1f15078a6725d2357d9de9221664c29afa0545d807559c5f7199ce5e40b96b23"),
    ),
    shared_root=True,
)

AARCH64 = Recipe(
    architecture="aarch64",
    debian="arm64",
    kernel_package="linux-image-cloud-arm64",
    modules=("loop", "erofs", "vfio_pci", "vfio_iommu_type1"),
    wheels=(
        Wheel("numpy", "2.4.6", "0ab0a9c4ffb1a6d95ef519fe4247dba8eb6b18ad93999f76b7f657039acabd47"),
        Wheel("ai-edge-litert", "2.3.0", "853fc608f96da87bd5f3458465dfb9abbf18d5ae6b94eceacead407146f175ae"),
    ),
    shared_root=False,
)

RECIPES = {recipe.architecture: recipe for recipe in (X86_64, AARCH64)}
"""By architecture."""

PROJECT = Path(__file__).resolve().parents[2]
_AGENT_SOURCES = (
    "guests/__init__.py",
    "guests/service.py",
    "guests/linux/__init__.py",
    "guests/linux/agent/*.py",
    "virtio_shm/*.py",
)
_BUILDER_SOURCES = ("recipe.py", "debian.py", "root.py")


def base_digest(recipe: Recipe) -> str:
    """Return the digest of what the kernel and the root are made from, exact package versions aside."""
    sources = {name: (Path(__file__).parent / name).read_bytes() for name in _BUILDER_SOURCES}
    return digest({"architecture": recipe.architecture, **sources})


def agent_files(library: Path) -> dict[str, bytes]:
    """Return the simulator's own files for the guest: path below its package folder, and content.

    Parameters:
        library: the ring's shared object.
    """
    files = {
        path.relative_to(PROJECT).as_posix(): path.read_bytes()
        for pattern in _AGENT_SOURCES
        for path in PROJECT.glob(pattern)
    }
    files["libvshm.so"] = library.read_bytes()
    return dict(sorted(files.items()))


def digest(parts: Mapping[str, bytes | str]) -> str:
    """Return the hexadecimal SHA-256 of named parts, whatever their order."""
    contents = {name: part.encode() if isinstance(part, str) else part for name, part in parts.items()}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    return hashlib.sha256(json.dumps([FORMAT, hashes], sort_keys=True).encode()).hexdigest()
