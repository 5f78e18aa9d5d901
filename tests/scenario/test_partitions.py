"""Two kinds of partitions: what a microcontroller's keys become, and what its program says of ports and settings."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guests.service import TensorType
from machines import boards
from machines.native.link_timing import KINDS
from sim.scenario import Scenario, ScenarioErrors, load
from sim.scenario.firmware import FirmwareProblem, declarations, elf_ports, model_facts
from sim.scenario.partitions import Link, LinuxPartition, McuPartition, Wire
from sim.scenario.ports import Endpoint
from sim.scenario.services import required_inputs

HERE = Path(__file__).parent
VALID = HERE / "valid.yaml"
MONITOR = HERE / "services" / "monitor.c"
MOTION = HERE.parents[1] / "guests" / "models" / "motion_int8.tflite"
MCU = """
name: mcu
time: {duration: 1s}
host: {memory: 1M}
partitions:
  node:
    machine: MACHINE
    PROGRAM
devices:
  camera: {kind: camera, source: plates, size: 160x120, rate: 10Hz, format: gray8}
channels:
  frames: {from: camera, to: node.END, tensor: "uint8[120,160]"}
"""


@pytest.fixture(scope="module")
def valid() -> Scenario:
    return load(VALID)


def scenario(folder: Path, machine: str, program: str, end: str = "monitor.frame", more: str = "") -> Path:
    """Write a scenario of one microcontroller that takes a camera's pictures."""
    path = folder / "mcu.yaml"
    text = MCU.replace("MACHINE", machine).replace("PROGRAM", program).replace("END", end)
    path.write_text(text + more)
    return path


def told(path: Path) -> list[str]:
    with pytest.raises(ScenarioErrors) as caught:
        load(path)
    return [problem.message for problem in caught.value.problems]


RUN = f"services: {{monitor: {{run: {MONITOR}}}}}"


def test_the_machine_tells_the_kind(valid: Scenario) -> None:
    kinds = {name: (type(each), each.kind) for name, each in valid.partitions.items()}
    assert kinds == {
        "perception": (LinuxPartition, "linux"),
        "cockpit": (LinuxPartition, "linux"),
        "safety": (McuPartition, "mcu"),
        "cabin": (McuPartition, "mcu"),
    }


def test_what_a_microcontroller_has(valid: Scenario) -> None:
    safety = valid.partitions["safety"]
    assert isinstance(safety, McuPartition)
    assert safety.board is boards.load("mps2-an386")
    assert (safety.backend, safety.speed_mips, safety.watchdog_ns) == ("qemu", Fraction(125), 200_000_000)
    assert (safety.service_names, safety.firmware) == (("monitor",), None)
    service = safety.services["monitor"]
    assert (service.source.path, service.settings) == (MONITOR, {"deadline_ms": 50})


def test_what_is_left_out_is_the_boards(tmp_path: Path) -> None:
    for machine, speed in (("mps2-an386", Fraction(125, 4)), ("esp32s3", Fraction(250))):
        node = load(scenario(tmp_path, machine, RUN)).partitions["node"]
        assert isinstance(node, McuPartition)
        assert (node.backend, node.speed_mips, node.watchdog_ns) == ("auto", speed, 10**9)


def wire(machine: str, link: Link | None) -> Wire | None:
    return McuPartition(machine=machine, link=link).effective_link


def test_a_link_is_the_boards_unless_another_is_asked_for(valid: Scenario) -> None:
    assert wire("mps2-an386", None) is None
    board = boards.load("esp32s3")
    assert isinstance(board, boards.McuBoard) and board.link is not None
    own = Wire(board.link.kind, Fraction(board.link.rate_hz), board.link.latency_ns, board.link.mtu_bytes)
    assert wire("esp32s3", None) == wire("esp32s3", Link(kind=own.kind)) == own
    assert wire("esp32s3", Link(kind=own.kind, latency="1ms")) == own._replace(latency_ns=10**6)
    can = KINDS["can"]
    assert wire("esp32s3", Link(kind="can")) == Wire("can", can.rate, can.latency_ns, can.mtu)
    assert wire("esp32s3", Link(kind="can", rate="250kbit/s", mtu="4B")) == Wire("can", 250_000, can.latency_ns, 4)
    cabin = valid.partitions["cabin"]
    assert isinstance(cabin, McuPartition)
    assert cabin.effective_link == Wire("uart", Fraction(921_600), 1_000_000, 256)


def test_a_backend_may_be_set_where_the_file_has_none(tmp_path: Path) -> None:
    path = scenario(tmp_path, "mps2-an386", RUN)
    node = load(path, {"partitions.node.backend": "qemu"}).partitions["node"]
    assert isinstance(node, McuPartition) and node.backend == "qemu"


def test_another_machine_makes_another_kind(tmp_path: Path) -> None:
    path = scenario(tmp_path, "mps2-an386", RUN)
    with pytest.raises(ScenarioErrors) as caught:
        load(path, {"partitions.node.machine": "linux-x86_64"})
    assert [problem.message.split(";")[0] for problem in caught.value.problems if problem.line] == [
        "'memory' is missing",
        "'speed' is missing",
        f"run: '{MONITOR}' is for a microcontroller",
    ]


def test_microcontrollers_take_no_memory_of_the_host(tmp_path: Path) -> None:
    load(scenario(tmp_path, "mps2-an386", RUN))
    path = scenario(tmp_path, "mps2-an386", RUN)
    path.write_text(path.read_text().replace('160]"', '160]", depth: 64'))
    (message,) = told(path)
    assert message == "partitions take 0B and the rings of channels 2.0 MiB, the host has 1M; at least 2M"


def test_every_ring_of_a_channel_takes_memory_of_the_host(tmp_path: Path) -> None:
    """A channel from one board to another has three rings: before, between and behind their links."""
    echo = HERE.parents[1] / "guests/mcu/services/echo.c"
    path = tmp_path / "links.yaml"
    path.write_text(
        "name: links\ntime: {duration: 1s}\nhost: {memory: 28K}\npartitions:\n"
        f"  near: {{machine: esp32s3, services: {{echo: {{run: {echo}}}}}}}\n"
        f"  far: {{machine: esp32c3, services: {{echo: {{run: {echo}}}}}}}\n"
        "devices:\n  log: {kind: sink}\nchannels:\n"
        '  there: {from: near.echo, to: far.echo, tensor: "uint8[64]"}\n'
        '  back: {from: far.echo, to: near.echo, tensor: "uint8[64]", overflow: drop_oldest}\n'
        '  told: {from: far.echo, to: log, tensor: "uint8[64]"}\n'
    )
    load(path)
    with pytest.raises(ScenarioErrors, match="the rings of channels 28K, the host has 27K; at least 1M"):
        load(path, {"host.memory": "27K"})


def test_a_ring_too_large_for_any_region_is_told_like_others(tmp_path: Path) -> None:
    path = scenario(tmp_path, "mps2-an386", RUN)
    path.write_text(path.read_text().replace('[120,160]"', '[480,640,3]", depth: 32768'))
    messages = told(path)
    assert any("28800 MiB of shared memory; at most 256M" in message for message in messages)
    assert not any("the host has" in message for message in messages)


@pytest.mark.parametrize(
    ("partition", "phrases"),
    [
        ("[]", ["a list stands where a section belongs; indent lines with keys backend, "]),
        ("esp32", ["'esp32' stands where a section belongs"]),
        ("{}", ["'machine' is missing", "'memory' is missing", "'speed' is missing"]),
        ("{backend: qemu}", ["'machine' is missing"]),
        ("{machine: esp32s4, memory: 1M}", ["'memory' does not belong here", "unknown machine 'esp32s4'; did you "]),
        ("{machine: 3, memory: 256M, speed: 1 MIPS}", ["machine: '3' stands where text belongs"]),
        ("{machine: zzz, link: {kind: spi}}", ["machine: unknown machine 'zzz'; one of esp32, "]),
        ("{machine: esp32, link: spi}", ["link: 'spi' stands where a section belongs; indent lines with keys kind, "]),
        ("{machine: esp32, link: {}}", ["'kind' is missing"]),
        ("{machine: esp32, services: [a]}", ["services: a list stands where a section belongs"]),
    ],
)  # fmt: skip
def test_what_is_no_partition(tmp_path: Path, partition: str, phrases: list[str]) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(f"name: wrong\ntime: {{duration: 1s}}\npartitions:\n  node: {partition}\n")
    found = told(path)
    assert len(found) == len(phrases), found
    for message, phrase in zip(sorted(found), sorted(phrases), strict=True):
        assert phrase in message


def test_too_many_ends_for_a_microcontroller(tmp_path: Path) -> None:
    sinks = "\n".join(f"  log{n}: {{kind: sink}}" for n in range(32))
    ends = "\n".join(f'  s{n}: {{from: node.monitor.status, to: log{n}, tensor: "uint8[8]"}}' for n in range(32))
    text = scenario(tmp_path, "mps2-an386", RUN).read_text().replace("channels:", f"{sinks}\nchannels:") + ends
    path = tmp_path / "many.yaml"
    path.write_text(text)
    assert told(path) == ["more than 32 channel ends on partition 'node'; split it into several"]
    path.write_text(text.rsplit("\n", 1)[0].replace("  log31: {kind: sink}\n", ""))
    assert len(load(path).outputs_of("node", "monitor")["status"]) == 31


def test_a_larger_window_of_another_backend_is_advised(tmp_path: Path) -> None:
    board = boards.load("esp32s3")
    assert isinstance(board, boards.McuBoard)
    small, large = sorted(board.backends, key=lambda name: board.backends[name].window.bytes)[
        :: len(board.backends) - 1
    ]
    depth = 1 << (board.backends[small].window.bytes // 19_328).bit_length()
    path = scenario(tmp_path, "esp32s3", RUN)
    path.write_text(path.read_text().replace("memory: 1M", "memory: 1G").replace('160]"', f'160]", depth: {depth}'))
    (message,) = told(path)
    assert message.startswith(f"esp32s3 on {small} shares ")
    assert large in message.partition("fewer or smaller tensors, or backend: ")[2].split(" or ")
    assert load(path, {"partitions.node.backend": large}).channels["frames"].depth == depth


# -- programs ------------------------------------------------------------------------------------------------------


def test_declarations_of_a_source() -> None:
    found = declarations(MONITOR)
    assert {name: (port.direction, port.optional, str(port.tensor)) for name, port in found.ports.items()} == {
        "frame": ("input", False, "uint8[120,160]"),
        "last": ("input", True, "uint8[8]"),
        "status": ("output", False, "uint8[8]"),
    }
    assert dict(found.settings) == {"deadline_ms": 100, "lowest": -5}


def test_a_changed_source_is_read_again(tmp_path: Path) -> None:
    source = tmp_path / "some.c"
    source.write_text("SETTING(one, 1)\n")
    assert dict(declarations(source).settings) == {"one": 1}
    source.write_text("SETTING(two, 2)\n")
    os.utime(source, ns=(1, 1))
    assert dict(declarations(source).settings) == {"two": 2}


def test_tensors_of_a_model() -> None:
    facts = model_facts(MOTION)
    window = facts.tensors["MODEL_INPUT"]
    assert window.dtype == "int8"
    assert facts.tensors["MODEL_ROW"] == TensorType("float32", window.shape[-1:])
    assert facts.tensors["MODEL_OUTPUT"].shape[-1] == 4
    assert 0 < facts.arena_bytes < 64 << 10 and 0 < facts.flash_bytes < 256 << 10


def test_a_model_too_large_for_the_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    board = boards.load("mps2-an386")
    small = board.model_copy(update={"flash_bytes": 1000, "ram_bytes": 100})
    monkeypatch.setattr(boards, "load", lambda name: small)
    run = f"{{run: {HERE}/services/classify.c, settings: {{model: {MOTION}}}}}"
    found = [
        text
        for text in told(scenario(tmp_path, "mps2-an386", f"services: {{motion: {run}}}", "motion.row"))
        if "needs" in text
    ]
    assert len(found) == 2
    assert "bytes of flash for its constants, mps2-an386 has 1000; a smaller model or another board" in found[0]
    assert "bytes of RAM for its arena, mps2-an386 has 100; a smaller model or another board" in found[1]


@pytest.fixture(scope="module")
def elf() -> Path:
    from guests.mcu.build import build

    board = boards.load("mps2-an386")
    assert isinstance(board, boards.McuBoard)
    return build(board, "qemu", MONITOR, {}).elf


def test_ends_of_firmware_of_ones_own(tmp_path: Path, elf: Path) -> None:
    found = load(scenario(tmp_path, "mps2-an386", f"firmware: {elf}", "firmware.frame"))
    assert found.channels["frames"].target == Endpoint("node", "firmware", "frame")
    node = found.partitions["node"]
    assert isinstance(node, McuPartition)
    assert (node.service_names, node.firmware and node.firmware.path) == (("firmware",), elf)
    assert found.inputs_of("node", "firmware") == {"frame": "frames"}
    assert required_inputs(node, "firmware") == ("frame",)
    message = told(scenario(tmp_path, "mps2-an386", f"firmware: {elf}", "firmware.fraem"))[0]
    assert message == "unknown input 'fraem' of 'node.firmware'; did you mean 'frame'?"


def test_what_a_call_waits_for(valid: Scenario) -> None:
    waits = {
        (node, service): required_inputs(partition, service)
        for node, partition in valid.partitions.items()
        for service in partition.service_names
    }
    assert waits == {
        ("perception", "detector"): ("frame",),
        ("cockpit", "smooth"): ("detections",),
        ("cockpit", "head_unit"): ("detections", "preview"),
        ("safety", "monitor"): ("frame",),
        ("cabin", "motion"): ("window",),
    }


@pytest.mark.parametrize("backend", ["auto", "labwired"])
def test_firmware_for_another_core(tmp_path: Path, elf: Path, backend: str) -> None:
    program = f"backend: {backend}\n    firmware: {elf}"
    found = told(scenario(tmp_path, "esp32c3", program, "firmware.frame"))
    assert found == [f"{elf.name}: is for Arm, esp32c3 has a RV32IMC; compile it with riscv64-unknown-elf-gcc"]


def test_a_program_of_this_computer_is_no_firmware(tmp_path: Path) -> None:
    program = tmp_path / "hello"
    program.write_bytes(Path("/proc/self/exe").read_bytes()[: 8 << 20])
    found = told(scenario(tmp_path, "mps2-an386", f"firmware: {program}", "firmware.frame"))
    assert len(found) == 1 and ("is for x86-64" in found[0] or "is no sound ELF file" in found[0])


@settings(deadline=None, max_examples=200)
@given(data=st.binary(max_size=200) | st.binary(max_size=200).map(lambda rest: b"\x7fELF\x01\x01\x01" + rest))
def test_any_bytes_are_firmware_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.elf"
    path.write_bytes(data)
    board = boards.load("mps2-an386")
    assert isinstance(board, boards.McuBoard)
    with pytest.raises(FirmwareProblem) as caught:
        elf_ports(path, board, ["qemu"])
    assert "\n" not in str(caught.value) and str(path) not in str(caught.value)
