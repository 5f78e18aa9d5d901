"""Arithmetic that a compiler's library lacks, against numpy and Python's integers."""

from __future__ import annotations

import ctypes
import random
import subprocess
from pathlib import Path

import numpy as np
import pytest

from guests.mcu.build import ROOT

XTENSA = ROOT / "core" / "xtensa"
SPECIAL = (
    0, 0x80000000, 1, 0x80000001, 0x7FFFFF, 0x800000, 0x3F800000, 0x7F7FFFFF, 0x7F800000, 0xFF800000, 0x7FC00000,
    0x4B800000,
)  # fmt: skip


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    target = tmp_path_factory.mktemp("arithmetic") / "arithmetic.so"
    flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-Wl,-Bsymbolic"]
    subprocess.run(["gcc", *flags, "-o", target, XTENSA / "floats.c", XTENSA / "integers.c"], check=True)
    return ctypes.CDLL(str(target))


def pairs(count: int) -> list[tuple[int, int]]:
    """Bit patterns of floats: special ones, any, and such whose sum or product is near a limit."""
    random_bits = random.Random(1).getrandbits
    found = [(a, b) for a in SPECIAL for b in SPECIAL]
    for _ in range(count):
        a, b = random_bits(32), random_bits(32)
        found += [(a, b), (a, (b & 0x807FFFFF) | (a & 0x7F800000)), (a & 0x80FFFFFF, b)]
        exponent = 254 - (a >> 23 & 0xFF) - random_bits(5) - 115 & 0xFF
        found.append((a, (b & 0x807FFFFF) | exponent << 23))
    return found


@pytest.mark.parametrize(
    ("name", "operation"), [("__addsf3", np.add), ("__subsf3", np.subtract), ("__mulsf3", np.multiply)]
)
def test_single_precision_is_that_of_ieee_754(library: ctypes.CDLL, name: str, operation: np.ufunc) -> None:
    call = getattr(library, name)
    call.restype, call.argtypes = ctypes.c_float, [ctypes.c_float, ctypes.c_float]
    for words in pairs(2_000):
        a, b = np.array(words, np.uint32).view(np.float32)
        with np.errstate(all="ignore"):
            expected = operation(a, b)
        got = np.float32(call(a, b))
        same = got.view(np.uint32) == expected.view(np.uint32) or (np.isnan(got) and np.isnan(expected))
        assert same, (name, [hex(word) for word in words], expected, got)


def test_numbers_become_floats_and_back(library: ctypes.CDLL) -> None:
    from_unsigned, from_signed = library.__getattr__("__floatunsisf"), library.__getattr__("__floatsisf")
    to_unsigned, to_double = library.__getattr__("__fixunssfsi"), library.__getattr__("__extendsfdf2")
    from_unsigned.restype = from_signed.restype = ctypes.c_float
    from_unsigned.argtypes, from_signed.argtypes = [ctypes.c_uint32], [ctypes.c_int32]
    to_unsigned.restype, to_unsigned.argtypes = ctypes.c_uint32, [ctypes.c_float]
    to_double.restype, to_double.argtypes = ctypes.c_double, [ctypes.c_float]
    draw = random.Random(2)
    for _ in range(4_000):
        number = draw.getrandbits(draw.randint(1, 32))
        assert from_unsigned(number) == float(np.float32(number))
        signed = number - (1 << 32) if number >> 31 else number
        assert from_signed(signed) == float(np.float32(signed))
        real = float(np.float32(draw.random() * 2 ** draw.randint(-140, 32)))
        assert to_double(real) == real
        assert to_unsigned(real) == min(int(real), 0xFFFFFFFF)
    assert to_unsigned(-1.0) == 0 and to_double(float("-inf")) == float("-inf")
    assert np.isnan(to_double(float("nan"))) and str(to_double(-0.0)) == "-0.0"


@pytest.mark.parametrize("bits", [32, 64])
def test_integer_division_and_products(library: ctypes.CDLL, bits: int) -> None:
    unsigned, signed = (ctypes.c_uint32, ctypes.c_int32) if bits == 32 else (ctypes.c_uint64, ctypes.c_int64)
    mode = "si" if bits == 32 else "di"
    quotient, rest, half = (library.__getattr__(f"__{name}{mode}3") for name in ("udiv", "umod", "div"))
    for function, kind in ((quotient, unsigned), (rest, unsigned), (half, signed)):
        function.restype, function.argtypes = kind, [kind, kind]
    product, wide = library.__getattr__("__muldi3"), library.__getattr__("__umulsidi3")
    product.restype, product.argtypes = ctypes.c_uint64, [ctypes.c_uint64, ctypes.c_uint64]
    wide.restype, wide.argtypes = ctypes.c_uint64, [ctypes.c_uint32, ctypes.c_uint32]
    draw = random.Random(bits)
    for _ in range(2_000):
        a, b = draw.getrandbits(draw.randint(1, bits)), draw.getrandbits(draw.randint(1, bits)) or 1
        assert (quotient(a, b), rest(a, b)) == divmod(a, b)
        low, high = signed(a).value, signed(b).value
        exact = abs(low) // abs(high) * (-1 if (low < 0) != (high < 0) else 1)
        assert half(low, high) == signed(exact).value
        assert product(a, b) == a * b & (1 << 64) - 1
        assert wide(a & 0xFFFFFFFF, b & 0xFFFFFFFF) == (a & 0xFFFFFFFF) * (b & 0xFFFFFFFF)


def test_memory_functions_do_what_those_of_the_c_library_do(tmp_path: Path) -> None:
    target = tmp_path / "memory.so"
    names = ("memcpy", "memmove", "memset", "memcmp")
    renamed = [f"-D{name}=mcu_{name}" for name in names]
    flags = [
        "-std=gnu11",
        "-O2",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-ffreestanding",
        "-shared",
        "-fPIC",
        f"-I{ROOT / 'include'}",
    ]
    subprocess.run(["gcc", *flags, *renamed, "-o", target, ROOT / "core" / "memory.c"], check=True)
    library = ctypes.CDLL(str(target))
    draw = random.Random(3)
    for _ in range(2_000):
        before = draw.randbytes(96)
        memory = bytearray(before)
        start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        size = draw.randint(0, 40)
        source, place = draw.randint(0, 96 - size), draw.randint(0, 96 - size)
        library.mcu_memmove(ctypes.c_void_p(start + place), ctypes.c_void_p(start + source), ctypes.c_size_t(size))
        assert memory == before[:place] + before[source : source + size] + before[place + size :]
        library.mcu_memset(ctypes.c_void_p(start + place), 0x1A5, ctypes.c_size_t(size))
        assert memory[place : place + size] == b"\xa5" * size
        library.mcu_memcpy(ctypes.c_void_p(start), before, ctypes.c_size_t(size))
        assert memory[:size] == before[:size]
        assert (library.mcu_memcmp(bytes(memory), before, ctypes.c_size_t(96)) == 0) == (memory == before)
