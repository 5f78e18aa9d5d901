"""Scenarios in tests: a pytest plugin, which is installed with the package. docs/ci.md describes it."""

from __future__ import annotations

from sim.testing.launch import DidNotRun
from sim.testing.run import SimRun

__all__ = ["DidNotRun", "SimRun"]
