"""`sim images`: what is built once and kept in the cache."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from sim.scenario.files import PROJECT

SCENARIOS = PROJECT / "scenarios"
"""Those that come with the simulator; there are none beside an installed wheel."""


def build(quiet: bool, refresh: bool, machine: str) -> None:
    """Build what the cache lacks: guest image, ring, plugin, sizing engine, and firmware of the shipped scenarios.

    Parameters:
        quiet: say nothing where there is nothing to do.
        refresh: ask the mirrors for newer packages; a new image has other digests.
        machine: board whose guest image is built.

    Raises:
        BoardError: there is no such Linux board.
        EnvironmentLacks: a tool is missing or packages cannot be had.
        FirmwareError: firmware does not compile.
    """
    from guests.linux import image
    from machines import boards
    from machines.qemu import binary, plugin
    from sim.sizing.model.engine import library as engine
    from virtio_shm import library

    began = time.monotonic()
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        print(f"images: {text}", flush=True)

    architecture = boards.load_linux(machine).architecture
    ring = library.build_for(architecture)
    engine.build()
    lockstep = plugin.path(binary.find(architecture).plugin_api)
    built = (image.build if refresh else image.ensure)(say, architecture)
    for scenario in sorted(SCENARIOS.glob("*.yaml")):
        _build_firmware(scenario, say)
    if not quiet or said:
        print(f"ring    {ring}\nplugin  {lockstep}\nimage   {built.digest[:16]}  {built.initrd.parent}")
        print(f"done in {time.monotonic() - began:.1f} s")


def _build_firmware(scenario: Path, say: Callable[[str], None]) -> None:
    from machines.cache import cache_dir
    from sim import scenario as language
    from sim.host import microcontrollers

    before = len(list(cache_dir("firmware").iterdir()))
    microcontrollers.prepare(language.load(scenario).microcontrollers)
    if len(list(cache_dir("firmware").iterdir())) > before:
        say(f"firmware of {scenario.name}")


def print_list() -> None:
    """Print images and snapshots with size and age."""
    from guests.linux import image
    from machines.qemu import snapshot

    images = image.list_images()
    for number, each in enumerate(images):
        newest = each.architecture not in {other.architecture for other in images[:number]}
        kernel = f"kernel {each.manifest['kernel']}{'  (newest)' if newest else ''}"
        print(f"image     {each.digest[:16]}  {_size(each.size_bytes)}  {each.architecture:7}  {kernel}")
    snapshots = sorted(snapshot.folder().glob("*.state"))
    for state in snapshots:
        print(f"snapshot  {state.stem[:16]}  {_size(state.stat().st_size)}")
    if not images and not snapshots:
        print("nothing is cached yet; `sim images build` makes the guest image")


def prune(everything: bool) -> None:
    """Remove snapshots, and images that the present sources do not use.

    Parameters:
        everything: also what the present sources use: image, ring, plugin, engine and firmware.
    """
    from guests.linux import image
    from machines.cache import cache_dir
    from machines.qemu import snapshot

    removed: list[Path] = list(image.prune())
    for path in snapshot.folder().iterdir():
        path.unlink()
        removed.append(path)
    if everything:
        for name in ("images", "ring", "plugin", "sizing", "firmware"):
            removed += cache_dir(name).iterdir()
            shutil.rmtree(cache_dir(name))
    print(f"removed {len(removed)} entries" if removed else "nothing to remove")


def _size(count: int) -> str:
    return f"{count / (1 << 20):7.1f} MiB"
