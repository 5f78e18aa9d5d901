# SPDX-License-Identifier: Apache-2.0
"""The core as C: symbols, other processors, sanitizers, interleavings, fuzzers."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from virtio_shm import library

HERE = Path(__file__).parent
STRICT = ("-std=c99", "-ffreestanding", "-nostdlib", "-Wall", "-Wextra", "-Werror")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1")


def needs(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def run(*command: object, timeout: float = 600) -> str:
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=timeout)
    assert result.returncode == 0, f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}"
    return result.stdout + result.stderr


def hosted_sources() -> list[Path]:
    """The core without its own memcpy: with a sanitizer the C library's is wanted."""
    return [file for file in library.sources() if file.name != "memory.c"]


def test_shared_object_needs_nothing() -> None:
    """No libc version can matter to an object without undefined symbols and without needed libraries."""
    built = library.build()
    symbols = run(needs("nm"), "-D", "--undefined-only", built)
    assert symbols.strip() == ""
    assert "(NEEDED)" not in run(needs("readelf"), "-d", built)


def test_only_the_interface_is_exported() -> None:
    names = [line.split()[-1] for line in run(needs("nm"), "-D", "--defined-only", library.build()).splitlines()]
    header = (library.CORE / "vshm.h").read_text()
    assert names and all(name.startswith("vshm_") and f"{name}(" in header for name in names)


@pytest.mark.parametrize(
    "target",
    [
        "armv7m-none-eabi",
        "riscv32-none-elf",
        "riscv64-none-elf",
        "aarch64-none-elf",
        "i386-none-elf",
        "x86_64-none-elf",
    ],
)
def test_compiles_for_other_processors(target: str, tmp_path: Path) -> None:
    """Firmware gets the same files; a lock-free 64-bit atomic would show up as an undefined __atomic call."""
    clang = needs("clang")
    march = ["-march=rv32imac"] if target.startswith("riscv32") else []
    for file in library.sources():
        run(clang, f"--target={target}", *march, *STRICT, "-O2", "-c", file, "-o", tmp_path / f"{file.stem}.o")
    undefined = run(needs("llvm-nm") if shutil.which("llvm-nm") else needs("nm"), *tmp_path.glob("*.o"))
    assert "__atomic" not in undefined and "__sync" not in undefined


@pytest.fixture(scope="module")
def interleave(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("interleave") / "interleave"
    run(
        needs("cc"), "-std=gnu11", "-Wall", "-Wextra", "-Werror", *SANITIZERS, "-I", library.CORE,
        "-include", HERE / "interleave.h", *hosted_sources(), HERE / "interleave.c", "-o", program,
    )  # fmt: skip
    return program


def test_interleavings(interleave: Path) -> None:
    """300 runs of 400 tensors with a change-over at any access to shared memory, under ASan and UBSan."""
    assert "300 seeds" in run(interleave, 0, 300)


@pytest.mark.slow
def test_more_interleavings(interleave: Path) -> None:
    assert "4000 seeds" in run(interleave, 1_000_000, 4000)


@pytest.mark.slow
@pytest.mark.parametrize("side", ["device", "driver"])
def test_fuzz(side: str, tmp_path: Path) -> None:
    """A few seconds of libFuzzer; docs/ring.md has the command for a night."""
    program, corpus = tmp_path / f"fuzz_{side}", tmp_path / "corpus"
    corpus.mkdir()
    result = subprocess.run(
        [needs("clang"), "-std=c11", "-g", "-O2", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all",
         *map(str, hosted_sources()), str(library.CORE / "fuzz" / f"{side}.c"), "-o", str(program)],
        capture_output=True, text=True,
    )  # fmt: skip
    if "libclang_rt.fuzzer" in result.stderr:
        pytest.skip("clang has no fuzzer runtime (Debian: libclang-rt-14-dev)")
    assert result.returncode == 0, result.stderr
    output = run(program, "-max_total_time=6", "-max_len=512", corpus)
    executions = int(output.rsplit("Done ", 1)[1].split()[0])
    assert executions > 1000
