"""Finished runs that several tests look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .simulator import IVI, RELAY, Finished, Running, run

DURATION = "300ms"
IVI_DURATION = "2s"
"""The first window of motion is full then."""


@pytest.fixture(scope="session")
def relayed(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The relay scenario, run with --json; afterwards its snapshot is in the cache."""
    return run(tmp_path_factory.mktemp("relay"), RELAY, DURATION, "--json")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[list[Running]]:
    """A list for runs under way, which are ended after the test."""
    started: list[Running] = []
    yield started
    for each in started:
        each.close()


@pytest.fixture(scope="session")
def ivi(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The IVI camera scenario: with a model, a metric, two guests of different shapes."""
    return run(tmp_path_factory.mktemp("ivi"), IVI, IVI_DURATION, "--json")
