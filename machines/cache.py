"""Where built things (images, snapshots, shared objects) are kept between runs."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir(*parts: str) -> Path:
    """Return a folder below the simulator's cache, made if missing.

    The root is ``$XDG_CACHE_HOME/edgesim`` (XDG Base Directory Specification 0.8), ``~/.cache/edgesim`` by default.

    Parameters:
        parts: names of nested folders below the root, such as ``"images"``.

    Returns:
        The existing folder.

    Raises:
        OSError: the folder cannot be made.
    """
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(base, "edgesim", *parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
