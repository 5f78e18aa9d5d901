"""Board profiles: the shipped ones, their speeds, and what is said about broken ones."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from machines import boards

LINUX = (boards.FOLDER / "linux-x86_64.yaml").read_text()


def test_every_shipped_board_loads() -> None:
    assert "linux-x86_64" in boards.names()
    for name in boards.names():
        assert boards.load(name).name == name


def test_speeds_are_those_of_icount() -> None:
    board = boards.load("linux-x86_64")
    assert board.speeds_mips == tuple(Fraction(1000, 2**shift) for shift in range(11))
    assert [board.icount_shift(speed) for speed in board.speeds_mips] == list(range(11))
    assert board.icount_shift(62.5) == 4
    with pytest.raises(boards.BoardError, match="exactly 300 MIPS; nearest are 250 and 500 MIPS"):
        board.icount_shift(Fraction(300))
    assert board.nearest_speeds(2000) == (1000,)
    assert board.nearest_speeds(Fraction(1, 2)) == (Fraction(1000, 1024),)
    assert board.nearest_speeds(500) == (500,)


def test_cpu_has_no_source_of_randomness() -> None:
    model, *features = boards.load("linux-x86_64").cpu.split(",")
    assert model.startswith("Haswell"), "models after it have rdseed, too"
    assert "-rdrand" in features


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("backend: qemu", "backend: 3", "backend: "),
        ("backend: qemu\n", "", "backend: "),
        ("cpu:", "cpus:", "cpu"),
        ("minimum: 160", "minimum: 9000", "minimum 9000 is above maximum 3072"),
        ("name: linux-x86_64", "name: other", "name: is 'other', the file is called 'linux-x86_64'"),
        ("speed:", "speed: [", "linux-x86_64.yaml: "),
    ],
)
def test_broken_profiles(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "linux-x86_64.yaml"
    assert old in LINUX
    path.write_text(LINUX.replace(old, new, 1))
    with pytest.raises(boards.BoardError) as caught:
        boards.read(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_unknown_board() -> None:
    with pytest.raises(boards.BoardError, match=r"unknown machine 'arduino'; one of .*linux-x86_64"):
        boards.load("arduino")
    with pytest.raises(boards.BoardError, match="No such file"):
        boards.read(Path("nowhere.yaml"))
