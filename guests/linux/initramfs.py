"""The initial RAM file system: busybox, kernel modules, init script and agent, as a reproducible cpio archive."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from guests.linux import recipe

AGENT_FOLDER = "edgesim"
"""Where our Python files lie; the init script copies it to /run."""

_FOLDER = 0o040755
_PROGRAM = 0o100755
_FILE = 0o100644


def build(base: Path, own: Mapping[str, bytes], with_root: bool) -> bytes:
    """Return the archive.

    Parameters:
        base: folder with `busybox`, `modules/` and `root` (see `root.assemble`).
        own: the simulator's files by path: `init`, which the kernel starts, and those below `AGENT_FOLDER`.
        with_root: the root is in it.
    """
    files = {path: (_PROGRAM if path == "init" else _FILE, content) for path, content in own.items()}
    files["bin/busybox"] = (_PROGRAM, (base / "busybox").read_bytes())
    for module in (base / "modules").iterdir():
        files[f"modules/{module.name}"] = (_FILE, module.read_bytes())
    for folder in ("proc", "sys", "dev", "run", "root"):
        files[folder] = (_FOLDER, b"")
    for path in tuple(files):
        for parent in PurePosixPath(path).parents:
            if parent.name:
                files[str(parent)] = (_FOLDER, b"")
    if with_root:
        files["root.erofs"] = (_FILE, (base / "root").read_bytes())
    return cpio(files)


def cpio(files: Mapping[str, tuple[int, bytes]]) -> bytes:
    """Pack files in the kernel's "newc" format (Documentation/driver-api/early-userspace/buffer-format.rst).

    Parameters:
        files: mode (type and permissions) and content by path; a folder's path must be there too.

    Returns:
        The archive, the same for the same files whatever their order.
    """
    parts: list[bytes] = []
    for number, path in enumerate(sorted(files), start=1):
        parts.append(_record(path, number, *files[path]))
    parts.append(_record("TRAILER!!!", 0, 0, b""))
    return b"".join(parts)


def _record(path: str, inode: int, mode: int, content: bytes) -> bytes:
    name = path.encode() + b"\0"
    time = recipe.EPOCH if inode else 0
    fields = (inode, mode, 0, 0, 1, time, len(content), 0, 0, 0, 0, len(name), 0)
    header = b"070701" + b"".join(b"%08x" % field for field in fields) + name
    return header + bytes(-len(header) % 4) + content + bytes(-len(content) % 4)
