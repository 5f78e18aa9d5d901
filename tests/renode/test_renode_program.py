"""Which Renode is found, and private folders."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from renode_parts import install

from machines.errors import EnvironmentLacks
from machines.renode import folder, program
from machines.renode.folder import PREFIX, PrivateFolder


def test_the_one_on_path_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path)
    monkeypatch.delenv("SIM_RENODE", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    found = program.find()
    assert found.version == (1, 16, 1)
    assert found.identity == "Renode v1.16.1.19220"
    assert found.has_bus


def test_sim_renode_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIM_RENODE", str(install(tmp_path, "1.15.3")))
    assert program.find().version == (1, 15, 3)
    assert not program.find().has_bus


def test_no_renode_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIM_RENODE", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EnvironmentLacks) as caught:
        program.find()
    assert str(caught.value) == (
        "renode is not installed: get the portable archive from renode.io or the conda package renode-cli, and put it "
        "on PATH or point SIM_RENODE to its renode"
    )


@pytest.mark.parametrize("version", ["1.14.0", "1.15.0", "1.17.0", "2.0.1"])
def test_versions_that_speak_otherwise_are_refused(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIM_RENODE", str(install(tmp_path, version)))
    with pytest.raises(EnvironmentLacks, match=rf"is Renode {version}, needed is 1\.15\.1 to 1\.16: get the portable"):
        program.find()


@pytest.mark.parametrize(
    ("body", "words"),
    [("echo hello", "does not tell its version but says 'hello"), ("exit 2", "does not start: Command")],
)
def test_what_is_no_renode(body: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "renode"
    other.write_text(f"#!/bin/sh\n{body}\n")
    other.chmod(0o755)
    monkeypatch.setenv("SIM_RENODE", str(other))
    with pytest.raises(EnvironmentLacks, match=words):
        program.find()


def test_the_banner_of_older_ones_is_read_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "renode"
    other.write_text('#!/bin/sh\necho "12:00 [WARNING] noise"\necho "Renode, version 1.15.3.22387 (24bd02fd)"\n')
    other.chmod(0o755)
    monkeypatch.setenv("SIM_RENODE", str(other))
    assert program.find().version == (1, 15, 3)


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_folders_whose_owner_is_gone_are_swept(base: Path) -> None:
    stale = base / f"{PREFIX}stale"
    stale.mkdir()
    (stale / "owner").write_text("")
    (stale / "renode-sharedSegment-1").write_text("much")
    (base / f"{PREFIX}link").symlink_to(base)
    first = PrivateFolder(base)
    second = PrivateFolder(base)
    assert not stale.exists()
    assert (base / f"{PREFIX}link").is_symlink()
    assert first.path.is_dir()
    assert first.path.stat().st_mode & 0o77 == 0
    assert first.path != second.path
    first.remove()
    first.remove()
    assert not first.path.exists()
    assert second.path.exists()
    second.remove()


def test_places_with_blanks_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blank = tmp_path / "a b"
    blank.mkdir()
    assert folder._usable(str(blank), "/nowhere", str(tmp_path)) == tmp_path
    with pytest.raises(EnvironmentLacks, match="Renode needs a folder for its files: none of /nowhere can be written"):
        folder._usable("/nowhere")
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    assert folder.temporary() == tmp_path
    assert folder.memory() == Path("/dev/shm")
