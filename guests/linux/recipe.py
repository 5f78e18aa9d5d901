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
ARCHITECTURE = "amd64"
MULTIARCH = "x86_64-linux-gnu"
PYTHON = "3.11"
"""The Python of `SUITE`, for which the wheels are chosen."""

ROOT_PACKAGES = ("python3-minimal", "libpython3-stdlib", "busybox-static", "libstdc++6")
KERNEL_PACKAGES = ("linux-image-cloud-amd64",)

MODULES = ("virtio_pci", "virtio_pmem", "nd_pmem", "erofs", "vfio_pci", "vfio_iommu_type1")
"""Kernel modules that the init script loads; what they depend on is added."""

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


WHEELS = (
    Wheel("numpy", "2.4.6", "89cd468399cfd2504718f0ba50e410dca55a170b61a02ad92bb18c8a65186e93"),
    Wheel("ai-edge-litert", "2.3.0", "1f15078a6725d2357d9de9221664c29afa0545d807559c5f7199ce5e40b96b23"),
)

KEPT = (
    "bin/busybox",
    f"lib/{MULTIARCH}/*",
    "lib64/*",
    "usr/bin/python3*",
    f"usr/lib/{MULTIARCH}/*.so*",
    f"usr/lib/python{PYTHON}/*",
)
"""Files of the Debian packages that belong to the root (shell patterns, `*` spans folders)."""

DROPPED = (
    f"usr/lib/{MULTIARCH}/gconv/*",
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


def keeps(path: str) -> bool:
    """Tell whether a file of a Debian package goes into the root."""
    return any(fnmatchcase(path, pattern) for pattern in KEPT) and keeps_of_wheel(path)


def keeps_of_wheel(path: str) -> bool:
    """Tell whether a file of a wheel goes into the root."""
    return not any(fnmatchcase(path, pattern) for pattern in DROPPED)


PROJECT = Path(__file__).resolve().parents[2]
_AGENT_SOURCES = (
    "guests/__init__.py",
    "guests/service.py",
    "guests/linux/__init__.py",
    "guests/linux/agent/*.py",
    "virtio_shm/*.py",
)
_BUILDER_SOURCES = ("recipe.py", "debian.py", "root.py")


def base_digest() -> str:
    """Return the digest of what the kernel and the root are made from, exact package versions aside."""
    sources = {name: (Path(__file__).parent / name).read_bytes() for name in _BUILDER_SOURCES}
    return digest(sources)


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
