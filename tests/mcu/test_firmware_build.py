"""From C to ELF: every board and backend, equal bytes, sizes, and what is said when something does not work."""

from __future__ import annotations

import concurrent.futures
import itertools
import shutil
from pathlib import Path

import pytest
from firmware_rig import BROKEN, SERVICES, board_named

from guests.mcu import declarations, toolchain
from guests.mcu.build import _core_sources, _Target, build
from machines import boards
from machines.boards import McuBoard
from machines.errors import EnvironmentLacks
from machines.mcu.firmware import FirmwareError, load

ECHO = SERVICES / "echo.c"
M4 = board_named("mps2-an386")


def mcu_boards() -> list[McuBoard]:
    return [board for name in boards.names() if isinstance(board := boards.load(name), McuBoard)]


PAIRS = [(board.name, backend) for board in mcu_boards() for backend in board.backends]


@pytest.mark.parametrize("board", mcu_boards(), ids=lambda board: board.name)
def test_memory_map_of_each_backend_is_sound(board: McuBoard) -> None:
    assert board.speed_mips in board.speeds_mips
    for entry in board.backends.values():
        spans = sorted((entry.code, entry.data, entry.window), key=lambda span: span.address)
        assert all(one.end <= other.address for one, other in itertools.pairwise(spans))
        assert entry.code.address % 1024 == 0 and entry.data.address % 4096 == 0 and entry.window.address % 4096 == 0


@pytest.mark.parametrize(("board", "backend"), PAIRS)
def test_a_service_builds_for_every_board_and_backend(board: str, backend: str) -> None:
    profile = board_named(board)
    firmware = build(profile, backend, SERVICES / "safety_monitor.c", {})
    assert [(port.name, port.direction, port.dtype, port.shape, port.optional) for port in firmware.ports] == [
        ("detections", "input", "float32", (16, 6), False),
        ("status", "output", "uint8", (8,), False),
    ]
    assert 8_000 < firmware.flash_bytes < 32_000
    assert 8_192 < firmware.ram_bytes < 16_384
    assert firmware.sections[".stack"] >= 8_192
    on_tensors = next(address for address, name in firmware.functions if name == "on_tensors")
    assert firmware.symbol(on_tensors) == "on_tensors"
    assert firmware.symbol(on_tensors + 2) == "on_tensors+0x2"
    assert firmware.symbol(0xFFFFFFF0) == "no function"


@pytest.mark.parametrize(("board", "backend"), PAIRS)
def test_files_of_one_core_have_names_of_their_own(board: str, backend: str) -> None:
    profile = board_named(board)
    entry = next(entry for name, entry in profile.backends.items() if name == backend)
    names = [file.stem for file in _core_sources(_Target(profile, entry))]
    assert len(set(names)) == len(names)


def test_equal_inputs_give_equal_bytes_wherever_they_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    for folder in ("here", "somewhere/else"):
        source = tmp_path / folder / "echo.c"
        source.parent.mkdir(parents=True)
        shutil.copy(ECHO, source)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / folder / "cache"))
        built.append(build(M4, "qemu", source, {}))
    assert built[0].elf != built[1].elf
    assert built[0].elf.read_bytes() == built[1].elf.read_bytes()
    assert str(tmp_path).encode() not in built[0].elf.read_bytes()
    assert not list((tmp_path / "here").glob("cache/edgesim/firmware/.*"))


def test_settings_and_what_is_included_make_another_firmware(tmp_path: Path) -> None:
    source = tmp_path / "panic.c"
    source.write_text('#include "service.h"\n#include "code.h"\nOUTPUT(unused, uint8, 1)\nSETTING(code, 1)\n'
                      "void on_start(void) { panic(code + MORE); }\n")  # fmt: skip
    (tmp_path / "code.h").write_text("#define MORE 1\n")
    first = build(M4, "qemu", source, {})
    assert build(M4, "qemu", source, {"code": 1}).elf == first.elf
    assert build(M4, "qemu", source, {"code": 2}).digest != first.digest
    (tmp_path / "code.h").write_text("#define MORE 2\n")
    assert build(M4, "qemu", source, {}).digest != first.digest


def test_several_processes_may_build_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with concurrent.futures.ProcessPoolExecutor(3) as pool:
        found = [job.result() for job in [pool.submit(build, M4, "qemu", ECHO, {}) for _ in range(3)]]
    assert len({firmware.digest for firmware in found}) == 1


HEAD = '#include "service.h"\nOUTPUT(out, uint8, 1)\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HEAD + "void on_start(void) { missing(); }\n", r"bad\.c:3: implicit declaration of function 'missing'"),
        (HEAD + "void on_start(void) { int unused; }\n", r"bad\.c:3: unused variable 'unused'"),
        (HEAD + '#include "none.h"\n', r"bad\.c:3: none\.h: No such file or directory"),
        (HEAD + "double x; void on_start(void) { extern int f(void); x = f(); }\n", r"bad\.c: f is not defined"),
        (HEAD + 'void on_start(void) { volatile char big[2000]; big[0] = 1; log_line("%d", big[0]); }\n',
         r"bad\.c:3: the frame size of 20"),
        (HEAD + "static volatile char big[0x400000]; void on_start(void) { big[output_connected(&out)] = 1; }\n",
         r"bad\.c needs 42\d{5} bytes of RAM, mps2-an386 has 4194304$"),
        (HEAD + "const volatile char big[0x400000] = {1}; void on_start(void) { (void)big[output_connected(&out)]; }\n",
         r"bad\.c needs 42\d{5} bytes of flash, mps2-an386 has 4194304$"),
        ("OUTPUT(out, uint9, 1)\n", r"bad\.c line 1: port 'out': unknown dtype uint9; one of bool"),
        ("INPUT(in, MODEL_INPUT)\n", r"bad\.c: needs a model"),
    ],
)  # fmt: skip
def test_what_does_not_compile_or_fit_is_one_line(text: str, says: str, tmp_path: Path) -> None:
    source = tmp_path / "bad.c"
    source.write_text(text)
    with pytest.raises(FirmwareError, match=says) as caught:
        build(M4, "qemu", source, {})
    assert "\n" not in str(caught.value)


def test_an_unknown_setting_is_named() -> None:
    with pytest.raises(FirmwareError, match=r"panic\.c: has no setting 'cod'; its settings: code"):
        build(M4, "qemu", BROKEN / "panic.c", {"cod": 1})


def test_an_impossible_setting_is_refused_by_the_service() -> None:
    with pytest.raises(FirmwareError, match="deadline_ms and report_ms are at least 1"):
        build(M4, "qemu", SERVICES / "safety_monitor.c", {"deadline_ms": 0})


def test_a_missing_compiler_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    toolchain._compiler.cache_clear()
    try:
        with pytest.raises(EnvironmentLacks, match=r"apt-get install gcc-arm-none-eabi$"):
            build(M4, "qemu", ECHO, {})
    finally:
        toolchain._compiler.cache_clear()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("INPUT(in, float32, 0)", "port 'in' has a dimension of 0; at least 1"),
        ("INPUT(in, float32)", "port 'in' has 0 dimensions; 1 to 6"),
        ("INPUT(in, float32, 1, 1, 1, 1, 1, 1, 1)", "port 'in' has 7 dimensions; 1 to 6"),
        ("INPUT(in, float32, N)", "dimension of port 'in' is N; write a whole number"),
        ("INPUT(a_very_long_name, uint8, 1)", "has 16 characters; at most 15"),
        ("OUTPUT(x, uint8,", r"OUTPUT\(x, uint8, cannot be read; write it on one line like OUTPUT\(status"),
        ("SETTING(x, 1.5)", "default of setting 'x' is 1.5; write a whole number"),
        ("SETTING(x, 0x80000000)", "default of setting 'x' is 0x80000000; -2147483648 to 2147483647"),
        ("SETTING(x)", "cannot be read"),
        ("INPUT(y, uint8, 1)\nSETTING(y, 1)", "line 2: 'y' is declared twice"),
        ("INPUT(in, float64, 65536, 65536)", "less than 4 GiB"),
    ],
)
def test_wrong_declarations_are_named_with_their_line(line: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(declarations.DeclarationError, match=says):
        declarations.parse(line, tmp_path / "x.c")


def test_declarations_are_those_of_the_elf_file() -> None:
    found = declarations.read(BROKEN / "scaled.c")
    firmware = build(M4, "qemu", BROKEN / "scaled.c", {})
    for port in firmware.ports:
        declared = found.ports[port.name]
        assert not isinstance(declared.tensor, str)
        assert (port.direction, port.optional) == (declared.direction, declared.optional)
        assert (port.dtype, port.shape) == (declared.tensor.dtype, declared.tensor.shape)


def test_declarations_in_comments_do_not_count(tmp_path: Path) -> None:
    text = "/*\nINPUT(a, uint8, 1)\n*/\n// OUTPUT(b, uint8, 1)\nINPUT(c, MODEL_INPUT) /* x */\nSETTING(d, -0x10)\n"
    found = declarations.parse(text, tmp_path / "x.c")
    assert list(found.ports) == ["c"] and found.ports["c"].tensor == "MODEL_INPUT"
    assert found.settings == {"d": -16} and found.uses_model


def corrupted(tmp_path: Path, change: dict[int, bytes]) -> Path:
    """A copy of the echo firmware with other bytes at some offsets."""
    raw = bytearray(build(M4, "qemu", ECHO, {}).elf.read_bytes())
    for offset, data in change.items():
        raw[offset : offset + len(data)] = data
    target = tmp_path / "own.elf"
    target.write_bytes(raw)
    return target


def test_an_elf_of_another_core_is_refused() -> None:
    riscv = build(board_named("esp32c3"), "qemu", ECHO, {}).elf
    with pytest.raises(FirmwareError, match="is for RISC-V, mps2-an386 has a Cortex-M4F; compile it with arm"):
        load(riscv, M4, "qemu")


def test_an_elf_for_other_addresses_is_refused() -> None:
    m33 = build(board_named("mps2-an505"), "qemu", ECHO, {}).elf
    with pytest.raises(FirmwareError, match="at 0x10000000 are outside of the memory of mps2-an386: 0x00000000 to"):
        load(m33, M4, "qemu")


def test_files_that_are_no_firmware_are_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.elf"
    text.write_text("hello")
    with pytest.raises(FirmwareError, match="is no sound ELF file"):
        load(text, M4, "qemu")
    with pytest.raises(FirmwareError, match="cannot be read: No such file"):
        load(tmp_path / "none.elf", M4, "qemu")
    with pytest.raises(FirmwareError, match="is for x86-64, mps2-an386 has"):
        load(Path(shutil.which("true") or "/bin/true"), M4, "qemu")


def test_an_elf_without_ports_or_vector_table_is_refused(tmp_path: Path) -> None:
    elf = build(M4, "qemu", ECHO, {})
    raw = elf.elf.read_bytes()
    name = raw.index(b".mcu_ports\0")
    with pytest.raises(FirmwareError, match=r"has no section \.mcu_ports with its ports"):
        load(corrupted(tmp_path, {name: b".xxx"}), M4, "qemu")
    table = raw.index(elf.segments[0].data[:64])
    with pytest.raises(FirmwareError, match="vector table sets the stack to 0x00000000, which is no RAM"):
        load(corrupted(tmp_path, {table: bytes(4)}), M4, "qemu")
    with pytest.raises(FirmwareError, match="has the reset handler 0x00000100, which is no Thumb function"):
        load(corrupted(tmp_path, {table + 4: b"\0\1\0\0"}), M4, "qemu")
    ports = raw.index(b"tensor\0\0\0\0\0\0\0\0\0\0")
    with pytest.raises(FirmwareError, match="port 'tensor' has direction 7"):
        load(corrupted(tmp_path, {ports + 16: b"\7"}), M4, "qemu")
    with pytest.raises(FirmwareError, match="is no name of a port"):
        load(corrupted(tmp_path, {ports: b"t n"}), M4, "qemu")


def test_rubbish_in_an_elf_never_gives_another_error(tmp_path: Path) -> None:
    raw = build(M4, "qemu", ECHO, {}).elf.read_bytes()
    target = tmp_path / "own.elf"
    for offset in [*range(180), *range(len(raw) - 400, len(raw), 7)]:
        for value in (0, 0x7F, 0xFF):
            changed = bytearray(raw)
            changed[offset] = value
            target.write_bytes(changed)
            try:
                load(target, M4, "qemu")
            except FirmwareError as error:
                assert "\n" not in str(error)
