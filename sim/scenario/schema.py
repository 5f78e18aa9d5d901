"""JSON Schema of scenarios, for editors: completion, descriptions on hover, units checked while typing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sim.scenario.model import Scenario
from sim.scenario.types import Section


def to_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a scenario file.

    Returns:
        Plain data, ready for ``json.dumps``; equal for every call. Defaults are written as in a file.
    """
    schema = Scenario.model_json_schema(by_alias=True, mode="validation")
    definitions = {**schema.get("$defs", {}), Scenario.__name__: schema}
    for section in sections():
        if section.__name__ in definitions:
            _write_defaults(section, definitions[section.__name__]["properties"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "edgesim scenario"}


def sections(base: type[Section] = Section) -> Iterator[type[Section]]:
    """Yield every kind of section of the language, in the order of definition."""
    for section in base.__subclasses__():
        yield section
        yield from sections(section)


def defaults(section: type[Section]) -> dict[str, Any]:
    """Return the defaults of a section's keys as they would stand in a file, without those that cannot."""
    return section.model_construct().model_dump(mode="json", by_alias=True, exclude_none=True)


def _write_defaults(section: type[Section], properties: dict[str, Any]) -> None:
    """Replace defaults such as 1000000 by text such as ``1ms``, drop those that mean absence, refuse improper names."""
    written = defaults(section)
    for key, schema in properties.items():
        schema.pop("title", None)
        if "default" in schema:
            del schema["default"]
            if written.get(key) not in (None, {}, [], ""):
                schema["default"] = written[key]
        if "patternProperties" in schema:
            schema["additionalProperties"] = False
