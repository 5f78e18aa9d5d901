"""The scenario language: YAML in, a checked `Scenario` or every mistake with its position out."""

from __future__ import annotations

from sim.scenario.load import check, load
from sim.scenario.model import Scenario
from sim.scenario.problem import Problem, ScenarioErrors

__all__ = ["Problem", "Scenario", "ScenarioErrors", "check", "load"]
