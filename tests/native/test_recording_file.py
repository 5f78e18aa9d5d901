"""Headers of .npy and .npz files: read as numpy reads them, without the data, and what is wrong is told in one line."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from machines.native.recording_file import load_array, read_headers
from virtio_shm.tensor import DTYPES


def npy(array: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array(out, array, version)
    return out.getvalue()


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_what_numpy_writes_is_read(tmp_path: Path, dtype: str, order: str, version: tuple[int, int]) -> None:
    array = (np.arange(24).reshape(4, 3, 2) % 2).astype(np.dtype(dtype).newbyteorder(order))
    path = tmp_path / "a.npy"
    path.write_bytes(npy(array, version))
    assert read_headers(path) == {"": (dtype, (4, 3, 2))}
    loaded = load_array(path, "")
    assert loaded.dtype.name == dtype and loaded.dtype.isnative
    assert np.array_equal(loaded, array)


@settings(max_examples=50, deadline=None)
@given(
    array=arrays.arrays(st.sampled_from(DTYPES).map(np.dtype), arrays.array_shapes(min_dims=0, max_dims=7, min_side=0)),
    fortran=st.booleans(),
    compress=st.booleans(),
)
def test_archives_of_any_arrays(
    tmp_path_factory: pytest.TempPathFactory, array: np.ndarray, fortran: bool, compress: bool
) -> None:
    path = tmp_path_factory.mktemp("npz") / "some.npz"
    (np.savez_compressed if compress else np.savez)(path, one=np.array(array, order="F" if fortran else "C"), two=[1.5])
    headers = read_headers(path)
    assert headers == {"one": (array.dtype.name, array.shape), "two": ("float64", (1,))}
    assert load_array(path, "one").tobytes() == array.tobytes()


def test_a_file_is_what_is_in_it_and_not_its_ending(tmp_path: Path) -> None:
    (tmp_path / "array.npz").write_bytes(npy(np.zeros((3, 2))))
    assert read_headers(tmp_path / "array.npz") == {"": ("float64", (3, 2))}


@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (np.array([{}, 1], object), "|O"),
        (np.zeros(2, "U3"), "<U3"),
        (np.zeros(2, "S3"), "|S3"),
        (np.zeros(2, "c8"), "<c8"),
        (np.zeros(2, "M8[ns]"), "<M8[ns]"),
        (np.zeros(2, [("a", "f4"), ("b", "i4")]), "records"),
    ],
)
def test_what_is_no_tensor_keeps_its_name(tmp_path: Path, array: np.ndarray, dtype: str) -> None:
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    header = read_headers(tmp_path / "a.npy")[""]
    assert (header.dtype, header.shape, header.is_tensor) == (dtype, (2,), False)


SOUND = npy(np.zeros((4, 6), np.float32))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "bad.npy is no array"),
        (b"hello, world", "bad.npy is no array"),
        (b"\x93NUMPY", "bad.npy has a header that is none"),
        (SOUND[:6] + b"\x01\x00\xff\xff" + SOUND[10:], "bad.npy is no array"),
        (SOUND[:-1], "bad.npy is cut off: 223 bytes of 224; save it again"),
        (SOUND.replace(b"'shape'", b"'shepa'"), "bad.npy has a header that is none"),
        (SOUND.replace(b"(4, 6)", b"(-4,6)"), "bad.npy has a header that is none"),
        (SOUND.replace(b"(4, 6)", b"f(4,6)"), "bad.npy has a header that is none"),
        (SOUND.replace(b"(4, 6)", b"'four'"), "bad.npy has a header that is none"),
        (SOUND.replace(b"(4, 6)", b"(9**9)"), "bad.npy has a header that is none"),
        (SOUND[:10] + b"(" * 118 + SOUND[128:], "bad.npy has a header that is none"),
        (b"PK\x03\x04 and so on", "bad.npy is no sound .npz file"),
    ],
    ids=range(12),
)
def test_what_is_wrong_is_told_in_a_line(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "bad.npy"
    path.write_bytes(content)
    with pytest.raises(ValueError) as caught:
        read_headers(path)
    assert words in str(caught.value) and ";" in str(caught.value) and "\n" not in str(caught.value)


def test_a_member_that_is_wrong_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("good.npy", SOUND)
        archive.writestr("rows.npy", SOUND[:-8])
    with pytest.raises(ValueError, match=r"rows\.npy in a\.npz is cut off"):
        read_headers(tmp_path / "a.npz")


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_damage_leads_to_anything_but_a_line(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("damaged") / "a"
    packed = io.BytesIO()
    np.savez_compressed(packed, rows=np.arange(12).reshape(3, 4), labels=[1, 2, 3])
    content = bytearray(data.draw(st.sampled_from([SOUND, packed.getvalue()])))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        headers = read_headers(path)
    except ValueError as error:
        assert "\n" not in str(error)
    else:
        assert all(isinstance(header.shape, tuple) for header in headers.values())


def test_headers_are_read_without_the_data(tmp_path: Path) -> None:
    """Gigabytes of rows that take no room, as the file is sparse, cost nothing."""
    path = tmp_path / "large.npy"
    with path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (1_000_000_000, 6)}
        np.lib.format.write_array_header_2_0(file, header)
        file.truncate(file.tell() + 24_000_000_000)
    assert read_headers(path)[""].shape == (1_000_000_000, 6)
    assert load_array(path, "")[-1].tolist() == [0.0] * 6


def test_reading_headers_loads_no_numpy() -> None:
    """``sim check`` is to be quick."""
    code = "import sys, machines.native.recording_file; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
