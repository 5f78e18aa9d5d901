"""`sim schema`: what editors check scenarios with."""

from __future__ import annotations

import json


def print_schema() -> None:
    """Print the JSON Schema of scenarios."""
    from sim.scenario.schema import to_schema

    print(json.dumps(to_schema(), indent=2))
