"""Whether the result of a run is what its scenario expects, and if not, when that showed and where to look."""

from sim.expectations.comparison import Outcome, evaluate
from sim.expectations.judge import judge
from sim.scenario.expression import Expression, parse

__all__ = ["Expression", "Outcome", "evaluate", "judge", "parse"]
