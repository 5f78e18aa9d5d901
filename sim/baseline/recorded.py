"""A run that is kept: the folder of its report, or a baseline, which is one small file.

A baseline is compressed with gzip (RFC 1952). Its first line is a JSON object, the header: ``edgesim_baseline`` (the
format's version), ``events`` and ``digest`` of the trace, and ``result``: result.json without the host's clock. All
further lines are the trace. Runs of one digest make baselines that are equal byte by byte.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, cast

from sim.baseline.event import parse
from sim.report.result import repeatable

FORMAT = 1
TRACE, RESULT = "trace.log", "result.json"
HEADER_BYTES, LINE_BYTES = 64 << 20, 1 << 16
"""Most that a header and a line of a trace may have: such files come from elsewhere."""


class BaselineError(Exception):
    """Raised when a file or folder is no run to compare with; the text is one line."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A run to compare.

    Attributes:
        name: what to call it: where it is.
        result: what result.json holds; without the host's clock when it comes from a baseline.
        open: opens its trace from the beginning; the lines add up to the digest, or a BaselineError comes at the end.
    """

    name: str
    result: Mapping[str, Any]
    open: Callable[[], Iterable[str]]

    @property
    def digest(self) -> str:
        """Of its trace."""
        return str(self.result["digest"])

    @property
    def sources(self) -> dict[str, str]:
        """Who publishes into each channel."""
        return {name: str(channel.get("source", "")) for name, channel in self.result.get("channels", {}).items()}

    def check(self) -> None:
        """Read its trace to the end.

        Raises:
            BaselineError: it is damaged.
        """
        try:
            for line in self.open():
                parse(line)
        except ValueError as error:
            raise BaselineError(f"{self.name}: is damaged: {error}") from None


def open_recorded(path: Path) -> Recorded:
    """Open the folder of a run, or a baseline.

    Raises:
        BaselineError: it is neither, is damaged, or of a version that is not known here.
    """
    try:
        return _folder(path) if path.is_dir() else _baseline(path)
    except (OSError, EOFError, ValueError, RecursionError, zlib.error) as error:
        raise BaselineError(f"{path}: is no run to compare with: {_reason(path, error)}") from None


def _reason(path: Path, error: Exception) -> str:
    """Return why a file or folder is no run, and what would be."""
    if path.name in (TRACE, RESULT) and path.is_file():
        return f"it is one file of it; name its folder, {path.parent}"
    if isinstance(error, gzip.BadGzipFile):
        return (
            "it is no baseline, which is compressed with gzip; name the folder of a run, or what --save-baseline wrote"
        )
    if isinstance(error, (json.JSONDecodeError, UnicodeDecodeError, RecursionError)):
        return f"its {RESULT} is no JSON" if path.is_dir() else "its first line is not the header of a baseline"
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def save(path: Path, result: Mapping[str, Any], lines: Iterable[str]) -> None:
    """Write a baseline, whole or not at all.

    Parameters:
        path: the file; its folder is made if missing.
        result: what result.json holds. What was expected of the run as a whole, such as that it is the same as another
            baseline, is left out.
        lines: of the trace, each with its line end.

    Raises:
        OSError: it cannot be written.
    """
    lines = list(lines)
    kept = {key: value for key, value in repeatable(result).items() if key != "scenario_file"}
    kept["expectations"] = [each for each in result["expectations"] if each.get("figure") != ""]
    header = {"edgesim_baseline": FORMAT, "events": len(lines), "digest": result["digest"], "result": kept}
    packed = BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0, compresslevel=9) as stream:
        stream.write((json.dumps(header, separators=(",", ":"), allow_nan=False) + "\n").encode())
        for line in lines:
            stream.write(line.encode())
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_bytes(packed.getvalue())
    temporary.replace(path)


def _folder(path: Path) -> Recorded:
    for name in (RESULT, TRACE):
        if not (path / name).is_file():
            raise BaselineError(f"{path}: is no folder of a finished run: it has no {name}")
    result = _result(json.loads((path / RESULT).read_text("utf-8")))
    return Recorded(str(path), result, lambda: _verified(path, result["digest"], lambda: (path / TRACE).open("rb"), 0))


def _baseline(path: Path) -> Recorded:
    def unpacked() -> BinaryIO:
        return cast(BinaryIO, gzip.open(path, "rb"))

    with unpacked() as stream:
        line = stream.readline(HEADER_BYTES)
    header = json.loads(line)
    if not isinstance(header, dict) or "edgesim_baseline" not in header:
        raise ValueError("its first line is not the header of a baseline")
    if header["edgesim_baseline"] != FORMAT:
        version = header["edgesim_baseline"]
        raise ValueError(f"it is a baseline of format {version}, this version knows format {FORMAT}; save it anew")
    result = _result(header.get("result"))
    return Recorded(str(path), result, lambda: _verified(path, result["digest"], unpacked, 1))


def _result(figures: object) -> dict[str, Any]:
    """Return figures, if they are those of a run."""
    sections = {"channels": dict, "partitions": dict, "environment": dict, "expectations": list, "digest": str}
    if not isinstance(figures, dict):
        raise ValueError("it has no figures of a run")
    for name, kind in sections.items():
        if not isinstance(figures.get(name), kind):
            raise ValueError(f"its figures lack '{name}'")
    parts = [*figures["channels"].values(), *figures["partitions"].values(), *figures["expectations"]]
    if not all(isinstance(part, dict) for part in parts):
        raise ValueError("its figures are damaged: a channel, a partition or an expectation has none")
    if not isinstance(figures.get("quantum_ns", 0), int):
        raise ValueError("its figures are damaged: 'quantum_ns' is no whole number")
    return figures


def _verified(path: Path, digest: str, opened: Callable[[], BinaryIO], skipped: int) -> Iterator[str]:
    """Yield the lines of a trace, and fail at the end unless they are those of the digest."""
    seen = hashlib.sha256()
    try:
        with opened() as stream:
            for _ in range(skipped):
                stream.readline(HEADER_BYTES)
            while line := stream.readline(LINE_BYTES):
                seen.update(line)
                yield line.decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise BaselineError(f"{path}: is damaged: {error}") from None
    if seen.hexdigest() != digest:
        raise BaselineError(f"{path}: is damaged: its events do not add up to its digest {digest[:12]}")
