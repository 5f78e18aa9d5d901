"""Which backend runs a board: the one asked for, else the first that is installed and models it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from machines import boards
from machines.boards import McuBackend, McuBoard
from machines.errors import EnvironmentLacks
from machines.mcu import backends

NAMES = ("renode", "qemu", "labwired")
NO_RENODE = "renode is not installed"


def board(name: str) -> McuBoard:
    found = boards.load(name)
    assert isinstance(found, McuBoard)
    return found


def installed(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Make some backends look installed and the others not."""

    def module(name: str) -> SimpleNamespace:
        def find(entry: McuBackend) -> str:
            if name not in names:
                raise EnvironmentLacks(f"get {name} somewhere")
            return f"{name} 1.0 with {entry.machine}"

        return SimpleNamespace(find=find)

    monkeypatch.setattr(backends, "module", module)


@pytest.mark.parametrize(
    ("machine", "there", "chosen", "note"),
    [
        ("mps2-an386", NAMES, "renode", ""),
        ("mps2-an386", ("qemu",), "qemu", NO_RENODE),
        ("esp32s3", NAMES, "renode", ""),
        ("esp32s3", ("qemu", "labwired"), "labwired", NO_RENODE),
        ("esp32s3", ("qemu",), "qemu", f"virt stands in for the board; {NO_RENODE}; labwired is not installed"),
        ("mps2-an505", NAMES, "qemu", ""),
    ],
)  # fmt: skip
def test_auto(monkeypatch: pytest.MonkeyPatch, machine: str, there: tuple[str, ...], chosen: str, note: str) -> None:
    installed(monkeypatch, *there)
    choice = backends.choose(board(machine), "auto")
    assert (choice.name, choice.note) == (chosen, note)
    assert choice.entry == board(machine).backends[choice.name]
    assert choice.identity == f"{chosen} 1.0 with {choice.entry.machine}"


def test_the_one_asked_for_is_taken_even_if_another_is_better(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, *NAMES)
    choice = backends.choose(board("nrf52840"), "qemu")
    assert (choice.name, choice.note) == ("qemu", "mps2-an386 stands in for the board")


def test_the_one_asked_for_is_never_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, "qemu")
    with pytest.raises(EnvironmentLacks, match="get labwired somewhere"):
        backends.choose(board("nrf52840"), "labwired")


def test_without_any_all_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch)
    with pytest.raises(EnvironmentLacks) as caught:
        backends.choose(board("esp32"), "auto")
    for name in NAMES:
        assert f"{name}: get {name} somewhere" in str(caught.value)


def test_every_backend_of_every_board_has_a_module() -> None:
    for name in boards.names():
        found = boards.load(name)
        if isinstance(found, McuBoard):
            for backend in found.backends:
                assert callable(backends.module(backend).find) and callable(backends.module(backend).make)


def test_every_board_has_a_backend_that_models_it() -> None:
    for name in boards.names():
        found = boards.load(name)
        assert not isinstance(found, McuBoard) or not all(entry.stand_in for entry in found.backends.values())
