"""Profiles: what describes a device, as data in a YAML file that is called after it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

import yaml
from pydantic import ValidationError


class Named(Protocol):
    """What every profile has."""

    @property
    def name(self) -> str:
        """Its name, which is also that of its file."""


Profile = TypeVar("Profile", bound=Named)


def names(folder: Path) -> tuple[str, ...]:
    """Return the names of all profiles in a folder, sorted."""
    return tuple(sorted(path.stem for path in folder.glob("*.yaml")))


def read(path: Path, validate: Callable[[object], Profile], error: type[ValueError]) -> Profile:
    """Read a profile from a file.

    Parameters:
        path: the file.
        validate: makes the profile of what YAML gives; raises pydantic's ValidationError.
        error: what is raised.

    Raises:
        error: the file cannot be read or is no such profile; the message starts with the path.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        profile = validate(yaml.load(path.read_bytes(), Loader=loader))
    except ValidationError as invalid:
        first = invalid.errors()[0]
        raise error(f"{path}: {'.'.join(map(str, first['loc'])) or 'profile'}: {first['msg']}") from None
    except (OSError, yaml.YAMLError) as unreadable:
        raise error(f"{path}: {' '.join(str(unreadable).split())}") from None
    if profile.name != path.stem:
        raise error(f"{path}: name: is '{profile.name}', the file is called '{path.stem}'")
    return profile
