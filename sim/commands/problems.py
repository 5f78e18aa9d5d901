"""What can go wrong in a command that a user can do something about: one line and an exit code for each."""

from __future__ import annotations

from sim.exit_codes import EXIT_ENVIRONMENT, EXIT_FAILED, EXIT_USAGE

_EXTRAS = {"plotly": "sizing", "pyarrow": "sizing", "scipy": "sizing", "ray": "cluster"}
"""Packages that only some commands need, and what they are installed with."""


def _lacking(error: Exception) -> str | None:
    """Return what to say of a package that cannot be imported, though it seemed to be there."""
    package = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if package not in _EXTRAS:
        return None
    return f"sim: {package} cannot be imported ({error}): pip install 'edgesim[{_EXTRAS[package]}]'"


def explain(error: Exception) -> tuple[str, int] | None:
    """Return message and exit code of an error that a user can do something about; None for a mistake of ours."""
    from machines.boards import BoardError
    from machines.errors import EnvironmentLacks, ParticipantFailed
    from machines.mcu.firmware import FirmwareError
    from machines.mcu.window import WindowError
    from sim.baseline.recorded import BaselineError
    from sim.commands.console import FolderInUse
    from sim.scenario.problem import ScenarioErrors
    from sim.sizing.errors import SizingError
    from virtio_shm.errors import LibraryError

    if isinstance(error, ScenarioErrors):
        return str(error), EXIT_USAGE
    if isinstance(error, (FolderInUse, BoardError, FirmwareError, WindowError, BaselineError, SizingError)):
        return f"sim: {error}", EXIT_USAGE
    if isinstance(error, (EnvironmentLacks, LibraryError)):
        return f"sim: {error}", EXIT_ENVIRONMENT
    if isinstance(error, ParticipantFailed):
        return f"sim: {error}", EXIT_FAILED
    if isinstance(error, OSError):
        return f"sim: {error}", EXIT_ENVIRONMENT
    lacking = _lacking(error)
    return (lacking, EXIT_ENVIRONMENT) if lacking is not None else None
