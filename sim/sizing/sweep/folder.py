"""The folder of a sweep: what has been answered is kept part by part, so that a sweep that was ended goes on.

`manifest.json` says what was asked; `parts/points-NNNNNN.parquet` has the answer to one task, written beside its place
and then moved into it. Once all are there, they become `sweep.parquet` and `sweep.csv`, which do not tell whether the
sweep was ever interrupted, and the parts go.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.sizing.errors import SizingError
from sim.sizing.sweep.rows import Cell

if TYPE_CHECKING:
    import pyarrow

MANIFEST, PARTS, PARQUET, CSV = "manifest.json", "parts", "sweep.parquet", "sweep.csv"
MEASURED = "measured"
"""Folder of the run that execution times were taken from."""

FORMAT = 1
_WITHOUT_ANSWERS = ("logs", PARTS, MEASURED, ".running")
"""What may be there when a sweep was ended before its first answer."""

_INSTEAD = "name another --out, or remove this one"


def digest(text: str) -> str:
    """Return the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def code_digest() -> str:
    """Return the SHA-256 of the program text that decides what a sweep finds: the model and the policies."""
    root = Path(__file__).parents[2]
    found = hashlib.sha256()
    for folder in ("sizing", "host/scheduler"):
        for file in sorted((root / folder).rglob("*.[pch]*")):
            if file.suffix in (".py", ".c", ".h") and "report" not in file.parts:
                found.update(f"{file.relative_to(root)}\n".encode() + file.read_bytes())
    return found.hexdigest()


class SweepFolder:
    """What is kept of a sweep.

    Parameters:
        path: the folder; made if missing.
        facts: what was asked, part by part: all must be the same where a sweep goes on.
        notes: what else the manifest tells a reader.
        types: int or float of each column of figures.
        sizes: number of points of each task.

    Attributes:
        there: tasks that have been answered.

    Raises:
        SizingError: the folder has something else in it, or another sweep.
        OSError: it cannot be read or written.
    """

    def __init__(
        self,
        path: Path,
        facts: Mapping[str, str],
        notes: Mapping[str, Any],
        types: Mapping[str, type],
        sizes: Sequence[int],
    ) -> None:
        self.path, self._types, self._sizes = path, types, sizes
        check(path, facts)
        (path / PARTS).mkdir(parents=True, exist_ok=True)
        if not (path / MANIFEST).exists():
            manifest = {"format": FORMAT, "facts": dict(facts), **notes}
            _put_text(path / MANIFEST, json.dumps(manifest, indent=2) + "\n")
        self.there = {number for number, size in enumerate(sizes) if self._rows_of(number) == size}

    def put(self, number: int, rows: Sequence[Sequence[Cell]]) -> None:
        """Keep the answer to a task."""
        import pyarrow
        from pyarrow import parquet

        names = list(self._types)
        columns = {name: [row[place] for row in rows] for place, name in enumerate(names)}
        table = pyarrow.Table.from_pydict(columns, schema=self._schema())
        _put(self._part(number), lambda file: parquet.write_table(table, file))
        self.there.add(number)

    def figures(self) -> pyarrow.Table:
        """Return the answers to all tasks in order; all are there."""
        import pyarrow
        from pyarrow import parquet

        parts = [parquet.ParquetFile(self._part(number)).read(use_threads=False) for number in range(len(self._sizes))]
        return pyarrow.concat_tables(parts) if parts else self._schema().empty_table()

    def conclude(self, table: pyarrow.Table) -> None:
        """Write the whole table and remove the parts."""
        from pyarrow import csv, parquet

        _put(self.path / CSV, lambda file: csv.write_csv(table, str(file)))
        _put(self.path / PARQUET, lambda file: parquet.write_table(table, file))
        shutil.rmtree(self.path / PARTS)

    def whole(self) -> pyarrow.Table | None:
        """Return the table where all has been done in an earlier call."""
        from pyarrow import ArrowException, parquet

        try:
            table = parquet.ParquetFile(self.path / PARQUET).read(use_threads=False)
        except (OSError, ArrowException):
            return None
        if table.num_rows != sum(self._sizes) or not set(self._types) <= set(table.column_names):
            return None
        if not (self.path / CSV).exists():
            return None
        shutil.rmtree(self.path / PARTS, ignore_errors=True)
        return table

    def _schema(self) -> Any:
        import pyarrow

        kinds = {int: pyarrow.int64(), float: pyarrow.float64()}
        return pyarrow.schema([(name, kinds[kind]) for name, kind in self._types.items()])

    def _part(self, number: int) -> Path:
        return self.path / PARTS / f"points-{number:06d}.parquet"

    def _rows_of(self, number: int) -> int:
        """Return how many points a part has; 0 where it is missing, broken, or of other columns."""
        from pyarrow import ArrowException, parquet

        try:
            found = parquet.read_metadata(self._part(number))
            return int(found.num_rows) if found.schema.to_arrow_schema().equals(self._schema()) else 0
        except (OSError, ArrowException):
            return 0


def check(path: Path, facts: Mapping[str, str]) -> None:
    """Look whether a sweep may go into a folder.

    Raises:
        SizingError: it has something else in it, or another sweep; the message says in what that differs.
    """
    if path.exists() and not path.is_dir():
        raise SizingError(f"{path}: is a file; name a folder")
    if not (path / MANIFEST).exists():
        if path.is_dir() and any(file.name not in _WITHOUT_ANSWERS for file in path.iterdir()):
            raise SizingError(f"{path}: has other files in it, and no sweep; name another --out")
        return
    found = manifest(path)
    differing = [name for name in facts if found["facts"].get(name) != facts[name]]
    if differing:
        raise SizingError(f"{path}: has another sweep in it, of other {' and '.join(differing)}; {_INSTEAD}")


def manifest(path: Path) -> dict[str, Any]:
    """Return what the manifest of a folder says.

    Raises:
        SizingError: it is broken, or of another version.
    """
    try:
        found = json.loads((path / MANIFEST).read_text())
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("facts"), dict) or found.get("format") != FORMAT:
        raise SizingError(f"{path / MANIFEST}: not written by this version of `sim sweep`; {_INSTEAD}")
    return found


def _put(path: Path, write: Any) -> None:
    """Write a file beside its place and move it there, so that it is whole or not at all."""
    beside = path.with_name(f".{path.name}.part")
    write(beside)
    beside.replace(path)


def _put_text(path: Path, text: str) -> None:
    _put(path, lambda file: file.write_text(text))
