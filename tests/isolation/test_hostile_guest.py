"""Guests that attack everything that they can reach, as root: nobody else notices, and they are blamed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from e2e.simulator import Finished, processes_naming, run

from guests.linux import image

from .hostile_scenario import BYSTANDERS, NEIGHBOUR, write

pytestmark = [pytest.mark.guest, pytest.mark.slow]

ROUNDS = 10_000
ATTACKS = ("channels", "regions", "doorbells", "ports", "devices", "memory", "suspend", "reboot")
SHARED_MEMORY = Path("/dev/shm")


def partitions(done: Finished) -> dict[str, Any]:
    """Return what a run says of each partition."""
    found: dict[str, Any] = done.figures["partitions"]
    return found


@pytest.fixture(scope="module")
def benign(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The run of the same guests while they do no harm."""
    folder = tmp_path_factory.mktemp("benign")
    return run(folder / "out", write(folder, {name: {"attack": "nothing"} for name in ATTACKS}), "600ms")


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The run with one guest for each attack."""
    folder = tmp_path_factory.mktemp("attacked")
    described = {name: {"attack": name, "rounds": ROUNDS, "seed": seed} for seed, name in enumerate(ATTACKS)}
    before = set(SHARED_MEMORY.iterdir())
    root = image.ensure(lambda text: None).root
    assert root is not None
    written = hashlib.sha256(root.read_bytes()).digest()
    done = run(folder / "out", write(folder, described), "600ms")
    assert hashlib.sha256(root.read_bytes()).digest() == written, "the root image is shared by all guests"
    assert not processes_naming(str(folder))
    assert set(SHARED_MEMORY.iterdir()) <= before
    return done


def test_the_host_goes_on_to_the_end(attacked: Finished) -> None:
    assert (attacked.figures["outcome"], attacked.figures["virtual_time_s"]) == ("completed", 0.6)
    assert attacked.code == 1, attacked.out


@pytest.mark.parametrize(
    ("attack", "done"),
    [
        ("channels", f"{ROUNDS} rounds, 2 regions, 3 doorbell devices"),
        ("regions", f"{ROUNDS} rounds, 3 regions, 3 doorbell devices"),
        ("doorbells", f"{ROUNDS} rounds, 3 doorbell devices"),
    ],
)
def test_every_round_is_done(attacked: Finished, attack: str, done: str) -> None:
    """It reaches its control region, its two channels, and the registers of the three devices that these belong to."""
    console = (attacked.folder / "logs" / f"{attack}.console.log").read_text(errors="replace")
    assert f"hostile: {done}" in console


@pytest.mark.parametrize("name", BYSTANDERS)
def test_bystanders_notice_nothing(benign: Finished, attacked: Finished, name: str) -> None:
    calm, shaken = partitions(benign)[name], partitions(attacked)[name]
    assert shaken["failed"] is None
    assert len(calm["digest"]) == 64
    assert shaken["digest"] == calm["digest"]
    assert attacked.figures["channels"]["across"]["delivered"] == benign.figures["channels"]["across"]["delivered"] > 20


def test_whoever_shares_a_channel_with_it_is_not_blamed(attacked: Finished) -> None:
    neighbour = partitions(attacked)[NEIGHBOUR]
    assert neighbour["state"] in ("ready", "degraded"), neighbour
    assert "driver lied" in (neighbour["failed"] or "driver lied"), "it says itself that the other end is broken"


@pytest.mark.parametrize(
    ("attack", "told"),
    [
        ("channels", "channel "),
        ("regions", "control ring"),
        ("ports", "QEMU ended"),
        ("devices", ""),
        ("suspend", "its machine is suspended"),
        ("reboot", "powered off or reset"),
    ],
)
def test_the_offence_is_reported(attacked: Finished, attack: str, told: str) -> None:
    failed = partitions(attacked)[attack]["failed"]
    assert failed is not None
    assert told in failed


@pytest.mark.parametrize("attack", ["doorbells", "memory"])
def test_what_harms_nobody_is_no_offence(benign: Finished, attacked: Finished, attack: str) -> None:
    """Ringing bells that nobody has, and writing where the machine keeps what is written to itself."""
    assert partitions(attacked)[attack]["failed"] is None
    delivered = [each.figures["channels"][f"from_{attack}"]["delivered"] for each in (benign, attacked)]
    assert delivered[0] == delivered[1] > 20
