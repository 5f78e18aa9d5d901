"""Files of recorded tensors, .npy and .npz: their headers are read without numpy and without their data.

The formats are those of numpy.lib.format (NumPy Enhancement Proposal 1): an .npz is a zip archive of .npy files.
"""

from __future__ import annotations

import ast
import math
import zipfile
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAGIC = b"\x93NUMPY"
_MOST_HEADER_BYTES = 10_000
"""Longest header that is evaluated, as in numpy (numpy.lib.format.read_array_header_1_0, max_header_size)."""

_CODES = {
    "b1": "bool", "u1": "uint8", "i1": "int8", "u2": "uint16", "i2": "int16", "u4": "uint32", "i4": "int32",
    "u8": "uint64", "i8": "int64", "f2": "float16", "f4": "float32", "f8": "float64",
}  # fmt: skip
"""What rings carry, by kind and bytes of an element, as a header has them after the byte order."""


class ArrayHeader(NamedTuple):
    """What the header of an array says.

    Attributes:
        dtype: numpy's name, one of `virtio_shm.tensor.DTYPES`; of others what stands in the file, such as ``|O``, and
            "records" for structured ones.
        shape: length of each dimension.
    """

    dtype: str
    shape: tuple[int, ...]

    @property
    def is_tensor(self) -> bool:
        """Whether a ring can carry elements of this dtype."""
        return self.dtype in _CODES.values()

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join(map(str, self.shape))}]"


def read_headers(path: Path) -> dict[str, ArrayHeader]:
    """Read what arrays a file has.

    Parameters:
        path: an .npz or .npy file, told apart by what is in it.

    Returns:
        The header of each array by its name; the one array of an .npy file has the name "".

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no such file, or cut off; the text is one line: what is wrong; what would be right.
    """
    with path.open("rb") as file:
        is_archive = file.read(2) == b"PK"
        file.seek(0)
        if not is_archive:
            return {"": _read_header(file, path.stat().st_size, path.name)}
        try:
            with zipfile.ZipFile(file) as archive:
                return {
                    member.filename.removesuffix(".npy"): _read_member(archive, member, path.name)
                    for member in archive.infolist()
                    if member.filename.endswith(".npy")
                }
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise ValueError(f"{path.name} is no sound .npz file ({error}); save it with numpy.savez") from None


def load_array(path: Path, name: str) -> NDArray[Any]:
    """Return an array of a file, in this computer's byte order.

    Parameters:
        path: an .npz or .npy file.
        name: of the array; "" for that of an .npy file, which is mapped and not read.

    Raises:
        OSError, ValueError: it cannot be read; the text may have several lines.
        KeyError: there is no such array.
    """
    import numpy as np

    if not name:
        found: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    else:
        with np.load(path, allow_pickle=False) as file:
            found = file[name]
    return found if found.dtype.isnative else found.astype(found.dtype.newbyteorder("="))


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> ArrayHeader:
    with archive.open(member) as file:
        return _read_header(file, member.file_size, f"{member.filename} in {name}")


def _read_header(file: IO[bytes], size: int, what: str) -> ArrayHeader:
    """Read the header at the start of a file of `size` bytes.

    Raises:
        ValueError: it is no array, or cut off.
    """
    start = file.read(len(_MAGIC) + 2)
    length_bytes = 2 if start[-2:-1] == b"\x01" else 4
    length = int.from_bytes(file.read(length_bytes), "little")
    if not start.startswith(_MAGIC) or length > _MOST_HEADER_BYTES:
        raise ValueError(f"{what} is no array; save it with numpy.save or numpy.savez")
    try:
        fields = ast.literal_eval(file.read(length).decode("latin-1").strip())
        descr, shape = fields["descr"], tuple(fields["shape"])
        if not all(isinstance(extent, int) and extent >= 0 for extent in shape):
            raise TypeError
    except (KeyError, TypeError, ValueError, SyntaxError, MemoryError, RecursionError):
        raise ValueError(f"{what} has a header that is none; save it with numpy.save or numpy.savez") from None
    text = descr if isinstance(descr, str) else "records"
    code = text.lstrip("<>|=")
    if code in _CODES:
        needed = file.tell() + int(code[1:]) * math.prod(shape)
        if size < needed:
            raise ValueError(f"{what} is cut off: {size} bytes of {needed}; save it again")
    return ArrayHeader(_CODES.get(code, text), shape)
