"""Boards that are not on the chip: tensors take the time that their wire takes, and no longer."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from machines.native.link_timing import KINDS, LinkTiming

from .microcontrollers import RISCV, XTENSA, channel, failures, node, sinks, write
from .simulator import Finished, run

MS = 1_000_000
LINKS = {
    "spi": ("20MHz", "30us", "512B"),
    "uart": ("1Mbit/s", "0us", "64B"),
    "sdio": ("25MHz", "20us", "512B"),
    "can": ("500kbit/s", "50us", "8B"),
}


def wire(kind: str) -> dict[str, str]:
    """Describe a link."""
    return {"kind": kind, **dict(zip(("rate", "latency", "mtu"), LINKS[kind], strict=True))}


def over_a_link(folder: Path, kind: str, overflow: str = "block", rate: str = "100Hz", **keys: Any) -> Path:
    """Write a scenario in which tensors go from the chip over a link to a board, which has a sink of its own."""
    channels = {
        "start": channel("samples", "chip.service.tensor", overflow=overflow),
        "up": channel("chip.service.result", "board.service.tensor", overflow=overflow),
        "end": channel("board.service.result", "sink"),
    }
    devices = {"samples": {"kind": "recording", "source": "samples.npy", "rate": rate}, "sink": {"kind": "sink"}}
    return write(folder, {"chip": node(), "board": node(board=XTENSA, link=wire(kind))}, channels, devices, **keys)


def published(done: Finished, name: str) -> dict[int, int]:
    """Return when the tensors of a ring were published in ns, by the number of the sample that they come from."""
    lines = [line.split() for line in (done.folder / "trace.log").read_text().splitlines()]
    tensors = [words for words in lines if words[1:3] == ["tensor", name]]
    return {int(words[5]): int(words[4]) for words in tensors}


def delayed(sent: dict[int, int], timing: LinkTiming) -> dict[int, int]:
    """Return when tensors that never meet must be published behind a link: at the first boundary after they arrive."""
    arrivals = {sample: ns + timing.wire_ns(64) + timing.latency_ns for sample, ns in sent.items()}
    return {sample: -(-ns // MS) * MS for sample, ns in arrivals.items()}


def timing_of(rate: int, kind: str, latency_ns: int, mtu: int) -> LinkTiming:
    """Return the timing of a link."""
    return LinkTiming(KINDS[kind], Fraction(rate), latency_ns, mtu)


TIMINGS = {
    "spi": timing_of(20_000_000, "spi", 30_000, 512),
    "uart": timing_of(1_000_000, "uart", 0, 64),
    "sdio": timing_of(25_000_000, "sdio", 20_000, 512),
    "can": timing_of(500_000, "can", 50_000, 8),
}


@pytest.mark.parametrize("kind", LINKS)
def test_tensors_are_delayed_as_computed(tmp_path: Path, kind: str) -> None:
    done = run(tmp_path / "out", over_a_link(tmp_path, kind), "100ms")
    assert (done.code, failures(done)) == (0, {}), done.out + done.err
    timing = TIMINGS[kind]
    sent, arrived = published(done, "up@chip"), published(done, "up")
    steady = range(2, len(arrived))  # before, the two sides still meet
    assert len(steady) >= 6
    expected = delayed(sent, timing)
    assert {sample: arrived[sample] for sample in steady} == {sample: expected[sample] for sample in steady}
    received = done.figures["links"]["board"]["received"]
    assert received["tensors"] == len(sent)
    assert received["packets"] == len(sent) * timing.packets(64)
    assert received["bytes"] == 64 * len(sent)
    assert received["worst_transit_us"] >= (timing.wire_ns(64) + timing.latency_ns) / 1000
    assert set(done.figures["channels"]) == {"start", "up@chip", "up", "end"}


def test_two_boards_speak_over_both_links(tmp_path: Path) -> None:
    channels = {
        "start": channel("samples", "near.service.tensor"),
        "across": channel("near.service.result", "far.service.tensor"),
        "end": channel("far.service.result", "sink"),
    }
    nodes = {"near": node(board=RISCV, link=wire("uart")), "far": node(board=XTENSA, link=wire("spi"))}
    devices = {
        "samples": {"kind": "recording", "source": "samples.npy", "rate": "100Hz"},
        "sink": {"kind": "sink"},
    }
    scenario = write(tmp_path, nodes, channels, devices)
    done = run(tmp_path / "out", scenario, "100ms")
    assert (done.code, failures(done)) == (0, {}), done.out + done.err
    legs = ["across@near", "across@near@link", "across"]
    assert set(done.figures["channels"]) == {"start", *legs, "end"}
    first, second, third = (published(done, leg) for leg in legs)
    steady = range(2, len(third))
    assert len(steady) >= 6
    expected = delayed(first, TIMINGS["uart"])
    assert [second[sample] for sample in steady] == [expected[sample] for sample in steady]
    expected = delayed(second, TIMINGS["spi"])
    assert [third[sample] for sample in steady] == [expected[sample] for sample in steady]
    again = run(tmp_path / "again", scenario, "100ms")
    assert again.figures["digest"] == done.figures["digest"]


@pytest.mark.parametrize("overflow", ["block", "drop_newest", "drop_oldest"])
def test_a_wire_that_is_too_slow(tmp_path: Path, overflow: str) -> None:
    """2000 tensors a second for a bus that carries some 300: they wait, or some are dropped."""
    done = run(tmp_path / "out", over_a_link(tmp_path, "can", overflow, "2000Hz"), "200ms")
    assert (done.code, failures(done)) == (0, {}), done.out + done.err
    channels = done.figures["channels"]
    dropped = sum(channels[name]["dropped"] for name in ("start", "up@chip", "up"))
    samples = list(published(done, "end"))
    assert samples == sorted(set(samples))
    assert len(samples) >= 50
    if overflow == "block":
        assert (dropped, samples) == (0, list(range(len(samples))))
    else:
        assert dropped > 250
        assert samples[-1] > 300, "what arrives is of today"
    assert done.figures["links"]["board"]["received"]["busy_share"] > 0.9


def test_the_backend_makes_no_difference_to_what_is_computed(tmp_path: Path) -> None:
    """The same service on both backends, at a speed other than the board's: equal bytes, and the report says scaled."""
    scenario = over_a_link(tmp_path, "spi")
    ran = {}
    for backend in ("qemu", "labwired"):
        chosen = ("--set", f"partitions.board.backend={backend}", "--set", "partitions.board.speed=31.25 MIPS")
        ran[backend] = run(tmp_path / backend, scenario, "100ms", *chosen)
        assert ran[backend].code == 0, ran[backend].err
        told = ran[backend].figures["microcontrollers"]["board"]
        assert (told["backend"], told["mips"], told["board_mips"], told["clock_scaled"]) == (backend, 31.25, 250, True)
        assert not ran[backend].figures["microcontrollers"]["chip"]["clock_scaled"]
    assert sinks(ran["qemu"]) == sinks(ran["labwired"])
    own = run(tmp_path / "own", scenario, "100ms")
    assert own.figures["microcontrollers"]["board"]["clock_scaled"] is False
    assert sinks(own) == sinks(ran["qemu"])
    assert own.figures["digest"] != ran["qemu"].figures["digest"]
