"""The command line: one function per command, each in a file of its own under `sim.commands`."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from sim.exit_codes import EXIT_INTERRUPTED, EXIT_USAGE
from sim.interruption import Interruption

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Run partitioned edge systems, operating systems and all, in repeatable virtual time.",
)
images_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Build, list and prune guest images and snapshots.",
)
app.add_typer(images_app, name="images")

_interruption = Interruption()
_INTERRUPTED = "sim: interrupted", EXIT_INTERRUPTED

Command = Callable[..., None]

Assignments = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override, by dotted key; repeatable.")
]


def _guarded(command: Command) -> Command:
    """Turn what can go wrong in a command into one line and its exit code."""

    @functools.wraps(command)
    def guarded(*arguments: object, **options: object) -> None:
        _interruption.begin()
        try:
            return command(*arguments, **options)
        except KeyboardInterrupt:
            message, code = _INTERRUPTED
        except Exception as error:
            known = _explained(error)
            if known is None:
                raise
            message, code = known
        finally:
            _interruption.over()
        print(message, file=sys.stderr)
        raise typer.Exit(code)

    return guarded


def _explained(error: Exception) -> tuple[str, int] | None:
    """Return what to say of an error and its exit code; None for one that nobody expects."""
    if _interruption.asked:
        return _INTERRUPTED
    from sim.commands.problems import explain  # it imports all that can fail, which is slow

    return explain(error)


@app.command()
@_guarded
def run(
    scenarios: Annotated[list[Path], typer.Argument(metavar="SCENARIO...", help="Such as scenarios/ivi_camera.yaml.")],
    duration: Annotated[str | None, typer.Option(help="Virtual time to run, such as 10s.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    time: Annotated[str | None, typer.Option(metavar="MODE", help="virtual, or realtime: by the wall clock.")] = None,
    launcher: Annotated[str | None, typer.Option(metavar="NAME", help="Starts the guests: direct or libvirt.")] = None,
    libvirt_uri: Annotated[
        str | None,
        typer.Option(metavar="URI", help="libvirt's connection [LIBVIRT_DEFAULT_URI, else libvirt's own choice]."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the report, or of several scenarios [runs/<scenario>-<n>].")
    ] = None,
    set_: Assignments = None,
    repeat: Annotated[int, typer.Option(min=1, metavar="N", help="Run N times; all must agree to the bit.")] = 1,
    baseline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The run must be the same as this baseline or run folder.")
    ] = None,
    save_baseline: Annotated[
        Path | None, typer.Option("--save-baseline", metavar="FILE", help="Keep the run as a baseline.")
    ] = None,
    cold: Annotated[bool, typer.Option("--cold", help="Boot the guests even where snapshots exist.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print result.json and nothing else.")] = False,
) -> None:
    """Run scenarios, one after the other, and write their reports."""
    from sim.commands.run import Options, assigned, run_scenarios

    try:
        overrides = assigned(set_ or [], duration, seed, time, launcher, libvirt_uri)
    except ValueError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(EXIT_USAGE) from None
    raise typer.Exit(run_scenarios(Options(scenarios, overrides, out, cold, json, repeat, baseline, save_baseline)))


@app.command()
@_guarded
def diff(
    run_a: Annotated[Path, typer.Argument(help="Folder of a run, or a baseline.")],
    run_b: Annotated[Path, typer.Argument(help="Another one.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Name the first event in which two runs differ, and tell what changed."""
    from sim.commands.diff import compare_runs

    raise typer.Exit(compare_runs(run_a, run_b, json))


@app.command()
@_guarded
def check(scenarios: Annotated[list[Path], typer.Argument(help="Scenario files.")], set_: Assignments = None) -> None:
    """Check scenarios without starting anything: one line per mistake."""
    from sim.commands.run import assigned
    from sim.scenario import check as check_files

    try:
        overrides = assigned(set_ or [])
    except ValueError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(EXIT_USAGE) from None
    raise typer.Exit(check_files(scenarios, overrides)[1])


@app.command()
@_guarded
def size(
    scenario: Annotated[Path, typer.Argument(metavar="SCENARIO", help="Such as scenarios/ivi_camera.yaml.")],
    target: Annotated[
        str, typer.Option(metavar="TEXT", help='What depths must achieve: "drops=0,p99(camera->display)<80ms".')
    ] = "drops=0",
    from_: Annotated[
        Path | None, typer.Option("--from", metavar="RUN", help="Folder of a run that has the execution times.")
    ] = None,
    set_: Assignments = None,
    write: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the scenario with the proposed depths; a new file.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the report [runs/<scenario>-size-<n>].")] = None,
    emulate: Annotated[
        bool | None,
        typer.Option(
            "--emulate/--no-emulation",
            help="Run the scenario with the proposed depths [unless it declares all its times].",
            show_default=False,
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print size.json and nothing else.")] = False,
) -> None:
    """Find the least depths of rings that meet a target, what memory they take, and what breaks first."""
    from sim.commands.run import assigned
    from sim.commands.size import Options
    from sim.commands.size import size as answer

    try:
        overrides = assigned(set_ or [])
    except ValueError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(EXIT_USAGE) from None
    raise typer.Exit(answer(Options(scenario, target, from_, overrides, write, out, emulate, json)))


@app.command()
@_guarded
def sweep(
    scenario: Annotated[Path, typer.Argument(metavar="SCENARIO", help="Such as scenarios/ivi_camera.yaml.")],
    grid: Annotated[
        list[str] | None,
        typer.Option("--grid", metavar="AXIS=VALUES", help="Such as cameras=1..12 or depth=2,4,8; repeatable."),
    ] = None,
    sample: Annotated[
        int | None, typer.Option(metavar="N", help="N points by Latin hypercube [all combinations].")
    ] = None,
    from_: Annotated[
        Path | None, typer.Option("--from", metavar="RUN", help="Folder of a run that has the execution times.")
    ] = None,
    set_: Assignments = None,
    path: Annotated[
        list[str] | None, typer.Option("--path", metavar="FROM->TO", help="Measure this path as well; repeatable.")
    ] = None,
    duration: Annotated[str | None, typer.Option(help="Virtual time of each point, such as 10s.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random, the sample included.")] = None,
    engine: Annotated[str, typer.Option(metavar="NAME", help="Answers in parallel: local or ray.")] = "local",
    jobs: Annotated[
        int | None, typer.Option(min=1, max=1024, metavar="N", help="Processes at once [one for each processor].")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder; one of an interrupted sweep goes on [runs/<scenario>-sweep-<n>].")
    ] = None,
) -> None:
    """Vary a scenario along axes, simulate each point by the model, and tell the best ones."""
    from sim.commands.run import assigned
    from sim.commands.sweep import Options, sweep_scenario

    try:
        overrides = assigned(set_ or [], duration, seed)
    except ValueError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(EXIT_USAGE) from None
    options = Options(scenario, grid or (), sample, from_, overrides, path or (), engine, jobs, out)
    raise typer.Exit(sweep_scenario(options))


@app.command()
@_guarded
def schema() -> None:
    """Print the JSON Schema of scenarios, for editors."""
    from sim.commands.schema import print_schema

    print_schema()


@app.command()
@_guarded
def doctor(json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False) -> None:
    """Tell what is installed, what works here, and how to get the rest."""
    from sim.commands.doctor import diagnose

    raise typer.Exit(diagnose(json))


@app.command()
@_guarded
def model(
    file: Annotated[Path, typer.Argument(help="A model, such as guests/models/motion_int8.tflite.")],
    board: Annotated[
        str | None, typer.Option(help="Microcontroller to compile it for and to measure it on, such as esp32s3.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="Accelerator on which to place its layers and model its time, such as k210.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Tell what an int8 model needs on a microcontroller or takes on an accelerator, layer by layer, and if it fits."""
    from sim.commands.model import describe

    raise typer.Exit(describe(file, board, json, device))


@app.command()
@_guarded
def console(
    run_folder: Annotated[Path, typer.Argument(help="Folder of a run, also of one that still goes on.")],
    partition: Annotated[str, typer.Argument(help="Name of a partition.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run ends.")] = False,
) -> None:
    """Print the serial console of a partition."""
    from sim.commands.console import print_console

    raise typer.Exit(print_console(run_folder, partition, follow))


@images_app.command("build")
@_guarded
def images_build(
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing if all is there.")] = False,
    refresh: Annotated[bool, typer.Option("--refresh", help="Take the packages' present versions.")] = False,
    machine: Annotated[str, typer.Option("--machine", help="Board whose guests it is for.")] = "linux-x86_64",
) -> None:
    """Build the guest image, the ring and the QEMU plugin where they are not in the cache."""
    from sim.commands.images import build

    build(quiet, refresh, machine)


@images_app.command("list")
@_guarded
def images_list() -> None:
    """List what the cache holds."""
    from sim.commands.images import print_list

    print_list()


@images_app.command("prune")
@_guarded
def images_prune(
    everything: Annotated[bool, typer.Option("--all", help="Also what the current version would use.")] = False,
) -> None:
    """Remove images and snapshots that the current version does not use."""
    from sim.commands.images import prune

    prune(everything)


def main() -> None:
    """Run the command line; SIGTERM ends it as Ctrl-C does, so that everything is cleaned up."""
    _interruption.watch()
    app()
