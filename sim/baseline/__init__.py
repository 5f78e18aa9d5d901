"""What a run did, kept and held against another one: event by event where that can be, else figure by figure."""

from __future__ import annotations

from sim.baseline.comparison import Comparison, compare
from sim.baseline.recorded import BaselineError, Recorded, open_recorded, save

__all__ = ["BaselineError", "Comparison", "Recorded", "compare", "open_recorded", "save"]
