"""A recording: plays recorded tensors from a file, as a sensor that measures them would."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from guests.service import ITEM_BYTES, MAX_RANK, TensorType
from machines.native.recording_file import ArrayHeader, read_headers
from sim.scenario.devices.base import DeviceBase
from sim.scenario.files import File, find_file
from sim.scenario.ports import Port, exactly
from sim.scenario.problem import advice
from sim.scenario.types import Found, Rate

LABELS = "labels"
"""Usual name of the array that has the class of each row (sim/scenario/metrics.py)."""


class Recording(DeviceBase):
    """Sends every row of an array as one tensor through its port `sample`."""

    kind: Literal["recording"]
    source: Annotated[File, Found(find_file, {"type": "string", "examples": ["motion.npz", "ecg.npy"]})] = Field(
        description="File that `numpy.savez` or `numpy.save` wrote."
    )
    array: str | None = Field(
        default=None, description="Name of the array in an .npz file; if left out, the only one besides `labels`."
    )
    rate_hz: Rate = Field(alias="rate", description="Rows per virtual second.")
    start: int = Field(default=0, ge=0, description="The row to begin with, counted from 0.")
    count: int | None = Field(default=None, ge=1, description="Stops after this many rows, else after the last.")
    loop: bool = Field(default=False, description="Begins again with the first row after the last one.")

    @property
    def array_name(self) -> str:
        """Name of its array in the file, "" for that of an .npy file.

        Raises:
            ValueError: there is no array of this name, or several and none is named.
        """
        known = self.headers
        if self.array is None:
            choice = [name for name in known if name != LABELS] or list(known)
            if len(choice) != 1:
                names = f"{len(choice)} arrays, {', '.join(sorted(choice))}" if choice else "no array"
                raise ValueError(f"{self.source} has {names}; {'name one with array:' if choice else 'save one'}")
            return choice[0]
        if "" in known:
            raise ValueError(f"{self.source} is one array without a name; leave array: out")
        if self.array not in known:
            raise ValueError(f"no array '{self.array}' in {self.source}; {advice(self.array, known)}")
        return self.array

    @property
    def headers(self) -> Mapping[str, ArrayHeader]:
        """The arrays in its file by name.

        Raises:
            ValueError: it is no such file.
        """
        path = self.source.path
        if path.is_dir():
            raise ValueError(f"{self.source} is a folder; a recording is one .npz or .npy file")
        try:
            return _headers(path, path.stat().st_mtime_ns)
        except OSError as error:
            raise ValueError(f"{self.source} cannot be read: {error.strerror}; name a readable file") from None

    @property
    def tensor(self) -> TensorType:
        """The tensor of one row.

        Raises:
            ValueError: its array has no rows that are tensors.
        """
        header = self.headers[self.array_name]
        what = f"{self.source} holds {header}"
        if not header.is_tensor:
            raise ValueError(f"{what}, which no ring carries; one of {', '.join(ITEM_BYTES)}")
        if not 2 <= len(header.shape) <= 1 + MAX_RANK:
            raise ValueError(f"{what}; an array has rows and in each 1 to {MAX_RANK} dimensions, like [1000,6]")
        if 0 in header.shape:
            raise ValueError(f"{what}, which is empty; record something")
        return TensorType(header.dtype, header.shape[1:])

    @property
    def rows(self) -> int:
        """How many rows its array has."""
        return self.headers[self.array_name].shape[0]

    @property
    def samples(self) -> int | None:
        """How many rows it sends in all; None if it never stops."""
        if self.loop:
            return self.count
        left = self.rows - self.start
        return left if self.count is None else min(self.count, left)

    @property
    def summary(self) -> str:
        """File, rows and rate."""
        again = ", again and again" if self.loop else ""
        return f"{self.source}, {self.rows} of {self.tensor} at {float(self.rate_hz):g} Hz{again}"

    def ports(self) -> Mapping[str, Port]:
        """Return the one output `sample`; while its file is unusable, of any tensor."""
        try:
            return {"sample": exactly("output", self.tensor, f"a row of {self.source} is")}
        except ValueError:
            return {"sample": Port("output", lambda tensor: None)}

    def complaints(self) -> list[tuple[str, str]]:
        """Refuse files without such an array, arrays without such rows, and more rows than there are."""
        key = "source"
        try:
            if self.headers and self.array is not None:
                key = "array"
            _ = self.tensor
        except ValueError as error:
            return [(key, str(error))]
        left = self.rows - self.start
        if left <= 0:
            return [("start", f"there is no row {self.start}; {self.source} has {self.rows}, counted from 0")]
        if self.count is not None and self.count > left and not self.loop:
            return [("count", f"{self.count} is more than the {left} rows from row {self.start}; loop: true, or less")]
        return []


@lru_cache(maxsize=64)
def _headers(path: Path, modified_ns: int) -> Mapping[str, ArrayHeader]:
    return read_headers(path)
