"""What the documents name exists: files, names in files, links, headings, pictures, commands and their options."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import typer.main

from sim import exit_codes
from sim.cli import app

from .documents import DOCUMENTS, ROOT, blocks, named_blocks, prose

FOLDERS = "sim|machines|guests|virtio_shm|scenarios|tests|docs|benchmarks"
PATH = re.compile(rf"`((?:{FOLDERS})/[\w/.-]*)(?::(\w+))?[^`]*`")
LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]*))?\)")
IMAGE_BYTES = 400_000
PLACEHOLDER = re.compile(r"\b(?:NAME|SIDE|ARCHITECTURE)\b")

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())


def defines(path: Path, name: str) -> bool:
    """Tell whether a source file has a definition of a name: Python at the left margin, C as a function."""
    text = path.read_text()
    if path.suffix == ".py":
        return re.search(rf"^(?:class|def) {name}\b|^{name}\b.*=", text, re.M) is not None
    return re.search(rf"^\w[\w *]*\b{name}\(", text, re.M) is not None


@each_document
def test_paths_exist(document: Path) -> None:
    to_be_made = named_blocks(document)
    for path, name in PATH.findall(prose(document)):
        if path in to_be_made or PLACEHOLDER.search(path):
            continue
        assert (ROOT / path).exists(), f"{document.name} names {path}, which does not exist"
        assert not name or defines(ROOT / path, name), f"{document.name} names {path}:{name}, which is not there"


@each_document
def test_links_resolve(document: Path) -> None:
    for path, heading in LINK.findall(prose(document)):
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), f"{document.name} links to {path}, which does not exist"
        if heading:
            anchors = {anchor(line) for line in target.read_text().splitlines() if line.startswith("#")}
            assert heading in anchors, f"{document.name} links to #{heading} of {target.name}; it has {sorted(anchors)}"


def test_the_tree_of_folders_is_true() -> None:
    (tree,) = [block for block in blocks(ROOT / "docs/architecture.md", "text") if block.startswith("sim/")]
    inside: list[Path] = []
    for line in tree.splitlines():
        depth, name = (len(line) - len(line.lstrip())) // 2, line.split()[0]
        inside = [*inside[:depth], inside[depth - 1] / name if depth else ROOT / name]
        assert inside[-1].is_dir() == name.endswith("/") and inside[-1].exists(), f"there is no {inside[-1]}"
    named = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()} - {"benchmarks"}
    assert {line.split("/")[0] for line in tree.splitlines() if line[0] != " "} >= named


def anchor(heading: str) -> str:
    """Return the anchor that a heading gets on a page."""
    return re.sub(r"[^\w\- ]", "", heading.lstrip("# ").lower()).replace(" ", "-")


@pytest.mark.parametrize("document", ["README.md", "docs/services.md", "docs/extending.md", "scenarios/README.md"])
def test_commands_exist(document: str) -> None:
    path = ROOT / document
    shown = [line[2:] for block in blocks(path, "console") for line in block.splitlines() if line.startswith("$ sim ")]
    named = re.findall(r"`(sim [a-z][^`]*)`", prose(path))
    assert shown or named
    for line in (*shown, *named):
        words = shlex.split(line.split("|")[0].split("#")[0])[1:]
        assert_command(words, line)


def assert_command(words: list[str], line: str) -> None:
    """Follow the words through the groups of commands, and check every option."""
    command: Any = typer.main.get_command(app)
    while subcommands(command) and words and not words[0].startswith("-"):
        assert words[0] in subcommands(command), f"there is no command '{line}'"
        command = subcommands(command)[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    for word in words:
        assert not word.startswith("-") or word in known, f"'{line}': there is no option {word}"


def subcommands(command: Any) -> Mapping[str, Any]:
    """Return the commands of a group by name; none for a command."""
    return getattr(command, "commands", {})


def test_readme_has_every_command_and_exit_code() -> None:
    readme = (ROOT / "README.md").read_text()
    for name, command in subcommands(typer.main.get_command(app)).items():
        for each in [f"{name} {sub}" for sub in subcommands(command)] or [name]:
            assert f"| `sim {each}" in readme, f"README.md lacks sim {each}"
    codes = {getattr(exit_codes, name) for name in vars(exit_codes) if name.startswith("EXIT_")}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", readme, re.M)} == codes


def test_readme_names_every_option_of_run() -> None:
    row = next(line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("| `sim run"))
    options = [each.opts for each in subcommands(typer.main.get_command(app))["run"].params]
    named = [opts for opts in options if opts[0].startswith("-")]
    assert len(named) >= 6
    for opts in named:
        assert any(option in row for option in opts), f"README.md lacks {opts}"


def test_make_targets_exist() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
    for document in DOCUMENTS:
        for target in re.findall(r"(?:`|^\$ )make ([a-z-]+)", document.read_text(), re.M):
            assert target in targets, f"{document.name} names make {target}"


def test_pictures_are_small_and_used() -> None:
    texts = "".join(document.read_text() for document in DOCUMENTS)
    pictures = sorted((ROOT / "docs/pictures").iterdir())
    assert pictures
    for picture in pictures:
        assert picture.suffix == ".png" and picture.stat().st_size < IMAGE_BYTES
        assert f"pictures/{picture.name}" in texts, f"no document shows {picture.name}"


def test_index_has_every_document() -> None:
    index = (ROOT / "docs/README.md").read_text()
    for path in (ROOT / "docs").rglob("*.md"):
        name = path.relative_to(ROOT / "docs").as_posix()
        assert name == "README.md" or f"({name})" in index, f"docs/README.md lacks {name}"


def test_scenarios_are_all_listed() -> None:
    listed = (ROOT / "scenarios/README.md").read_text()
    for path in (ROOT / "scenarios").rglob("*.yaml"):
        name = path.relative_to(ROOT / "scenarios").as_posix()
        assert f"({name})" in listed, f"scenarios/README.md lacks {name}"
