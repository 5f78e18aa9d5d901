"""Where execution times come from: a run that there is, the scenario itself, or a run that is made for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from sim.host.legs import Leg, legs_of
from sim.scenario.model import Scenario
from sim.sizing.errors import SizingError
from sim.sizing.plan import LONGEST_NS, NOT_SENT
from sim.sizing.plan.ports import ports_of, services_of
from sim.sizing.timing import ServiceTiming, Timing, read


def timing_of(scenario: Scenario, file: Path, from_run: Path | None, run: Callable[[], Path]) -> Timing:
    """Return execution times of all services of a scenario.

    They are measured in the run that is named. Where none is, they are those that the scenario declares (`time`), if it
    declares all of them; else the scenario is run, and what it declares goes before what was measured.

    Parameters:
        scenario: one that was loaded.
        file: where it was read from.
        from_run: folder of a run; None: none is named.
        run: runs the scenario and returns the folder of its report.

    Raises:
        SizingError: the run is none, or one of another scenario.
    """
    legs = legs_of(scenario)
    declared = _declared(scenario, legs)
    if from_run is not None:
        measured = _fitting(scenario, file, legs, from_run)
        unknown = {name: each for name, each in declared.items() if not measured.services[name].hold_ns}
        return replace(measured, services={**measured.services, **unknown}, origin=f"measured in {from_run}")
    if len(declared) == len(services_of(scenario)):
        return Timing(scenario.name, declared, origin=f"declared in {file}")
    folder = run()
    measured = _fitting(scenario, file, legs, folder)
    also = f", declared for {', '.join(declared)}" if declared else ""
    return replace(measured, services={**measured.services, **declared}, origin=f"measured in {folder}{also}")


def declared_anew(scenario: Scenario, timing: Timing) -> Timing:
    """Return execution times with what a variant of the scenario declares in place of what the scenario declared.

    Parameters:
        scenario: the variant.
        timing: of the scenario.
    """
    declared = _declared(scenario, legs_of(scenario))
    taken = {name: each for name, each in declared.items() if name in timing.services}
    return replace(
        timing,
        services={
            name: taken.get(name, each) if each.source == "declared" else each for name, each in timing.services.items()
        },
    )


def _declared(scenario: Scenario, legs: Sequence[Leg]) -> dict[str, ServiceTiming]:
    """Return the timing of each service that declares how long it takes: it sends at the end of a call, or of some."""
    found = {}
    for partition, service in services_of(scenario):
        described = scenario.partitions[partition].services.get(service)
        if described is not None and described.time_ns is not None:  # `firmware` of a user's own declares none
            time_ns = min(described.time_ns, LONGEST_NS)
            outputs = ports_of(scenario, legs, partition, service).outputs
            silent = ((NOT_SENT,) * len(outputs),) * (described.sends_every - 1)
            calls = (time_ns,) * described.sends_every, (*silent, (time_ns,) * len(outputs))
            found[f"{partition}.{service}"] = ServiceTiming(outputs, *calls, source="declared")
    return found


def _fitting(scenario: Scenario, file: Path, legs: Sequence[Leg], folder: Path) -> Timing:
    """Return what a run measured, if it was one of this scenario."""
    found = read(folder)
    if found.scenario != scenario.name:
        raise SizingError(
            f"{folder} is a run of another scenario, {found.scenario}, and {file} is {scenario.name}; "
            "name a run of this one"
        )
    services = {f"{partition}.{service}" for partition, service in services_of(scenario)}
    _must_equal(folder, file, "services", services, set(found.services))
    _must_equal(folder, file, "rings", {leg.name for leg in legs}, set(found.arrivals))
    for partition, service in services_of(scenario):
        name = f"{partition}.{service}"
        outputs = set(ports_of(scenario, legs, partition, service).outputs)
        _must_equal(folder, file, f"outputs of {name}", outputs, set(found.services[name].outputs))
    return found


def _must_equal(folder: Path, file: Path, what: str, wanted: set[str], found: set[str]) -> None:
    if wanted == found:
        return
    lacking, extra = sorted(wanted - found), sorted(found - wanted)
    parts = [f"it lacks {', '.join(lacking)}"] * bool(lacking) + [f"it has also {', '.join(extra)}"] * bool(extra)
    raise SizingError(f"{folder} is a run of another scenario than {file}: {what}: {'; '.join(parts)}; run it anew")
