"""Compiles a converted model for the host and runs it."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from guests.mcu.nn import Conversion

MAIN = Path(__file__).with_name("host_main.c")
WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Werror")
PLAIN = ("gcc", "-O2", *WARNINGS)
SANITIZED = ("clang", "-O1", "-g", *WARNINGS, "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def build(conversion: Conversion, folder: Path, compiler: Sequence[str]) -> Path:
    """Return the program for a model."""
    source, program = folder / "model.c", folder / "model"
    source.write_text(conversion.c_source)
    includes = [f"-I{path}" for path in conversion.include_dirs]
    line = [*compiler, *includes, "-o", str(program), str(source), str(MAIN), *map(str, conversion.sources)]
    subprocess.run(line, check=True)
    return program


def run(program: Path, inputs: bytes) -> bytes:
    """Return the outputs for inputs, both one after the other."""
    return subprocess.run([program], input=inputs, stdout=subprocess.PIPE, check=True).stdout
