# SPDX-License-Identifier: Apache-2.0
"""Finding and building the shared object."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from virtio_shm import LibraryError, errors, interface, library, tap, tensor

ROOT = Path(library.__file__).parents[1]


def environment(cache: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "XDG_CACHE_HOME": str(cache), "PYTHONPATH": str(ROOT), **more}


def test_many_builders_at_once(tmp_path: Path) -> None:
    """Eight processes find an empty cache: all load the same object, and no partial file stays behind."""
    script = "import virtio_shm.library as l; l.load(); print(l.path())"
    builders = [
        subprocess.Popen([sys.executable, "-c", script], env=environment(tmp_path), stdout=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    outputs = {builder.communicate(timeout=120)[0].strip() for builder in builders}
    assert all(builder.returncode == 0 for builder in builders)
    assert len(outputs) == 1
    (found,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert str(found) in outputs


def test_second_call_builds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    built = library.build()
    stamp = built.stat().st_mtime_ns
    assert library.build() == built and built.stat().st_mtime_ns == stamp


def test_no_compiler_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.delenv(library.OVERRIDE, raising=False)
    with pytest.raises(LibraryError, match="no C compiler") as caught:
        library.path()
    assert "\n" not in str(caught.value) and "apt install" in str(caught.value)


def test_failing_compiler_is_one_line_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\necho 'ring.c:1: error: cannot' >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CC", str(compiler))
    with pytest.raises(LibraryError, match="error: cannot") as caught:
        library.build()
    assert "\n" not in str(caught.value)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_override(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = tmp_path / "ready.so"
    ready.write_bytes(library.build().read_bytes())
    monkeypatch.setenv(library.OVERRIDE, str(ready))
    assert library.path() == ready
    monkeypatch.setenv(library.OVERRIDE, str(tmp_path / "missing.so"))
    with pytest.raises(LibraryError, match="no such file"):
        library.path()


def test_crc_is_that_of_zlib() -> None:
    core = library.load()
    for sample in (b"", b"a", b"123456789", bytes(range(256)) * 33):
        assert core.vshm_crc32(0, sample, len(sample)) == zlib.crc32(sample)
    assert core.vshm_crc32(core.vshm_crc32(0, b"12", 2), b"34", 2) == zlib.crc32(b"1234")


def test_names_are_those_of_the_header() -> None:
    """errors.KINDS and the tap's kinds are indexed by the core's numbers."""
    header = (library.CORE / "vshm.h").read_text()
    kinds = re.findall(r"VSHM_K_(\w+)[,\n ]", header[header.index("enum vshm_kind") : header.index("VSHM_K_COUNT")])
    assert [kind.lower() for kind in kinds] == [name for name, _, _ in errors.KINDS]
    events = re.findall(r"VSHM_TAP_(\w+)", header[header.index("enum vshm_tap_kind") :])
    assert tuple(event.lower() for event in events) == tap.KINDS[1:]
    dtypes = re.findall(r"VSHM_(\w+)", header[header.index("enum vshm_dtype {") : header.index("VSHM_DTYPES")])
    assert tuple(dtype.lower() for dtype in dtypes) == tensor.DTYPES
    assert f"VSHM_INTERFACE {interface.VERSION}u" in header


def test_only_standard_library_and_numpy() -> None:
    """The same files are copied into guests that have nothing else."""
    script = (
        "import sys; sys.modules.update({n: None for n in ('pydantic', 'yaml', 'rich', 'sim', 'machines')});"
        "import virtio_shm;"
        "extra = {m.split('.')[0] for m in sys.modules} - set(sys.stdlib_module_names);"
        "print(sorted(n for n in extra if sys.modules.get(n) and not n.startswith('_')))"
    )
    output = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {[str(ROOT), *site_packages()]!r}\n" + script],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert eval(output) == ["numpy", "virtio_shm"]


def site_packages() -> list[str]:
    import numpy

    return [str(Path(numpy.__file__).parents[1])]
