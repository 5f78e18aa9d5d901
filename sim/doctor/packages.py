"""Python packages, as the simulator's own package asks for them."""

from __future__ import annotations

import platform
import re
import sys
from importlib import metadata
from typing import NamedTuple

from sim.doctor.finding import Finding, State

AREA = "Python"
DISTRIBUTION = "edgesim"
PURPOSE = {
    "ai-edge-litert": "runs services on the host, for their tests; guests have their own",
    "av": "reads video files as cameras",
    "iceoryx2": "rival of the ring in the benchmarks",
}
"""Optional packages that are worth a line, and what for."""

_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)\s*(?P<bounds>[^;]*?)\s*(;.*extra == ['\"](?P<extra>\w+)['\"].*)?$")
_BOUND = re.compile(r"(>=|<=|==|!=|<|>|~=)\s*([\w.]+)")


class Requirement(NamedTuple):
    """One line of a package's requirements: `bounds` as written, `extra` empty for what is always needed."""

    name: str
    bounds: str
    extra: str


def look() -> list[Finding]:
    """Return the interpreter and which packages it has."""
    version = platform.python_version()
    found = [Finding(AREA, "Python", State.OK, f"{version}, {sys.executable}", True, facts={"version": version})]
    try:
        lines = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return [*found, Finding(AREA, DISTRIBUTION, State.MISSING, "not installed", True, f"{_pip()} --editable .")]
    requirements = [parse(line) for line in lines]
    return [*found, *(_look_at(each) for each in requirements if not each.extra or each.name in PURPOSE)]


def parse(line: str) -> Requirement:
    """Return a requirement from its line in the metadata, such as ``av>=14; extra == 'video'``.

    Raises:
        ValueError: it has another form.
    """
    match = _REQUIREMENT.match(line)
    if match is None:
        raise ValueError(f"no requirement: {line!r}")
    return Requirement(match["name"], match["bounds"], match["extra"] or "")


def satisfies(version: str, bounds: str) -> bool:
    """Return whether a version lies within bounds such as ``<3,>=1.26``; only numbers count, ``~=`` is not judged."""
    have = _numbers(version)
    for operator, bound in _BOUND.findall(bounds):
        wanted = _numbers(bound)
        size = max(len(have), len(wanted))
        a, b = have + (0,) * (size - len(have)), wanted + (0,) * (size - len(wanted))
        holds = {">=": a >= b, "<=": a <= b, "==": a == b, "!=": a != b, "<": a < b, ">": a > b, "~=": True}
        if not holds[operator]:
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(digits) for part in version.split(".") if (digits := re.match(r"\d*", part)[0]))  # type: ignore[index]


def _look_at(requirement: Requirement) -> Finding:
    name, bounds, extra = requirement
    get = f"{_pip()} '{name}{bounds}'"
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Finding(AREA, name, State.MISSING, PURPOSE.get(name, "not installed"), not extra, get)
    if not satisfies(version, bounds):
        return Finding(AREA, name, State.BROKEN, f"{version}, wanted is {bounds}", not extra, get)
    return Finding(AREA, name, State.OK, version, not extra, facts={"version": version})


def _pip() -> str:
    return f"{sys.executable} -m pip install"
