"""Files that a scenario names: where they are looked for, and what is said when they are not there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sim.scenario.problem import nearest
from sim.scenario.units import shown

PROJECT = Path(__file__).resolve().parents[2]
"""The folder that holds ``sim`` and ``guests``: shipped services are found from anywhere."""


@dataclass(frozen=True)
class File:
    """A file or folder as the scenario names it, and where it is."""

    text: str
    path: Path

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Program:
    """A callable in a Python file: `file` is absolute, `callable` the name in it."""

    text: str
    file: Path
    callable: str

    def __str__(self) -> str:
        return self.text


def search_folders(scenario: Path) -> tuple[Path, ...]:
    """Return where relative paths of a scenario are looked for, first one first.

    Parameters:
        scenario: the scenario's file.

    Returns:
        The scenario's folder, the current one, and the project's.
    """
    return tuple(dict.fromkeys((scenario.resolve().parent, Path.cwd(), PROJECT)))


def look_up(text: str, folders: Iterable[Path]) -> Path | None:
    """Return the absolute path of the first `text` that exists below one of `folders`, or None."""
    for folder in folders:
        try:
            if (folder / text).exists():
                return (folder / text).resolve()
        except (OSError, ValueError):  # a name too long or with a null character
            return None
    return None


def find_file(value: object, folders: Iterable[Path]) -> File:
    """Return the file or folder of this name.

    Raises:
        ValueError: there is none; the message has the nearest name.
    """
    folders = tuple(folders)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{shown(value)} is no path; write it like guests/models/plates_int8.tflite")
    path = look_up(value, folders)
    if path is None:
        raise ValueError(f"no file {shown(value)}; {_where(value, folders)}")
    return File(value, path)


def find_program(value: object, folders: Iterable[Path]) -> Program:
    """Return the Python file and callable of text such as ``guests/services/detector.py:Detector``.

    Raises:
        ValueError: the text has another form, or the file does not exist.
    """
    folders = tuple(folders)
    if isinstance(value, str) and re.fullmatch(r"(?i).+\.(c|h|cc|cpp)(:\w*)?", value):
        raise ValueError(
            f"{shown(value)} is for a microcontroller; a Linux guest runs Python like services/echo.py:echo"
        )
    match = re.fullmatch(r"(.+):([^:/\\]*)", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{shown(value)} is no service; write file and callable like services/detector.py:Detector")
    file, name = match[1], match[2].strip()
    if not name.isidentifier():
        raise ValueError(f"{shown(name)} is no callable's name; write it after the colon like {file}:Detector")
    path = look_up(file, folders)
    if path is None:
        raise ValueError(f"no file {shown(file)}; {_where(file, folders)}")
    if path.suffix != ".py" or not path.is_file():
        raise ValueError(f"{shown(file)} is no Python file; a service is a .py file")
    return Program(str(value), path, name)


def find_source(value: object, folders: Iterable[Path]) -> File:
    """Return the C source of this name.

    Raises:
        ValueError: the text names something else, or there is no such file.
    """
    example = "guests/mcu/services/echo.c"
    if isinstance(value, str) and re.fullmatch(r"(?i).+\.py(:.*)?", value):
        raise ValueError(f"{shown(value)} is for a Linux guest; a microcontroller runs C like {example}")
    if not isinstance(value, str) or not value.endswith(".c"):
        raise ValueError(f"{shown(value)} is no C source; write a file like {example}")
    return _one_file(find_file(value, folders), "a C source")


def find_firmware(value: object, folders: Iterable[Path]) -> File:
    """Return the ELF file of this name.

    Raises:
        ValueError: the text names something else, or there is no such file.
    """
    if isinstance(value, str) and value.endswith((".c", ".py", ".bin", ".hex")):
        raise ValueError(f"{shown(value)} is no linked program; name an ELF file like build/my.elf")
    return _one_file(find_file(value, folders), "firmware")


def find_boot_file(value: object, folders: Iterable[Path]) -> File:
    """Return the kernel, initial RAM file system or root file system of this name.

    Raises:
        ValueError: there is no such file.
    """
    return _one_file(find_file(value, folders), "what is booted")


def _one_file(found: File, what: str) -> File:
    if not found.path.is_file():
        raise ValueError(f"{shown(found.text)} is a folder; {what} is one file")
    return found


_DATA_FILE = re.compile(r".*\.(tflite|onnx|npy|npz|json|csv|txt|bin|png|yaml|yml)|.*/.*\.\w{1,8}", re.IGNORECASE)


def find_setting(value: object, folders: Iterable[Path]) -> object:
    """Return a service's setting; text that looks like a data file's name becomes that `File`.

    Raises:
        ValueError: it looks like a file and there is none.
    """
    if not isinstance(value, str) or not _DATA_FILE.fullmatch(value):
        return value
    return _one_file(find_file(value, folders), "a setting")


def _where(text: str, folders: tuple[Path, ...]) -> str:
    """Say which existing file was probably meant, or where was looked."""
    for folder in folders:
        try:
            siblings = {path.name for path in (folder / text).parent.iterdir() if path.name[0] not in "._"}
        except (OSError, ValueError):
            continue
        near = nearest(Path(text).name, siblings)
        if near is not None:
            return f"did you mean '{Path(text).with_name(near)}'?"
    return "paths are relative to the scenario's folder, the current folder or the project"
