"""Requirements as the package's metadata states them."""

from __future__ import annotations

from importlib import metadata

import pytest

from sim.doctor import packages
from sim.doctor.finding import State
from sim.doctor.packages import Requirement, parse, satisfies


@pytest.mark.parametrize(
    ("line", "requirement"),
    [
        ("numpy<3,>=1.26", Requirement("numpy", "<3,>=1.26", "")),
        ("typing_extensions", Requirement("typing_extensions", "", "")),
        ("av>=14; extra == 'video'", Requirement("av", ">=14", "video")),
        (
            'iceoryx2==0.10.0 ; python_version > "3" and extra == "bench"',
            Requirement("iceoryx2", "==0.10.0", "bench"),
        ),
    ],
)
def test_requirement_lines(line: str, requirement: Requirement) -> None:
    assert parse(line) == requirement


@pytest.mark.parametrize(
    ("version", "bounds", "fits"),
    [
        ("2.4.6", "<3,>=1.26", True),
        ("3.0", "<3,>=1.26", False),
        ("3", "<3.0", False),
        ("1.9.1", ">=1.26", False),
        ("1.26", ">=1.26.0", True),
        ("0.10.0", "==0.10.0", True),
        ("0.10.1", "==0.10.0", False),
        ("0.10.1", "!=0.10.1", False),
        ("1.0", "", True),
    ],
)
def test_versions_and_bounds(version: str, bounds: str, fits: bool) -> None:
    assert satisfies(version, bounds) is fits


def test_the_environment_of_these_tests_has_all_that_is_needed() -> None:
    assert [finding for finding in packages.look() if finding.blocks] == []


def test_a_package_that_is_gone_or_too_old_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version

    def version(name: str) -> str:
        if name == "numpy":
            raise metadata.PackageNotFoundError(name)
        return "0.1" if name == "rich" else real(name)

    monkeypatch.setattr(metadata, "version", version)
    blocking = {finding.name: finding for finding in packages.look() if finding.blocks}
    assert set(blocking) == {"numpy", "rich"}
    assert blocking["numpy"].state is State.MISSING and "pip install 'numpy" in blocking["numpy"].remedy
    assert blocking["rich"].state is State.BROKEN and "0.1, wanted is" in blocking["rich"].detail


def test_an_optional_package_that_is_gone_does_not_block(monkeypatch: pytest.MonkeyPatch) -> None:
    def requires(name: str) -> list[str]:
        return ["av>=14; extra == 'video'", "hypothesis>=6; extra == 'dev'"]

    def version(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", requires)
    monkeypatch.setattr(metadata, "version", version)
    python, video = packages.look()
    assert python.state is State.OK
    assert (video.name, video.state, video.blocks) == ("av", State.MISSING, False)
