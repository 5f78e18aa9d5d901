"""A program that behaves as ``renode`` does towards the simulator: options, monitor over telnet, External Control.

Started as ``fake_renode.py VERSION TRICK ...``; TRICK is a way to misbehave, or ``none``.
"""

from __future__ import annotations

import os
import shlex
import socket
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from paper_board import Board, Refusal
from server import ControlServer

OFFER = bytes.fromhex("fffd00fffb01fffb03fffc22")
ANSWER_BYTES = 9
OPTIONS = ["--disable-xwt", "--plain", "--hide-monitor", "--keep-temporary-files", "-P"]


class TrickyBoard(Board):
    """A board whose Renode has trouble while it runs."""

    trick = "none"

    def run(self, duration_us: int) -> None:
        """Run, or die, or hang."""
        if self.trick == "die":
            print("12:00:00.0000 [ERROR] cpu: CPU abort [PC=0x42]: fake", flush=True)
            os._exit(134)
        if self.trick == "hang":
            time.sleep(3600)
        super().run(duration_us)


class Monitor:
    """The command line, for one client."""

    def __init__(self, version: str, trick: str) -> None:
        self._version = version
        self._trick = trick
        self._board: Board | None = None
        self._refusals = 1 if trick == "taken" else 0

    def serve(self, connection: socket.socket) -> None:
        """Talk telnet until the client goes."""
        if self._trick == "web":
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            return
        connection.sendall(OFFER)
        stream = connection.makefile("rwb", buffering=0)
        swallowed = b""
        while len(swallowed) < ANSWER_BYTES:
            swallowed += stream.read(ANSWER_BYTES - len(swallowed)) or sys.exit(0)
        stream.write(f"Renode, version {self._version}\r\n\r\r\n\r{self._prompt}".encode())
        line = b""
        while byte := stream.read(1):
            if byte != b"\n":
                line += byte
                stream.write(byte)
                continue
            stream.write(b"\n\r")
            printed = self._execute(line.decode())
            stream.write("".join(f"{each}\r\n\r" for each in printed).encode() + self._prompt.encode())
            line = b""

    @property
    def _prompt(self) -> str:
        return f"({self._board.name if self._board else 'monitor'}) "

    def _execute(self, command: str) -> list[str]:
        try:
            return self._do(shlex.split(command))
        except (Refusal, OSError) as error:
            return [f"There was an error executing command '{command}'", str(error)]

    def _do(self, words: list[str]) -> list[str]:
        match words:
            case ["include", path]:
                printed = []
                for line in Path(path[1:]).read_text().splitlines():
                    printed += self._execute(line)
                    if any(each.startswith("There was an error") for each in printed):
                        return printed
                return printed
            case ["emulation", "CreateExternalControlServer", _, port]:
                return self._control(int(port))
            case ["emulation", "SetSeed" | "SetGlobalSerialExecution" | "SetGlobalQuantum", _]:
                return []
            case ["emulation", "SetGlobalAdvanceImmediately", "true"]:
                return []
            case ["mach", "create", name]:
                self._board = TrickyBoard(name, self._version)
                self._board.trick = self._trick
                return []
        if self._board is None:
            return [f"No such command or device: {' '.join(words)}"]
        return self._do_machine(self._board, words)

    def _do_machine(self, board: Board, words: list[str]) -> list[str]:
        window = board.memories.get("window")
        match words:
            case ["machine", "LoadPlatformDescription", path]:
                board.load(Path(path[1:]).read_text())
            case ["sysbus.console", "CreateFileBackend", path, "true"]:
                board.console = Path(path[1:])
                board.console.write_text("")
            case ["sysbus", "LoadELF", path]:
                board.load_elf(Path(path[1:]).read_bytes())
            case ["sysbus.cpu", "VectorTableOffset" | "PC", number]:
                board.started_at = int(number, 0)
            case ["sysbus", "WriteDoubleWord", address, word]:
                board.write(int(address, 0), int(word, 0).to_bytes(4, "little"))
            case ["sysbus", "LoadBinary", path, address]:
                board.write(int(address, 0), Path(path[1:]).read_bytes())
            case ["sysbus", "ReadBytes", address, count]:
                data = board.read(int(address, 0), int(count, 0))
                rows = [", ".join(f"0x{each:02X}" for each in data[at : at + 16]) for at in range(0, len(data), 16)]
                return ["[", *(f"{row}," for row in rows), "]"]
            case ["sysbus.window", "TouchSegment", "0"] if window and self._version >= "1.16":
                window.touch()
            case ["sysbus.window", "GetSegmentPath", "0"] if window and self._version >= "1.16":
                return ["/etc/passwd" if self._trick == "elsewhere" else str(window.path)]
            case ["sysbus.window", "GetSegmentAlignmentOffset", "0"] if window and self._version >= "1.16":
                return ["0x0000000000001000"]
            case _:
                return [f"No such command or device: {' '.join(words)}"]
        return []

    def _control(self, port: int) -> list[str]:
        if self._refusals:
            self._refusals -= 1
            raise Refusal("Address already in use")
        listener = socket.create_server(("", port), backlog=1)
        assert self._board is not None
        threading.Thread(target=self._accept, args=(listener, self._board), daemon=True).start()
        return []

    def _accept(self, listener: socket.socket, board: Board) -> None:
        connection, _ = listener.accept()
        if self._trick == "babble":
            connection.sendall(bytes(range(7, 250)))
            time.sleep(3600)
        ControlServer(connection, self._version, board).serve()


def main(version: str, trick: str, arguments: list[str]) -> None:
    """Do what ``renode ARGUMENTS`` does."""
    if arguments == ["--version"]:
        print(f"Renode v{version}.19220\n  build: 00000000-202602161036\n  build type: Release")
        return
    if arguments[:-1] != OPTIONS:
        sys.exit(f"Error: unexpected arguments {arguments}")
    temporary = Path(os.environ["TMPDIR"])
    assert Path(os.environ["XDG_CONFIG_HOME"]) == temporary == Path.cwd()
    if trick == "exit":
        print("Fatal error: fake trouble with the runtime", flush=True)
        sys.exit(3)
    listener = socket.create_server(("", int(arguments[-1])), backlog=1)
    connection, _ = listener.accept()
    Monitor(version, trick).serve(connection)
    time.sleep(3600)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
