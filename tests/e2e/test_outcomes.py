"""What goes wrong in a guest is told clearly, and by the exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from .simulator import HERE, RELAY, ROOT, Finished, command, run

pytestmark = [pytest.mark.guest, pytest.mark.slow]


def with_service(name: str) -> list[str]:
    """Return the options that put another service into the first guest of the relay."""
    return ["--set", f"partitions.first.services.relay.run={HERE / 'services' / name}"]


def test_a_service_that_raises_fails_its_partition(relayed: Finished, tmp_path: Path) -> None:
    done = run(tmp_path, RELAY, "200ms", *with_service("raising.py:relay"))
    assert done.code == 1, done.out
    partitions = done.figures["partitions"]
    assert "relay" in partitions["first"]["failed"]
    assert "ValueError: the third picture is one too many" in partitions["first"]["failed"]
    assert partitions["second"]["failed"] is None
    assert done.figures["virtual_time_s"] == 0.2
    assert done.figures["channels"]["end"]["delivered"] == 2
    assert "the third picture is one too many" in done.out
    log = (tmp_path / "logs" / "first.log").read_text()
    assert "line 17, in relay" in log
    failed_at_s = float(log.split(maxsplit=1)[0])
    assert 0.04 <= failed_at_s < 0.042  # the third picture of 50 a second, in virtual time


def test_a_service_that_cannot_load_is_named(relayed: Finished, tmp_path: Path) -> None:
    done = run(tmp_path, RELAY, "200ms", *with_service("unloadable.py:Raising"))
    assert done.code == 1
    assert done.err.splitlines()[-1] == "sim: first: service relay: OSError: no licence for this board"


def test_a_service_that_never_loads_is_given_up(relayed: Finished, tmp_path: Path) -> None:
    done = run(tmp_path, RELAY, "200ms", *with_service("unloadable.py:Endless"))
    assert done.code == 1
    assert done.err.splitlines()[-1].startswith("sim: first: its services have not loaded")


def test_a_service_that_never_returns_stops_nobody_else(relayed: Finished, tmp_path: Path) -> None:
    done = run(tmp_path, RELAY, "200ms", *with_service("endless.py:relay"))
    assert done.figures["virtual_time_s"] == 0.2
    assert done.figures["channels"]["end"]["delivered"] == 1
    assert done.figures["partitions"]["first"]["cpu_share"] > 0.85
    assert done.figures["partitions"]["second"]["cpu_share"] < 0.1
    assert done.code == 0  # nothing in the scenario asks for more


def test_pingpong_there_and_back(tmp_path: Path) -> None:
    done = run(tmp_path / "whole", ROOT / "scenarios" / "pingpong.yaml", "2s")
    assert done.code == 0, done.out + done.err
    short = run(tmp_path / "short", ROOT / "scenarios" / "pingpong.yaml", "100ms")
    assert short.code == 1
    assert "FAILED  channels.end.messages >= 98" in short.out


def test_an_idle_minute_is_short(tmp_path: Path) -> None:
    idle = ROOT / "scenarios" / "idle.yaml"
    assert command("run", idle, "--duration", "10ms", "--out", tmp_path / "first").code == 1  # expects a minute
    done = run(tmp_path / "second", idle, "60s")
    assert done.code == 0, done.out + done.err
    assert sum(each["grants"] for each in done.figures["partitions"].values()) < 600  # of 120,000 quanta
    assert done.figures["wall"]["phases"]["run"] < 10
