"""`sim doctor`: what is installed, what works here, and how to get the rest."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from itertools import groupby

from machines.qemu import kvm
from sim.doctor import backends, computer, packages, programs
from sim.doctor.finding import Finding, State
from sim.exit_codes import EXIT_ENVIRONMENT, EXIT_PASSED

_STYLES = {"ok": "green", "-": "dim", "MISSING": "bold red", "BROKEN": "bold red"}


def diagnose(as_json: bool) -> int:
    """Look at everything and print it.

    Parameters:
        as_json: print the findings as JSON instead of lines for people.

    Returns:
        The exit code: passed if `sim run` has all that it needs.
    """
    findings = examine()
    blocking = [finding for finding in findings if finding.blocks]
    if as_json:
        described = {"ready": not blocking, "findings": [finding.as_dict() for finding in findings]}
        json.dump(described, sys.stdout, indent=2)
        print()
    else:
        _print(findings, blocking)
    return EXIT_ENVIRONMENT if blocking else EXIT_PASSED


def examine() -> list[Finding]:
    """Return all findings, area by area."""
    qemu, binary = programs.qemu()
    python = packages.look()
    if any(finding.blocks for finding in python):  # what uses the missing package cannot even be imported
        tools = programs.builders(compiles=True, makes_image=True)
        return [*computer.look(), qemu, *tools, *python, *backends.look(backends.UNTRIED), backends.UNTRIED]
    from sim.doctor import cached, launchers, linux_boards, lockstep, microcontrollers

    with kvm.probing(binary) as verdict:  # runs beside all the rest
        cache = cached.look(binary)
        virtual = lockstep.look(binary) if binary is not None and cache.compiled else backends.UNTRIED
        accelerated = backends.accelerated(verdict())
    tools = programs.builders(compiles=not cache.compiled, makes_image=not cache.has_image)
    modes = [virtual, backends.REALTIME, accelerated]
    nodes = [*linux_boards.look(), *backends.look(virtual), *microcontrollers.look(), *launchers.look()]
    return [*computer.look(), qemu, *tools, *python, *cache.findings, *nodes, *modes]


def _print(findings: Sequence[Finding], blocking: Sequence[Finding]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    width = max(len(finding.name) for finding in findings)
    for area, members in groupby(findings, key=lambda finding: finding.area):
        console.print(Text(area, style="bold"))
        for finding in members:
            mark = _mark(finding)
            text = f"{finding.name:{width}}  {finding.detail}"
            console.print(Text.assemble("  ", (f"{mark:8}", _STYLES[mark]), text))
            if finding.state is not State.OK and finding.remedy:
                console.print(Text(f"{'':{width + 12}}how: {finding.remedy}", style="dim"))
    console.print()
    if blocking:
        names = ", ".join(finding.name for finding in blocking)
        console.print(Text(f"sim run lacks something here: {names}", style="bold red"))
    else:
        console.print(Text("Everything that sim run needs is here.", style="bold green"))


def _mark(finding: Finding) -> str:
    if finding.state is State.OK:
        return "ok"
    return finding.state.value.upper() if finding.needed else "-"
