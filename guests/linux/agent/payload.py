"""The payload: what the host sends a partition to run."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from guests.service import Signature, signature


class PayloadError(Exception):
    """The payload is not what its announcement or its manifest says."""


class Payload:
    """Collects the chunks of an announced payload.

    Parameters:
        announcement: the host's message: `bytes` and `chunks`.
    """

    def __init__(self, announcement: dict[str, Any]) -> None:
        self._expected_bytes: int = announcement["bytes"]
        self._missing: int = announcement["chunks"]
        self._archive = io.BytesIO()

    @property
    def complete(self) -> bool:
        """True once every chunk is there."""
        return self._missing == 0

    def add(self, chunk: bytes) -> None:
        """Take the next chunk."""
        self._archive.write(chunk)
        self._missing -= 1

    def unpack(self, folder: Path) -> dict[str, Any]:
        """Write the files into a folder, which becomes the working directory, and return the manifest.

        Parameters:
            folder: made if missing; services are imported from it, and paths in their settings are relative to it.

        Raises:
            PayloadError: bytes are missing, or there is no manifest.
        """
        if self._archive.tell() != self._expected_bytes:
            raise PayloadError(f"{self._archive.tell()} bytes came, {self._expected_bytes} were announced")
        try:
            with zipfile.ZipFile(self._archive) as archive:
                archive.extractall(folder)
            manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise PayloadError(f"not a payload: {error}") from error
        os.chdir(folder)
        sys.path.insert(0, str(folder))
        return manifest


def load_service(folder: Path, entry: dict[str, Any]) -> tuple[Callable[..., Any], Signature]:
    """Import a service and, if it is a class, make its instance.

    Parameters:
        folder: where the payload was unpacked.
        entry: the service's part of the manifest: `name`, `file`, `callable`, `settings`.

    Returns:
        What to call with the input tensors, and its signature.

    Raises:
        Exception: whatever the service's own code raises.
    """
    module_name = f"service_{entry['name']}"
    spec = importlib.util.spec_from_file_location(module_name, folder / entry["file"])
    if spec is None or spec.loader is None:
        raise PayloadError(f"{entry['file']} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    service = getattr(module, entry["callable"])
    kind = signature(service)
    return (service(**entry.get("settings") or {}) if kind.is_class else service), kind
