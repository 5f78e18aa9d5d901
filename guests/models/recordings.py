"""Recorded signals of the small classifiers: reads them from the packages that carry them; nothing is downloaded.

Motion and gestures lie in aeon (``pip install edgesim[train]``). The electrocardiogram lies in the source archive of
wfdb, which has to be fetched by itself: ``pip download --no-deps --no-binary wfdb wfdb==4.3.0``.
"""

from __future__ import annotations

import hashlib
import io
import struct
import tarfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: The archive that holds the electrocardiogram: its name and content.
ECG_ARCHIVE = "wfdb-4.3.0.tar.gz"
ECG_SHA256 = "60df86bc5c9186a91930d1118218d9301d40a730ff730ec1c8571d1141d92bb9"
_HOW_TO_GET_IT = "get it by: pip download --no-deps --no-binary wfdb wfdb==4.3.0"
_ECG_RECORD = "wfdb-4.3.0/tmp_dl_dir/0201"

#: What the record's header (0201.hea) says: units per millivolt, and the sum of the first signal modulo 2**16.
_ECG_GAIN, _ECG_CHECKSUM = 400.0, 23134

#: Samples per second of the electrocardiogram as recorded.
ECG_RATE_HZ = 250

#: Beat codes of WFDB annotations (wfdb/io/annotation.py, ann_labels).
NORMAL, VENTRICULAR = 1, 5

#: Codes that are no annotations but steer how the following ones are read (WFDB, annot(5), "MIT format").
_SKIP, _NUMBER, _SUBTYPE, _CHANNEL, _TEXT = 59, 60, 61, 62, 63


class Recordings(NamedTuple):
    """One side of a labelled set of recordings.

    Parameters:
        signals: of each recording float32[samples, channels]
        labels: int64[recordings], indices of `classes`
        classes: their names
    """

    signals: list[NDArray[np.float32]]
    labels: NDArray[np.int64]
    classes: list[str]


class Electrocardiogram(NamedTuple):
    """An annotated electrocardiogram.

    Parameters:
        signal: float32[samples] in millivolts at `ECG_RATE_HZ`
        beats: int64[n], the sample at which each beat begins
        kinds: int64[n], `NORMAL` or `VENTRICULAR`
    """

    signal: NDArray[np.float32]
    beats: NDArray[np.int64]
    kinds: NDArray[np.int64]


def motion(*, test: bool) -> Recordings:
    """Return BasicMotions: 40 recordings of 100 samples at 10 Hz a side; accelerometer x, y, z and gyroscope x, y, z.

    Raises:
        ModuleNotFoundError: aeon is not installed.
    """
    return _read_aeon("BasicMotions", test, ["standing", "walking", "running", "badminton"])


def gesture(*, test: bool) -> Recordings:
    """Return PickupGestureWiimoteZ: 50 recordings a side of the same gesture by ten people, 29 to 361 samples of z.

    Raises:
        ModuleNotFoundError: aeon is not installed.
    """
    return _read_aeon("PickupGestureWiimoteZ", test, [str(person) for person in range(1, 11)])


def _read_aeon(name: str, test: bool, classes: list[str]) -> Recordings:
    from aeon.datasets import load_from_ts_file

    path = files("aeon.datasets") / "data" / name / f"{name}_{'TEST' if test else 'TRAIN'}.ts"
    signals, labels = load_from_ts_file(str(path))
    return Recordings(
        [np.asarray(signal, np.float32).T for signal in signals],
        np.array([classes.index(str(label).lower()) for label in labels], np.int64),
        classes,
    )


def ecg(archive: Path) -> Electrocardiogram:
    """Return the first signal of the American Heart Association's excluded record 0201, and its annotated beats.

    Parameters:
        archive: wfdb's source archive

    Raises:
        ValueError: there is no such file, or it is another one.
    """
    try:
        content = archive.read_bytes()
    except OSError as error:
        raise ValueError(f"{archive}: {error.strerror}; {_HOW_TO_GET_IT}") from None
    if hashlib.sha256(content).hexdigest() != ECG_SHA256:
        raise ValueError(f"{archive} is not the {ECG_ARCHIVE} wanted; {_HOW_TO_GET_IT}")
    with tarfile.open(fileobj=io.BytesIO(content)) as packed:
        signal = _unpack_212(_member(packed, f"{_ECG_RECORD}.dat"))
        beats = list(_annotations(_member(packed, f"{_ECG_RECORD}.atr")))
    if int(signal.sum()) & 0xFFFF != _ECG_CHECKSUM:
        raise ValueError(f"{archive}: the signal's checksum is not the one in its header")
    samples, kinds = np.array(beats, np.int64).T
    return Electrocardiogram((signal / _ECG_GAIN).astype(np.float32), samples, kinds)


def _member(packed: tarfile.TarFile, name: str) -> bytes:
    file = packed.extractfile(name)
    assert file is not None
    return file.read()


def _unpack_212(content: bytes) -> NDArray[np.int64]:
    """Return the first of two signals in WFDB's format 212, in which three bytes hold a 12-bit sample of each."""
    low, middle, _ = np.frombuffer(content, np.uint8).reshape(-1, 3).astype(np.int64).T
    unsigned = low | (middle & 0x0F) << 8
    signed: NDArray[np.int64] = unsigned - ((unsigned & 0x800) << 1)
    return signed


def _annotations(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield sample and code of each beat in WFDB's annotation format."""
    sample = offset = 0
    while (word := struct.unpack_from("<H", content, offset)[0]) != 0:
        offset += 2
        code, value = word >> 10, word & 0x3FF
        if code == _SKIP:
            high, low = struct.unpack_from("<hH", content, offset)
            offset += 4
            sample += high << 16 | low
        elif code == _TEXT:
            offset += value + value % 2
        elif code not in (_NUMBER, _SUBTYPE, _CHANNEL):
            sample += value
            yield sample, code
